"""Hidden Markov models drawn: the trellis, a word's alignment to its states, Baum-Welch's climb."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from course_utils.visuals.inputs import Numbers, array, positive, same_length, unit_interval, words
from course_utils.visuals.palette import COLOURS
from course_utils.visuals.plots.panel import counted, extent, listed, panel, said
from course_utils.visuals.style import ENERGY_MAP, PROBABILITY_MAP, describe

OUTLINE = [withStroke(linewidth=4.5, foreground="#000004")]  # legible on the brightest bands, too


def trellis(
    values: Numbers,
    transition: Numbers,
    states: Sequence[str],
    heard: Sequence[str],
    *,
    filled: int | None = None,
    path: Sequence[int] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw a node for each state at each frame, its number below it, and the transitions between them.

    Args:
        values: (T, S), at least 0; a node is the darker, the larger its share of its frame.
        transition: (S, S), from the row to the column; the more probable, the thicker.
        states: S names; heard: T names of what is observed.
        filled: how many nodes are shown, frame after frame; all if None.
        path: T states to mark as the best path.
    """
    names, shown = words("states", states), words("heard", heard)
    numbers, moves = array("values", values, "TS"), unit_interval("transition", transition, "SS")
    T, S = numbers.shape
    same_length(states=len(names), columns_of_values=S, rows_of_transition=len(moves), columns=moves.shape[1])
    same_length(heard=len(shown), rows_of_values=T)
    filled = T * S if filled is None else filled
    if numbers.min() < 0 or not 1 <= filled <= T * S:
        raise ValueError(f"values from {numbers.min():.3g}, filled {filled}: give values from 0, filled 1 to {T * S}")
    ax = panel(ax, title, "what is heard", "state", 1.1 + 0.72 * S)
    for t in range(1, T):
        for i, j in np.argwhere(moves > 0):
            best = path is not None and (path[t - 1], path[t]) == (i, j)
            shade, width = (COLOURS["HMM"], 3.5) if best else (COLOURS["blank"], 0.5 + 2 * moves[i, j])
            ax.plot([t - 0.86, t - 0.14], [i, j], color=shade, linewidth=width, alpha=1 if best else 0.5, zorder=1)
    cells = [divmod(cell, S) for cell in range(T * S)]
    shares = numbers / np.maximum(numbers.sum(1, keepdims=True), np.finfo(float).tiny)
    tones = [PROBABILITY_MAP(shares[t, k]) if n < filled else COLOURS["paper"] for n, (t, k) in enumerate(cells)]
    edges = [COLOURS["HMM"] if path is not None and path[t] == k else COLOURS["blank"] for t, k in cells]
    ax.scatter(*zip(*cells, strict=True), s=420, c=tones, edgecolors=edges, linewidths=1.5, zorder=2)
    for t, k in cells[:filled]:
        ax.annotate(f"{numbers[t, k]:.3g}", (t, k), (0, -19), textcoords="offset points", ha="center", fontsize=8)
    ax.set_xticks(range(T), shown)
    ax.set_yticks(range(S), names)
    ax.set(xlim=(-0.5, T - 0.5), ylim=(S - 0.4, -0.5))
    ax.tick_params(length=0)
    column = [f"{name} {said(value)}" for name, value in zip(names, numbers[(filled - 1) // S], strict=True)]
    last = column[: (filled - 1) % S + 1]
    told = f"; the best path is {', '.join(names[state] for state in path)}" if path is not None else ""
    describe(
        ax,
        f"Trellis of {counted(S, 'state')} over {counted(T, 'frame')} ({listed(shown, 12)}), {filled} of {T * S} nodes "
        f"filled; frame {(filled - 1) // S + 1}: {listed(last)}{told}.",
    )
    return ax


def alignment(
    features: Numbers,
    paths: dict[str, Numbers],
    step_seconds: float,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw a spectrogram, and over it the state of a left-to-right model at each frame, a line of steps for each path.

    Args:
        features: (T, D), log-mels.
        paths: label to (T,), the number of the state at each frame, from 0.
        step_seconds: from one frame to the next.
    """
    energies, step = array("features", features, "TD"), positive("step_seconds", step_seconds)
    T, D = energies.shape
    if not paths:
        raise ValueError("there are no paths; pass {label: states (T,)}")
    ax = panel(ax, title, "time (s)", "mel band", 2.8)
    ax.imshow(energies.T, origin="lower", aspect="auto", cmap=ENERGY_MAP, extent=extent(T, step, D))
    beside = ax.twinx()
    told, most = [], 1
    for place, (label, given) in enumerate(paths.items()):
        states = array(label, given) + 1
        same_length(**{"frames": T, label.replace(" ", "_"): len(states)})
        shade = ("#FFFFFF", "#56B4E9")[place % 2]
        beside.step(
            np.arange(T + 1) * step, [*states, states[-1]], where="post", color=shade, linewidth=2.2,
            linestyle=("-", (0, (4, 2)))[place % 2], label=label, path_effects=OUTLINE,
        )  # fmt: skip
        told.append(f"{label}: {counted(len(set(states.tolist())), 'state')}, the last from {_start(states, step)} s")
        most = max(most, int(states.max()))
    beside.set(ylabel="state", ylim=(0.5, most + 0.5), yticks=range(1, most + 1))
    if len(paths) > 1:
        beside.legend(loc="upper left", labelcolor="white")
    describe(ax, f"Spectrogram of {said(T * step)} seconds with the state at each frame; {listed(told)}.")
    return ax


def _start(states: np.ndarray, step: float) -> str:
    return f"{float(np.argmax(states == states.max())) * step:.2f}"
