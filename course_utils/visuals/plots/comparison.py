"""Several models on several tests, each figure with the interval that it may lie in."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from course_utils.visuals.inputs import array
from course_utils.visuals.palette import COLOURS, colour, marker
from course_utils.visuals.plots.panel import counted, listed, panel, said
from course_utils.visuals.style import describe

ROOM = 0.7  # of the height between two tests, for their models

Interval = tuple[float, float, float]


def rates(
    tests: Mapping[str, Mapping[str, Interval]],
    value_label: str,
    *,
    nothing: float | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw, test below test, a mark for each model with its interval, in the model's own colour and form.

    Args:
        tests: test to model to (value, low, high).
        value_label: what is measured, with its unit.
        nothing: a value to mark by a line, as that of no difference.
    """
    if not tests or not all(tests.values()):
        raise ValueError("there is nothing to draw; pass {test: {model: (value, low, high)}}, none of them empty")
    names = list(dict.fromkeys(name for models in tests.values() for name in models))
    ax = panel(ax, title, value_label, "", 0.9 + (0.26 + 0.17 * len(names)) * len(tests))
    told, named = [], set()
    for place, (test, models) in enumerate(tests.items()):
        for name, given in models.items():
            value, low, high = array(f"{test}, {name}", given, "I")
            k = names.index(name)
            at = place + (k - (len(names) - 1) / 2) * ROOM / len(names)
            ax.plot([low, high], [at, at], color=colour(name, k), linewidth=2.2, alpha=0.55, solid_capstyle="butt")
            ax.plot(
                value,
                at,
                marker(name) or "o",
                color=colour(name, k),
                markersize=9,
                markeredgecolor="white",
                markeredgewidth=0.5,
            )
            if name not in named:
                named.add(name)
                ax.annotate(name, (high, at), (8, 0), textcoords="offset points", va="center",
                            color=colour(name, k), fontweight="bold", fontsize=9)  # fmt: skip
            told.append(f"{test}, {name} {said(value)} ({said(low)} to {said(high)})")
    if nothing is not None:
        ax.axvline(nothing, color=COLOURS["chance"], linestyle=(0, (4, 3)), linewidth=1.2)
    ax.set_yticks(np.arange(len(tests)), list(tests))
    ax.set_ylim(len(tests) - 0.5, -0.5)
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0, labelcolor=COLOURS["ink"])
    describe(ax, f"{value_label} in {counted(len(tests), 'test')}, with intervals: {listed(told, 24)}.")
    return ax
