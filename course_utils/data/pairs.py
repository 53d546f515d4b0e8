"""Pairs of sequences for training: inputs and targets of unequal lengths, padded into batches of like lengths."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.data.text import pad


class Pairs(NamedTuple):
    """Inputs (B, T, ...), their lengths (B,), targets (B, U), and theirs (B,); zeros behind the end of each."""

    inputs: Tensor
    lengths: Tensor
    targets: Tensor
    target_lengths: Tensor


def padded(inputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Pairs:
    """Return sequences of unequal lengths as one batch.

    Args:
        inputs: B tensors (T_i, ...), tokens or frames.
        targets: B tensors (U_i,), tokens.
    """
    if len(inputs) != len(targets):
        raise ValueError(f"{len(inputs)} inputs and {len(targets)} targets; each needs its partner")
    return Pairs(*pad(inputs), *pad(targets))


def batches(
    inputs: Sequence[Tensor],
    targets: Sequence[Tensor],
    updates: int,
    generator: torch.Generator,
    size: int = 32,
    pool: int = 16,
) -> list[Pairs]:
    """Return batches whose inputs have like lengths, so that little of them is padding; in a random order.

    Each pass over the pairs is shuffled, cut into pools of ``pool`` batches, and each pool is sorted by length.

    Args:
        inputs, targets: as for `padded`.
        updates: how many batches to make; as many passes as that needs.
        size: pairs in a batch.
    """
    if not len(inputs) or updates < 1 or size < 1 or pool < 1:
        raise ValueError(f"{len(inputs)} pairs, {updates} updates, size {size}, pool {pool}: each must be at least 1")
    made: list[Pairs] = []
    while len(made) < updates:
        groups = []
        for drawn in torch.randperm(len(inputs), generator=generator).split(size * pool):
            alike = sorted(drawn.tolist(), key=lambda number: len(inputs[number]))
            groups += [alike[first : first + size] for first in range(0, len(alike), size)]
        mixed = torch.randperm(len(groups), generator=generator)[: updates - len(made)].tolist()
        made += [padded([inputs[n] for n in groups[k]], [targets[n] for n in groups[k]]) for k in mixed]
    return made
