from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from course_utils.algorithms import ctc


def test_collapse_merges_first_and_drops_blanks_then():
    assert ctc.collapse([0, 1, 1, 0, 1, 2, 2, 0, 0]) == [1, 1, 2]
    assert ctc.collapse([]) == ctc.collapse([0, 0, 0]) == []
    assert ctc.collapse([5, 5, 1, 5], blank=5) == [1]


@given(st.lists(st.integers(1, 2), max_size=4))
def test_a_text_fits_into_its_fewest_frames_and_not_into_one_less(target):
    frames = ctc.minimum_frames(target)
    assert any(ctc.collapse(path) == target for path in product(range(3), repeat=frames))
    assert not any(ctc.collapse(path) == target for path in product(range(3), repeat=max(0, frames - 1)) if target)
