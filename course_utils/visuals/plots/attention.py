"""Where a decoder looks: weights over an utterance or a text, one row for each token that it writes."""

from collections.abc import Iterable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.visuals.inputs import Numbers, array, positive, same_length, unit_interval, words
from course_utils.visuals.palette import COLOURS
from course_utils.visuals.plots.panel import listed, panel, said
from course_utils.visuals.plots.speech import spectrogram
from course_utils.visuals.style import PROBABILITY_MAP, WIDTH, describe

GRID: Any = {"aspect": "auto", "interpolation": "nearest", "cmap": PROBABILITY_MAP, "vmin": 0, "vmax": 1}


def attention_map(
    features: Numbers,
    weights: Numbers,
    labels: Iterable[str],
    seconds: float,
    *,
    look: Numbers | None = None,
    title: str | None = None,
) -> Figure:
    """Draw an utterance's features above the weights of each token written, over the same time.

    Args:
        features: (F, D), spread over the whole utterance.
        weights: (U, T), in each row where the decoder looked when it wrote a token, also over the whole utterance.
        labels: U tokens, the first on top.
        seconds: how long the utterance lasts.
        look: (T,) the weights of one query, drawn as a curve between the two; none if None.
    """
    frames, table = array("features", features, "FD"), unit_interval("weights", weights, "UT")
    names, lasts = words("labels", labels), positive("seconds", seconds)
    same_length(rows_of_weights=len(table), labels=len(names))
    heights = [1.6, *([0.8] if look is not None else []), 0.4 + 0.24 * len(names)]
    figure, panels = plt.subplots(
        len(heights), 1, sharex=True, figsize=(WIDTH, sum(heights) + 0.9), layout="constrained", height_ratios=heights
    )
    spectrogram(frames, lasts / len(frames), ax=panels[0], title=title)
    panels[0].set_xlabel("")
    if look is not None:
        one = unit_interval("look", look)
        same_length(columns_of_weights=table.shape[1], look=len(one))
        panels[1].stairs(one, np.linspace(0, lasts, len(one) + 1), fill=True, color=COLOURS["attention"])
        panels[1].set(ylim=(0, 1), ylabel="weight")
    _rows(panels[-1], table, names, (0, lasts, len(names) - 0.5, -0.5), "time (s)")
    figure.align_ylabels(panels)
    centres = table @ ((np.arange(table.shape[1]) + 0.5) * lasts / table.shape[1])
    told = listed([f"{name} at {centre:.2f} s" for name, centre in zip(names, centres, strict=True)], 12)
    describe(
        figure,
        f"A spectrogram of {lasts:.2f} seconds above the attention weights of {len(names)} tokens; mean place: {told}; "
        f"largest weight {said(table.max())}.",
    )
    return figure


def attention_table(
    weights: Numbers,
    outputs: Iterable[str],
    inputs: Iterable[str],
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw weights (U, T) over the tokens that were read, one row for each token written, the first on top."""
    table, written, read = unit_interval("weights", weights, "UT"), words("outputs", outputs), words("inputs", inputs)
    same_length(rows_of_weights=len(table), outputs=len(written))
    same_length(columns_of_weights=table.shape[1], inputs=len(read))
    ax = panel(ax, title, "", "", 0.9 + 0.22 * len(written))
    _rows(ax, table, written, (-0.5, len(read) - 0.5, len(written) - 0.5, -0.5), "read")
    ax.set_xticks(range(len(read)), read)
    best = [f"{name} at {read[place]}" for name, place in zip(written, table.argmax(1), strict=True)]
    describe(ax, f"Attention weights of {len(written)} tokens over {len(read)} inputs; largest: {listed(best, 12)}.")
    return ax


def attention_maps(maps: Mapping[str, tuple[Numbers, Iterable[str], float]], *, title: str | None = None) -> Figure:
    """Draw several maps side by side, each named: title to weights (U, T), U tokens, and seconds."""
    if not maps:
        raise ValueError("there are no maps; pass {title: (weights, labels, seconds)}")
    checked = {
        name: (
            unit_interval(f"{name}: weights", weights, "UT"),
            words(f"{name}: labels", labels),
            positive(name, lasts),
        )
        for name, (weights, labels, lasts) in maps.items()
    }
    columns = min(3, len(maps))
    rows = -(-len(maps) // columns)
    tallest = max(len(labels) for _, labels, _ in checked.values())
    figure, panels = plt.subplots(
        rows, columns, figsize=(WIDTH, rows * (1.0 + 0.22 * tallest)), layout="constrained", squeeze=False
    )
    told = []
    for ax, (name, (table, labels, lasts)) in zip(panels.flat, checked.items(), strict=False):
        same_length(rows_of_weights=len(table), labels=len(labels))
        ax.set_title(name, loc="left", fontsize=9)
        _rows(ax, table, labels, (0, lasts, len(labels) - 0.5, -0.5), "time (s)")
        ax.tick_params(labelsize=8)
        told.append(f"{name}: mean largest weight {said(round(float(table.max(1).mean()), 2))}, {' '.join(labels)}")
    for ax in panels.flat[len(maps) :]:
        ax.set_visible(False)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    describe(figure, f"Attention maps. {listed(told, 12)}.")
    return figure


def _rows(ax: Axes, table: np.ndarray, names: list[str], extent: Any, x_label: str) -> None:
    ax.imshow(table, extent=extent, **GRID)
    ax.set_yticks(range(len(names)), names)
    for edge in np.arange(0.5, len(names) - 1):
        ax.axhline(edge, color=COLOURS["faint"], linewidth=0.5)
    ax.set(xlabel=x_label, ylabel="written")
