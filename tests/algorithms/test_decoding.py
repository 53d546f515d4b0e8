import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.algorithms import decoding


@given(st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=4))
def test_finds_the_planted_paths(paths):
    planted = torch.tensor(paths)
    scores = torch.nn.functional.one_hot(planted, 4).float().log_softmax(2)
    assert decoding.greedy(scores) == [decoding.collapse(path) for path in paths]


def test_lengths_hide_the_padding():
    scores = torch.nn.functional.one_hot(torch.tensor([[1, 0, 1, 2], [1, 0, 1, 2]]), 3).float()
    assert decoding.greedy(scores, torch.tensor([4, 2])) == [[1, 1, 2], [1]]
    assert decoding.greedy(scores, torch.tensor([0, 3])) == [[], [1, 1]]


@pytest.mark.parametrize(
    ("scores", "lengths", "message"),
    [
        (torch.zeros(3, 4), None, r"give \(B, T, C\)"),
        (torch.full((1, 2, 3), torch.nan), None, "NaN"),
        (torch.zeros(1, 2, 3), torch.tensor([3]), "between 0 and 2"),
        (torch.zeros(1, 2, 3), torch.tensor([1, 1]), "1 numbers"),
    ],
)
def test_bad_input_is_named(scores, lengths, message):
    with pytest.raises(ValueError, match=message):
        decoding.greedy(scores, lengths)
