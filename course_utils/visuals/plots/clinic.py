"""Training runs beside each other, as a doctor of networks reads them: four curves of each, one panel a kind."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.visuals.palette import COLOURS
from course_utils.visuals.plots.panel import counted, panel, said
from course_utils.visuals.style import WIDTH, describe

SHADES = {"broken": "#D55E00", "mended": "#0072B2"}
OTHERS = ["#009E73", "#CC79A7", "#E69F00"]
STYLES = {"training": "-", "validation": (0, (4, 2)), "test": (0, (1, 1.3))}
HIGHEST = 1e6  # above it a loss or a norm is drawn as this


class Curves(Protocol):
    """What is drawn of a run: see `course_utils.experiments.clinic.Record`."""

    losses: list[float]
    blanks: list[float]
    norms: list[float]
    checks: list[int]
    wrong: dict[str, list[float]]
    stopped: str


def clinic(
    records: Mapping[str, Curves], *, least: float = 0.0, title: str | None = None, training: bool = True
) -> Figure:
    """Draw loss, blanks, gradient norm and wrong words of each run.

    Args:
        records: label ("broken", "mended", …) to a run's curves.
        least: a loss below which no run of them can get, to be marked; 0 marks none.
        training: whether wrong words are drawn for training words as well, not for validation and test alone.
    """
    if not records or any(not run.losses for run in records.values()):
        raise ValueError("there are no runs to draw; pass {label: record}, each of at least one update")
    figure, grid = plt.subplots(2, 2, figsize=(WIDTH, 5.2), layout="constrained")
    if title:
        figure.suptitle(title, x=0.02, ha="left", fontsize=11, fontweight="bold")
    loss, blanks, norm, wrong = grid.flat
    panel(loss, None, "update", "loss (nats per word)")
    panel(blanks, None, "update", "frames that say blank")
    panel(norm, None, "update", "norm of the gradient")
    panel(wrong, None, "update", "words wrong")
    shades = iter(OTHERS * len(records))
    told = []
    for label, run in records.items():
        shade = SHADES.get(label) or next(shades)
        _line(loss, run.losses, shade, label, lost=bool(run.stopped))
        _line(blanks, run.blanks, shade, label, lost=bool(run.stopped))
        _line(norm, run.norms, shade, label, lost=False)
        for name, style in STYLES.items():
            if run.wrong[name] and (training or name != "training"):
                wrong.plot(run.checks, run.wrong[name], color=shade, linestyle=style, marker=".", markersize=4)
        told.append(_told(label, run))
        if not np.isfinite(run.losses[-1]):
            loss.annotate(f"not finite at update {len(run.losses)}", (len(run.losses), HIGHEST), (8, 0),
                          textcoords="offset points", va="center", fontsize=8, color=shade)  # fmt: skip
    low = min((value for run in records.values() for value in run.losses if np.isfinite(value)), default=1.0)
    loss.set_yscale("log" if low > 0 else "symlog")
    norm.set_yscale("log")
    for ax in (blanks, wrong):
        ax.set_ylim(-0.04, 1.04)
    longest = max(len(run.losses) for run in records.values())
    for ax in grid.flat:
        ax.set_xlim(0, max(longest + 1, 20))  # a run that was lost at once is seen to be short
    if least > 0:
        loss.axhline(least, color=COLOURS["chance"], linestyle=(0, (4, 3)), linewidth=1.2)
        loss.annotate(f"no lower than {said(least)}", (0.98, least), (0, -3), xycoords=("axes fraction", "data"),
                      textcoords="offset points", ha="right", va="top", fontsize=8, color="#5A5A56")  # fmt: skip
    if len(records) > 1:
        blanks.legend(loc="lower left", fontsize=9)
    for name, style in STYLES.items():
        if training or name != "training":
            wrong.plot([], [], color=COLOURS["ink"], linestyle=style, label=name)
    wrong.legend(loc="upper right", fontsize=8)
    floor = f" No loss can be below {said(least)}." if least > 0 else ""
    describe(figure, f"Four curves for each of {counted(len(records), 'training run')}. {' '.join(told)}{floor}")
    return figure


def _line(ax: Axes, values: Sequence[float], shade: str, label: str, lost: bool) -> None:
    """Draw one curve; a cross stands where a run was lost."""
    if not values:
        return
    y = np.nan_to_num(np.asarray(values, dtype=float), nan=HIGHEST, posinf=HIGHEST, neginf=-HIGHEST)
    y = y.clip(-HIGHEST, HIGHEST)
    x = np.arange(1, len(y) + 1)
    ax.plot(x, y, color=shade, linewidth=1.3, label=label)
    if lost:
        ax.plot(x[-1:], y[-1:], color=shade, marker="X", markersize=9, linestyle="")


def _told(label: str, run: Curves) -> str:
    """Return what a reader should know of one run, in a sentence or two."""
    last = [value for value in run.losses if np.isfinite(value)][-10:]
    ends = f"its loss ends at {said(sum(last) / len(last))}" if last else "its loss is never finite"
    share = said(round(100 * float(np.mean(run.blanks[-10:]))))
    parts = [f"{label}: {counted(len(run.losses), 'update')}, {ends}, {share} per cent of the frames say blank"]
    parts += [
        f"{said(round(100 * run.wrong[name][-1]))} per cent of {name} words wrong" for name in STYLES if run.wrong[name]
    ]
    return ", ".join(parts) + (f"; {run.stopped}." if run.stopped else ".")
