"""Timing one piece of code against another in one run, and against itself as its input grows.

Seconds are of the processor, on one thread: they hardly depend on what else the machine does. Each pair is timed
back to back, so that what slows one slows the other.
"""

import math
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

Row = tuple[str, str, str]


@dataclass(frozen=True)
class Curve:
    """Processor seconds by size of the input, and the exponent that theory gives: 1 where time is linear."""

    name: str
    size: str  # what grows, with its unit: "T (frames)"
    seconds: dict[int, float]
    theory: float

    @property
    def exponent(self) -> float:
        """The slope of log seconds against log size, by least squares over the upper half of the sizes."""
        points = [(math.log(size), math.log(seconds)) for size, seconds in sorted(self.seconds.items())]
        points = points[len(points) // 2 - 1 :]
        x, y = (statistics.fmean(values) for values in zip(*points, strict=True))
        return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def ratio(ours: Callable[[], object], peer: Callable[[], object], pairs: int = 15) -> float:
    """Return the median, over interleaved pairs, of our processor seconds over the peer's; below 1 ours is faster."""
    repeats = max(1, math.ceil(0.005 / max(min(seconds(ours, 3), seconds(peer, 3)), 1e-7)))
    return statistics.median(_once(ours, repeats) / _once(peer, repeats) for _ in range(pairs))


def seconds(work: Callable[[], object], times: int = 5) -> float:
    """Return the median processor seconds of one call, after one that is not counted."""
    torch.set_num_threads(1)
    work()
    return statistics.median(_once(work) for _ in range(times))


def curve(name: str, size: str, sizes: Iterable[int], work: Callable[[int], Callable[[], object]], theory=1.0) -> Curve:
    """Return the seconds of `work(n)()` for each size n; what `work(n)` prepares is not timed."""
    return Curve(name, size, {n: seconds(work(n)) for n in sizes}, theory)


def against(found: float, goal: float | None = None) -> tuple[str, str]:
    """Return a ratio and its goal as the table writes them."""
    return f"{found:.2f}", "—" if goal is None else f"at most {goal:g}"


def _once(work: Callable[[], object], repeats: int = 1) -> float:
    started = time.process_time()
    for _ in range(repeats):
        work()
    return (time.process_time() - started) / repeats
