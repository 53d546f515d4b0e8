from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from course_utils.algorithms import ctc


def test_collapse_merges_first_and_drops_blanks_then():
    assert ctc.collapse([0, 1, 1, 0, 1, 2, 2, 0, 0]) == [1, 1, 2]
    assert ctc.collapse([]) == ctc.collapse([0, 0, 0]) == []
    assert ctc.collapse([5, 5, 1, 5], blank=5) == [1]


@given(st.lists(st.integers(1, 3), max_size=6))
def test_a_text_fits_into_its_fewest_frames_and_not_into_one_less(target):
    frames = ctc.minimum_frames(target)
    texts = {frames: False, frames - 1: False}
    for T in texts:
        if T >= 0:
            texts[T] = any(ctc.collapse(path) == target for path in _paths(target, T))
    assert texts[frames]
    assert not texts[frames - 1]


def _paths(target, T):
    """All paths over the target's symbols where they are few; beyond that, those that can matter."""
    symbols = sorted({0, *target})
    return product(symbols, repeat=T) if len(symbols) ** max(T, 1) < 5000 else product(*_close(target, T))


def _close(target, T):
    around = [{0, *target[max(0, t - 5) : t + 1]} for t in range(T)]
    return [sorted(choices) for choices in around]
