"""Gates: set by hand over a few steps, a trained layer's over an utterance; and updates until solved, by length."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.visuals.inputs import Numbers, array, positive, same_length, unit_interval
from course_utils.visuals.palette import COLOURS, GATES, colour, marker
from course_utils.visuals.plots.panel import extent, listed, panel, said
from course_utils.visuals.style import ENERGY_MAP, PROBABILITY_MAP, SIGNED_MAP, WIDTH, describe

GRID = {"origin": "lower", "aspect": "auto", "interpolation": "nearest"}
NAMES = {"f": "forget gate f", "i": "input gate i", "o": "output gate o"}


def gates_by_hand(
    candidates: Numbers,
    gates: Numbers,
    outputs: Numbers,
    cells: Numbers,
    target: Numbers | None = None,
    *,
    title: str | None = None,
) -> Figure:
    """Draw one unit of an LSTM over T steps: its candidates, its gates, its cell and its output.

    Args:
        candidates: (T,) the g, from -1 to 1.
        gates: (T, 3) from 0 to 1: forget, input and output gate.
        outputs: (T,) the h.
        cells: (T,) the c.
        target: (T,) what h should be, dashed.
    """
    g, opened = array("candidates", candidates), unit_interval("gates", gates, "TG")
    h, c = array("outputs", outputs), array("cells", cells)
    wanted = None if target is None else array("target", target)
    if opened.shape[1] != 3:
        raise ValueError(f"gates has {opened.shape[1]} columns and should have 3: forget, input, output")
    counts = {"candidates": len(g), "gates": len(opened), "outputs": len(h), "cells": len(c)}
    same_length(**counts, **({} if wanted is None else {"target": len(wanted)}))
    figure, panels = plt.subplots(4, 1, sharex=True, figsize=(WIDTH, 5.0), layout="constrained")
    steps = np.arange(1, len(g) + 1)
    for ax, values, label in ((panels[0], g, "candidate g"), (panels[2], c, "cell c"), (panels[3], h, "output h")):
        panel(ax, None, "", label)
        ax.bar(steps, values, width=0.55, color=COLOURS["LSTM" if label != "candidate g" else "signal"])
        ax.axhline(0, color=COLOURS["ink"], linewidth=0.6)
        ax.set_ylim(-1.15 * max(1.0, abs(values).max()), 1.15 * max(1.0, abs(values).max()))
    for k, (letter, shade) in enumerate(GATES.items()):
        panels[1].bar(steps + 0.26 * (k - 1), opened[:, k], width=0.22, color=shade, label=NAMES[letter])
    panel(panels[1], None, "", "open")
    panels[1].set_ylim(0, 1.45)
    panels[1].legend(ncols=3, fontsize=8, loc="upper left", borderaxespad=0.1)
    if wanted is not None:
        panels[3].step(steps, wanted, where="mid", color=COLOURS["ink"], linestyle="--", linewidth=1.2)
    panels[3].set(xlabel="step", xticks=steps)
    if title:
        panels[0].set_title(title, loc="left")
    figure.align_ylabels(panels)
    describe(
        figure,
        f"One unit of an LSTM over {len(g)} steps. Candidates: {_row(g)}. Forget gate: {_row(opened[:, 0])}. "
        f"Input gate: {_row(opened[:, 1])}. Output gate: {_row(opened[:, 2])}. Cell: {_row(c)}. Output: {_row(h)}.",
    )
    return figure


def _row(values: np.ndarray) -> str:
    return ", ".join(said(round(float(value), 2)) for value in values)


def gate_map(
    features: Numbers,
    maps: Mapping[str, Numbers],
    frame_seconds: float,
    *,
    unit: int | None = None,
    time: float | None = None,
    title: str | None = None,
) -> Figure:
    """Draw an utterance's features (T, D) above one picture (T, H) for each gate or state of a layer.

    Args:
        maps: name to values; those that stay in [0, 1] are drawn as openings, others as signed.
        unit: a unit to mark, from 1.
        time: a moment to mark, in seconds.
    """
    frames, step = array("features", features, "TD"), positive("frame_seconds", frame_seconds)
    values = {name: array(name, given, "TH") for name, given in maps.items()}
    same_length(features=len(frames), **{name: len(found) for name, found in values.items()})
    figure, panels = plt.subplots(
        1 + len(values), 1, sharex=True, figsize=(WIDTH, 1.6 + 1.5 * len(values)), layout="constrained", squeeze=False
    )
    top, *others = panels[:, 0]
    panel(top, title, "", "mel band")
    top.imshow(frames.T, extent=extent(len(frames), step, frames.shape[1]), cmap=ENERGY_MAP, **GRID)
    for ax, (name, found) in zip(others, values.items(), strict=True):
        panel(ax, None, "", "unit")
        reach = float(abs(found).max()) or 1.0
        signed = found.min() < 0
        look = (
            {"cmap": SIGNED_MAP, "vmin": -reach, "vmax": reach}
            if signed
            else {"cmap": PROBABILITY_MAP, "vmin": 0, "vmax": 1}
        )
        image = ax.imshow(found.T, extent=(0, len(found) * step, 0.5, found.shape[1] + 0.5), **GRID, **look)
        figure.colorbar(image, ax=ax, label=name, fraction=0.04, pad=0.02)
        ax.invert_yaxis()  # unit 1 on top, as in the widget
        if unit is not None:
            ax.axhline(unit, color=COLOURS["cursor"], linewidth=0.8, linestyle=":")
    for ax in panels[:, 0]:
        if time is not None:
            ax.axvline(time, color=COLOURS["paper"], linewidth=2.6)
            ax.axvline(time, color=COLOURS["cursor"], linewidth=1.2)
    panels[-1, 0].set_xlabel("time (s)")
    figure.align_ylabels(panels[:, 0])
    told = [f"{name} from {said(found.min())} to {said(found.max())}" for name, found in values.items()]
    describe(figure, f"Features of {len(frames) * step:.2f} seconds above {listed(told)}, a row for each unit.")
    return figure


def updates_by_length(
    tasks: Mapping[str, Mapping[str, Numbers]], lengths: Sequence[int], most: Mapping[str, int]
) -> Figure:
    """Draw how many updates each model needed, a panel for each task: a line through the means, a dot for each run.

    Args:
        tasks: task to model to (runs, lengths).
        lengths: of the sequences, in steps.
        most: the updates after which a run was given up, by task.
    """
    figure, panels = plt.subplots(1, len(tasks), figsize=(WIDTH, 3.0), layout="constrained", squeeze=False)
    told = []
    for ax, (task, models) in zip(panels[0], tasks.items(), strict=True):
        panel(ax, task, "length (steps)", "updates until solved" if ax is panels[0, 0] else "")
        for place, (model, given) in enumerate(models.items()):
            _runs(ax, model, array(f"{task}, {model}", given, "RL"), np.asarray(lengths), place - 1)
            last = array(model, given, "RL")[:, -1]
            told.append(f"{task}, {model} {said(last.mean())} at {lengths[-1]} steps")
        ax.axhline(most[task], color=COLOURS["chance"], linestyle=(0, (4, 3)), linewidth=1.2)
        ax.annotate("given up", (0.02, most[task]), (0, 3), xycoords=("axes fraction", "data"),
                    textcoords="offset points", color=COLOURS["chance"], fontsize=8)  # fmt: skip
        ax.set_xscale("log", base=2)
        ax.set_xticks(lengths, [str(length) for length in lengths])
        ax.set_ylim(0, 1.12 * most[task])
        ax.grid(axis="y")
    panels[0, -1].legend(fontsize=8)
    describe(figure, f"Updates until solved, by task and length: {listed(told, 20)}.")
    return figure


def _runs(ax: Axes, model: str, runs: np.ndarray, lengths: np.ndarray, place: int) -> None:
    same_length(lengths=len(lengths), columns_of_runs=runs.shape[1])
    apart = lengths * 1.06**place  # so that runs of two models that were given up do not hide each other
    shade = colour(model, place + 1)
    ax.plot(apart, runs.mean(0), color=shade, label=model, linewidth=1.6)
    for run in runs:
        ax.plot(apart, run, marker=marker(model), color=shade, linestyle="", markersize=4, alpha=0.75)
