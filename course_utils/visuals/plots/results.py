"""Measurements: curves with bands over seeds, bars with intervals, a training run."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from course_utils.visuals.inputs import Numbers, array, same_length
from course_utils.visuals.palette import COLOURS, colour, marker
from course_utils.visuals.plots.panel import counted, listed, panel, said, trend
from course_utils.visuals.style import describe

MARKED_POINTS = 25  # up to so many, each measured point is marked


def _apart(heights: list[float], gap: float) -> list[float]:
    """Return the heights moved up as little as needed for at least ``gap`` between neighbours."""
    moved = list(heights)
    order = sorted(range(len(moved)), key=moved.__getitem__)
    for below, above in pairwise(order):
        moved[above] = max(moved[above], moved[below] + gap)
    return moved


def _name_ends(ax: Axes, ends: list[tuple[str, float, float, str]]) -> None:
    """Write each curve's name at its right end, so that no legend need be matched by colour."""
    low, high = ax.get_ylim()
    scale = ax.transData
    heights = [float(scale.transform((x, y))[1]) for _, x, y, _ in ends]
    points = 72 / ax.figure.dpi
    for (label, x, y, shade), before, after in zip(ends, heights, _apart(heights, 13 / points), strict=True):
        ax.annotate(
            label, (x, min(max(y, low), high)), (8, (after - before) * points), textcoords="offset points",
            va="center", color=shade, fontweight="bold", fontsize=9, annotation_clip=False,
        )  # fmt: skip


def curves(
    lines: Mapping[str, tuple[Numbers, ...]],
    x_label: str,
    y_label: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    chance: float | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw a curve for each label, in the model's own colour, with a band where one is given.

    Args:
        lines: label to (x, mean) or (x, mean, low, high), each of one length. A label that begins with a model's name
            ("RNN, 3 seeds") takes its colour.
        chance: a level to mark as that of guessing.
    """
    if not lines:
        raise ValueError("there are no curves; pass {label: (x, mean, low, high)}")
    ax = panel(ax, title, x_label, y_label)
    ax.set_xscale("log" if log_x else "linear")
    ax.set_yscale("log" if log_y else "linear")
    ends, told, reach, whole = [], [], [], True
    for place, (label, given) in enumerate(lines.items()):
        if len(given) not in (2, 4):
            raise ValueError(f"curve {label!r} has {len(given)} parts; pass (x, mean) or (x, mean, low, high)")
        x, mean, *band = (
            array(f"{label}: {part}", v) for part, v in zip(("x", "mean", "low", "high"), given, strict=False)
        )
        same_length(**{"x": len(x), "mean": len(mean)}, **{f"band_{k}": len(edge) for k, edge in enumerate(band)})
        shade = colour(label, place)
        ax.plot(x, mean, color=shade, marker=marker(label) if len(x) <= MARKED_POINTS else "", label=label)
        if band:
            ax.fill_between(x, band[0], band[1], color=shade, alpha=0.18, linewidth=0)
        ends.append((label, float(x[-1]), float(mean[-1]), shade))
        told.append(trend(label, mean))
        reach += [x.min(), x.max()]
        whole &= bool((x == x.round()).all())
    if whole and not log_x:
        ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))  # there is no update 2.5
    if chance is not None:
        ax.axhline(chance, color=COLOURS["chance"], linestyle=(0, (4, 3)), linewidth=1.2)
        ax.annotate("chance", (0.005, chance), (0, 3), xycoords=("axes fraction", "data"),
                    textcoords="offset points", color=COLOURS["chance"], fontsize=9)  # fmt: skip
        told.append(f"chance {said(chance)}")
    ax.grid()
    if len(ends) > 1:
        _name_ends(ax, ends)
    describe(
        ax, f"Line plot of {y_label} against {x_label}, {said(min(reach))} to {said(max(reach))}: {listed(told, 10)}."
    )
    return ax


def bars(
    values: Mapping[str, float | tuple[float, float, float]],
    value_label: str,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw a horizontal bar for each label, its value written at the end.

    Args:
        values: label to a value, or to (value, low, high) with an interval to mark.
    """
    if not values:
        raise ValueError("there are no bars; pass {label: value} or {label: (value, low, high)}")
    triples = [value if isinstance(value, tuple) else (value, value, value) for value in values.values()]
    heights = array("values", triples, "BI")
    if heights.shape[1] != 3:
        raise ValueError(f"a bar with an interval is (value, low, high); got {heights.shape[1]} numbers")
    ax = panel(ax, title, value_label, "", 0.8 + 0.36 * len(values))
    places = np.arange(len(values))
    ax.barh(places, heights[:, 0], color=[colour(label, k) for k, label in enumerate(values)], height=0.62)
    told = []
    for place, (label, (value, low, high)) in enumerate(zip(values, heights, strict=True)):
        if high > low:
            ax.plot([low, high], [place, place], color=COLOURS["ink"], linewidth=1.2, marker="|", markersize=6)
        ax.annotate(
            said(value), (max(value, high, 0), place), (6, 0), textcoords="offset points", va="center", fontsize=9
        )
        told.append(f"{label} {said(value)}" + (f" ({said(low)} to {said(high)})" if high > low else ""))
    ax.set_yticks(places, list(values))
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.tick_params(axis="y", length=0, labelcolor=COLOURS["ink"])
    describe(ax, f"Bar chart of {value_label}: {listed(told, 20)}.")
    return ax


def training_curve(
    history: Any,
    *,
    loss: str = "loss",
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the loss of each update, and its running mean over a twentieth of the run.

    Args:
        history: a ``training.History``, or the losses themselves.
        loss: what the loss is called, with its unit.
    """
    losses = array("losses", getattr(history, "losses", history))
    window = max(1, len(losses) // 20)
    total = np.concatenate([[0.0], losses.cumsum()])
    updates = np.arange(1, len(losses) + 1)
    first = np.maximum(0, updates - window)
    mean = (total[updates] - total[first]) / (updates - first)
    ax = panel(ax, title, "update", loss, 2.4)
    ax.plot(updates, losses, color=COLOURS["signal"], alpha=0.3, linewidth=0.8)
    ax.plot(updates, mean, color=COLOURS["signal"], linewidth=2)
    ax.grid()
    ax.set_xlim(1, max(2, len(losses)))
    describe(
        ax, f"Training curve of {counted(len(losses), 'update')}: {trend('the running mean of the ' + loss, mean)}."
    )
    return ax
