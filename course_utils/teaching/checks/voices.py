"""Voices that know what they were asked about, so that a check sees who looks at the test set too early."""

from functools import total_ordering
from typing import Any

import torch

from course_utils.teaching.checks.compare import Difference, difference
from course_utils.teaching.checks.exercise import drawn


@total_ordering
class ErrorRate:
    """An error rate in an envelope: it can be compared, added and printed, and knows what else was asked about."""

    def __init__(self, value: float, asked: list[float]):
        self.value, self.asked = value, asked

    def __float__(self) -> float:
        return self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ErrorRate | float | int) and self.value == float(other)

    def __lt__(self, other: Any) -> bool:
        return self.value < float(other)

    def __hash__(self) -> int:
        return hash(self.value)

    def __add__(self, other: Any) -> float:
        return self.value + float(other)

    __radd__ = __add__

    def __repr__(self) -> str:
        return f"{self.value:.4g}"

    def __format__(self, how: str) -> str:
        return format(self.value, how)


class Voices:
    """Some voices on which a weight can be tried; they remember each weight that was."""

    def __init__(self, name: str, errors: dict[float, float]):
        self.name, self.errors, self.asked = name, errors, []

    def error(self, alpha: float) -> ErrorRate:
        """Return the error rate with this weight."""
        self.asked.append(alpha)
        return ErrorRate(self.errors[alpha], self.asked)

    def __repr__(self) -> str:
        return f"<{self.name} voices>"


def honest(expected: Any, got: Any) -> Any:
    """Compare, and look into the envelope: which weights were the test voices asked about before the answer?"""
    if found := difference(expected, got):
        if not isinstance(got, list | tuple) or len(got) != 2 or isinstance(got[1], ErrorRate):
            return found
        if isinstance(got[0], ErrorRate):
            return Difference("has the error first", "Return α, then the error: `(alpha, error)`.")
        return Difference(
            "reports an error that no voices gave",
            "Hand back what `test.error(alpha)` gave: not rounded, nor averaged.",
        )
    if peeked := sorted(set(got[1].asked) - {got[0]}):
        return f"has the right numbers, but the test voices were asked about α = {', '.join(map(str, peeked))} as well"
    return None


@drawn
def tables(generator, valid, test):
    return list(valid), Voices("validation", dict(valid)), Voices("test", dict(test))


def drawn_tables(generator):
    alphas = [0.2 * step for step in range(1, 7)]
    errors = torch.rand(2, 6, generator=generator).tolist()
    return tables(*(dict(zip(alphas, row, strict=True)) for row in errors))(generator)
