"""Connectionist temporal classification: what a path of frame labels means, and how many frames a text needs.

A *path* gives one symbol to each frame, the blank among them. Its text is found by merging equal neighbours, then
dropping the blanks (Graves et al. 2006, section 3.1).
"""

from collections.abc import Sequence
from itertools import groupby, pairwise


def collapse(path: Sequence[int], blank: int = 0) -> list[int]:
    """Return the labels that a path of frame labels stands for: equal neighbours merged, then blanks dropped.

    >>> collapse([0, 3, 3, 0, 3, 1, 1, 0])
    [3, 3, 1]
    """
    return [symbol for symbol, _ in groupby(path) if symbol != blank]


def minimum_frames(target: Sequence[int]) -> int:
    """Return the fewest frames that a target fits into: one for each label, and a blank between equal neighbours.

    >>> minimum_frames([3, 3, 1])
    4
    """
    repeats = sum(left == right for left, right in pairwise(target))
    return len(target) + repeats
