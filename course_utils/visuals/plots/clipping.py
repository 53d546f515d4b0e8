"""Gradient clipping, drawn: paths over a loss with a cliff, and how the norms of gradients are distributed."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from course_utils.visuals.inputs import Numbers, array, positive
from course_utils.visuals.palette import COLOURS, CYCLE, colour
from course_utils.visuals.plots.panel import counted, listed, panel, said
from course_utils.visuals.style import PROBABILITY_MAP, describe


def cliff(
    w: Numbers,
    b: Numbers,
    losses: Numbers,
    paths: Mapping[str, Numbers] | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw a loss over two weights as a map, and paths of descent across it; what leaves the map leads off its edge.

    Args:
        w, b: (N,) and (M,), where the loss was computed.
        losses: (M, N), a row for each b.
        paths: label to (T, 2), the places (w, b) that it comes by.
    """
    across, up, heights = array("w", w, "N", 2), array("b", b, "M", 2), array("losses", losses, "MN", 2)
    if heights.shape != (len(up), len(across)):
        raise ValueError(f"losses {heights.shape} should have a row for each b: {(len(up), len(across))}")
    ax = panel(ax, title, "w", "b", 3.6)
    image = ax.pcolormesh(across, up, heights, cmap=PROBABILITY_MAP, shading="nearest", rasterized=True)
    ax.figure.colorbar(image, ax=ax, label="loss", fraction=0.04, pad=0.02)
    spans = (across[0], across[-1]), (up[0], up[-1])
    told = []
    for place, (label, given) in enumerate((paths or {}).items()):
        path = array(label, given, "TP")
        if path.shape[1] != 2:
            raise ValueError(f"the path {label!r} has shape {path.shape}; pass (T, 2), a place (w, b) for each step")
        shade = colour(label, place + 1)  # the first of the cycle is the map's own blue
        ax.plot(*path.T, color=shade, marker="os^v"[place % 4], markersize=3, linewidth=1.3, label=label)
        ax.plot(*path[0], color=COLOURS["ink"], marker="o", markersize=7)
        furthest = np.hypot(*(path - path[0]).T).max()
        told.append(
            f"{label}: {counted(len(path) - 1, 'update')} from ({said(path[0, 0])}, {said(path[0, 1])}) to "
            f"({said(path[-1, 0])}, {said(path[-1, 1])}), at most {said(furthest)} from the start"
        )
    ax.set(xlim=spans[0], ylim=spans[1])
    if told:
        ax.legend(loc="upper right", facecolor=COLOURS["paper"], frameon=True, framealpha=0.9)
    sentence = f"Map of the loss over w and b, from {said(heights.min())} to {said(heights.max())}, with a cliff"
    describe(ax, f"{sentence}; paths: {listed(told)}." if told else f"{sentence}.")
    return ax


def gradient_norms(
    groups: Mapping[str, Numbers],
    thresholds: Mapping[str, float] | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw how the norms of gradients are distributed, on a logarithmic axis, with thresholds as lines.

    Args:
        groups: label to (N,), norms above 0, one a update.
        thresholds: label to a norm.
    """
    if not groups:
        raise ValueError("there are no norms; pass {label: norms}")
    found = {label: array(label, values) for label, values in groups.items()}
    for label, values in found.items():
        if values.min() <= 0:
            raise ValueError(f"{label}: a norm is {values.min():.3g}; a logarithmic axis needs norms above 0")
    every = np.concatenate(list(found.values()))
    low, high = np.log10(every.min()), np.log10(every.max())
    bins = np.logspace(low, max(high, low + 0.1), 45)
    ax = panel(ax, title, "norm of the gradient", "share of updates")
    told = []
    for place, (label, values) in enumerate(found.items()):
        weights = np.full(len(values), 1 / len(values))
        ax.hist(values, bins.tolist(), weights=weights, color=CYCLE[place % len(CYCLE)], alpha=0.55, label=label)
        middle, upper = np.quantile(values, [0.5, 0.99])
        told.append(f"{label}: median {said(middle)}, 99th percentile {said(upper)}, largest {said(values.max())}")
    ax.set_xscale("log")
    top = ax.get_ylim()[1]
    for place, (label, value) in enumerate((thresholds or {}).items()):
        ax.axvline(positive(label, float(value)), color=COLOURS["ink"], linestyle=(0, (4, 3)), linewidth=1.2)
        ax.annotate(label, (value, top * (0.97 - 0.09 * (place % 3))), (4, 0), textcoords="offset points", fontsize=9)
        told.append(f"threshold {label} at {said(value)}")
    if len(found) > 1:
        ax.legend(loc="center right")
    describe(ax, f"Histogram of the norms of gradients on a logarithmic axis; {listed(told, 12)}.")
    return ax
