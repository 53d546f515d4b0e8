"""What every plot function begins with: Axes to draw on, and numbers as words say them."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from course_utils.visuals.style import WIDTH


def panel(ax: Axes | None, title: str | None, x_label: str, y_label: str, height: float = 3.0) -> Axes:
    """Return the Axes given, or those of a new figure ``height`` inches high, named."""
    if ax is None:
        _, ax = plt.subplots(figsize=(WIDTH, height), layout="constrained")
    if title:
        ax.set_title(title, loc="left")
    ax.set(xlabel=x_label, ylabel=y_label)
    return ax


def said(value: float) -> str:
    """Return a number with three significant digits, as one reads it aloud: 0.971, 12,400, 3."""
    value = float(value)
    if value == round(value) or abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not one."""
    return f"{number:,} {noun}" + "s" * (number != 1)


def trend(label: str, y: np.ndarray) -> str:
    """Return how a curve runs, in words: "RNN between 0.97 and 0.99", "plain network falls from 0.98 to 0.11"."""
    low, high, step = y.min(), y.max(), y[-1] - y[0]
    if len(y) == 1 or low == high:
        return f"{label} {said(y[0])}"
    if abs(step) > 0.6 * (high - low) and abs(step) > 0.1 * max(abs(low), abs(high)):
        return f"{label} {'rises' if step > 0 else 'falls'} from {said(y[0])} to {said(y[-1])}"
    return f"{label} between {said(low)} and {said(high)}"


def listed(items: list[str], most: int = 8) -> str:
    """Return the items as an English list, shortened where there are more than ``most``."""
    if len(items) > most:
        items = [*items[: most - 1], f"{len(items) - most + 1} more"]
    return " and ".join(filter(None, [", ".join(items[:-1]), items[-1]]))


def extent(steps: int, step_seconds: float, rows: int) -> Any:
    """Return imshow's extent for ``steps`` columns of time over ``rows`` rows, each row centred on its number."""
    return (0, steps * step_seconds, -0.5, rows - 0.5)
