"""What the pictures accept: numbers of the right shape, all of them finite, from torch, NumPy or lists."""

from collections.abc import Iterable
from typing import Any

import numpy as np

Numbers = Any  # a tensor (on any device), an array, or nested lists of numbers


def array(name: str, values: Numbers, dims: str = "T", least: int = 1) -> np.ndarray:
    """Return the values as a finite float64 array with one dimension for each letter of ``dims``.

    Raises:
        ValueError: wrong number of dimensions, fewer than ``least`` along one, or a NaN or infinity among them.
    """
    if hasattr(values, "detach"):  # a tensor, recognised without importing torch
        values = values.detach().cpu().numpy()
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} should be numbers, and is not ({error}); pass a tensor, an array or a list") from None
    wanted = "(" + ", ".join(dims) + ("," if len(dims) == 1 else "") + ")"
    if found.ndim != len(dims):
        remedy = "take one item of the batch, or squeeze it" if found.ndim > len(dims) else "check which tensor this is"
        raise ValueError(f"{name} has shape {found.shape} and should have {wanted}: {remedy}")
    if min(found.shape, default=least) < least:
        raise ValueError(
            f"{name} has shape {found.shape}, and each of {wanted} must be at least {least}: nothing to draw"
        )
    if not np.isfinite(found).all():
        bad = np.argwhere(~np.isfinite(found))
        where = ", ".join(str(i) for i in bad[0])
        raise ValueError(f"{name}[{where}] is {found[tuple(bad[0])]} ({len(bad)} such): look for the step that made it")
    return found


def unit_interval(name: str, values: Numbers, dims: str = "T") -> np.ndarray:
    """Return the values as ``array`` does, all of them in [0, 1]."""
    found = array(name, values, dims)
    if found.min() < -1e-6 or found.max() > 1 + 1e-6:
        raise ValueError(
            f"{name} runs from {found.min():.3g} to {found.max():.3g}, and probabilities lie in [0, 1]: "
            "apply softmax or sigmoid to scores, exp to log-probabilities"
        )
    return found.clip(0, 1)


def same_length(**lengths: int) -> None:
    """Raise ValueError unless all lengths, given by name, are equal."""
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name.replace('_', ' ')} {length}" for name, length in lengths.items())
        raise ValueError(f"these must be equally many: {told}; pass one for each")


def words(name: str, values: Iterable[str]) -> list[str]:
    """Return a list of strings, at least one.

    Raises:
        ValueError: nothing given, or something else than strings.
    """
    if isinstance(values, str):
        raise ValueError(f"{name} is the one string {values!r} and should be a list of strings: split it first")
    found = list(values)
    if not found or not all(isinstance(value, str) for value in found):
        raise ValueError(f"{name} should be a list of at least one string, and is {found[:3]!r}")
    return found


def labels(name: str, values: Iterable[str]) -> list[str]:
    """Return ``words``, with CTC's blank, which vocabularies write as a dot, called "blank"."""
    return ["blank" if word in ("·", "") else word for word in words(name, values)]


def positive(name: str, value: float) -> float:
    """Return a number above 0 (seconds, hertz), or raise ValueError."""
    if not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError(f"{name} is {value!r} and must be a number above 0")
    return float(value)


def frame_step(name: str, frames: int, step: float | None, seconds: float) -> float:
    """Return the seconds from one frame to the next: as given, or so that the frames span the sound.

    Raises:
        ValueError: frames of the step given would end far from where the sound does.
    """
    if step is None:
        return seconds / frames
    lasts = frames * positive(f"the step of {name}", step)
    if abs(lasts - seconds) > max(0.15, 0.1 * seconds):
        raise ValueError(
            f"{frames} frames of {name}, {step:g} s each, last {lasts:.2f} s, and the sound {seconds:.2f} s: "
            "check the seconds from one frame to the next"
        )
    return step
