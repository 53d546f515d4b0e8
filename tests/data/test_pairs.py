"""Pairs of sequences: each with its own partner, in batches with little padding."""

import pytest
import torch

from course_utils.data import pairs


def rows(sizes):
    """Inputs whose numbers tell their length, and targets that tell their input."""
    return [torch.full((n,), n) for n in sizes], [torch.tensor([n, 2]) for n in sizes]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_each_input_keeps_its_target_and_its_length():
    sizes = torch.randint(1, 30, (200,), generator=seeded()).tolist()
    made = pairs.batches(*rows(sizes), 7, seeded(), size=32, pool=4)
    seen = []
    for batch in made:
        for x, n, y, u in zip(*batch, strict=True):
            assert x.tolist() == [n] * n + [0] * (len(x) - n)
            assert y[:u].tolist() == [n, 2]
            seen.append(int(n))
    assert sorted(seen) == sorted(sizes)  # one pass is everything, once


def test_batches_are_of_like_lengths_and_in_no_order():
    made = pairs.batches(*rows(list(range(1, 129))), 16, seeded(), size=8, pool=16)
    assert all(int(batch.lengths.max() - batch.lengths.min()) == 7 for batch in made)
    longest = [int(batch.lengths.max()) for batch in made]
    assert longest != sorted(longest)
    again = pairs.batches(*rows(list(range(1, 129))), 16, seeded(), size=8, pool=16)
    assert longest == [int(batch.lengths.max()) for batch in again]


def test_there_are_as_many_as_asked_for():
    assert len(pairs.batches(*rows([3, 4, 5]), 5, seeded(), size=2)) == 5


def test_frames_are_padded_too():
    batch = pairs.padded([torch.ones(2, 4), torch.ones(3, 4)], [torch.tensor([2]), torch.tensor([3, 2])])
    assert batch.inputs.shape == (2, 3, 4)
    assert batch.inputs[0, 2].tolist() == [0.0] * 4
    assert batch.target_lengths.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: pairs.padded([torch.ones(2)], []), "1 inputs and 0 targets"),
        (lambda: pairs.batches([], [], 3, seeded()), "0 pairs, 3 updates"),
        (lambda: pairs.batches(*rows([1]), 0, seeded()), "0 updates"),
    ],
)
def test_bad_input_is_refused_with_the_rule(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
