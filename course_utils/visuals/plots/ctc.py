"""CTC: the trellis with its numbers, and the posteriors of an utterance as training goes on."""

from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.visuals.inputs import Numbers, array, positive, same_length, unit_interval
from course_utils.visuals.inputs import labels as given_labels
from course_utils.visuals.palette import COLOURS
from course_utils.visuals.plots.panel import counted, extent, listed, panel, said
from course_utils.visuals.style import PROBABILITY_MAP, WIDTH, describe

GREY = COLOURS["blank"]


def ctc_trellis(
    probabilities: Numbers,
    symbols: Sequence[str],
    target: str,
    values: Numbers,
    posterior: Numbers | None = None,
    shown: str = "Forward α",
    *,
    title: str | None = None,
) -> Figure:
    """Draw the frames' probabilities above the states of a target, a circle for each frame and state.

    Args:
        probabilities: (T, C); an orange line marks the posterior of each symbol, where that is given.
        symbols: C single characters, the blank first.
        target: some of them, without the blank.
        values: (T, S), the numbers in the circles; S is 2U + 1.
        posterior: (T, S), from 0 to 1, their colour; without it they are white, and moves join those above 0.
        shown: what the numbers are.
    """
    frames = unit_interval("probabilities", probabilities, "TC")
    numbers = array("values", values, "TS")
    shares = (numbers > 0).astype(float) if posterior is None else unit_interval("posterior", posterior, "TS")
    same_length(probabilities=len(frames), values=len(numbers), posterior=len(shares))
    same_length(columns_of_probabilities=frames.shape[1], symbols=len(symbols))
    states = [symbols[0], *(state for letter in target for state in (letter, symbols[0]))]
    same_length(states=len(states), columns_of_values=numbers.shape[1], columns_of_posterior=shares.shape[1])
    T, C, S = len(frames), len(symbols), len(states)
    figure, (above, below) = plt.subplots(
        2, 1, sharex=True, figsize=(WIDTH, 0.9 + 0.36 * (C + S)), height_ratios=[C, S + 0.6], layout="constrained"
    )
    _probability_bars(above, frames, symbols, None if posterior is None else _by_symbol(shares, states, symbols))
    _moves(below, states, symbols[0], shares)
    shares = np.zeros_like(shares) if posterior is None else shares
    for t, s in np.ndindex(T, S):
        shade = PROBABILITY_MAP(shares[t, s])
        below.plot(t + 1, s, "o", markersize=23, markerfacecolor=shade, markeredgecolor=GREY)
        below.text(
            t + 1, s, _short(numbers[t, s]), ha="center", va="center", fontsize=7.5,
            color="white" if shares[t, s] > 0.6 else COLOURS["ink"],
        )  # fmt: skip
    panel(below, None, "frame t", "state s")
    below.set(xlim=(0.4, T + 0.6), ylim=(S - 0.4, -0.6), xticks=range(1, T + 1))
    below.set_yticks(range(S), [f"{s + 1}  {symbol}" for s, symbol in enumerate(states)])
    if title or shown:
        above.set_title(title or f"{shown} of “{target}”", loc="left")
    rows = [", ".join(_short(numbers[t, s]) for t in range(T)) for s in range(S)]
    told = [f"state {s + 1}, {symbol}: {row}" for s, (symbol, row) in enumerate(zip(states, rows, strict=True))]
    describe(figure, f"CTC trellis of {target or 'nothing'} over {T} frames. {shown} by frame: {'; '.join(told)}.")
    return figure


def _probability_bars(ax: Axes, frames: np.ndarray, symbols: Sequence[str], posterior: np.ndarray | None) -> None:
    """Draw a bar for each frame and symbol, symbols below each other, and a line at the symbol's posterior (T, C)."""
    T, C = frames.shape
    for c in range(C):
        base = C - 1 - c
        ax.bar(range(1, T + 1), 0.82 * frames[:, c], width=0.7, bottom=base, color=COLOURS["CTC"] if c else GREY)
        if posterior is not None:
            level, left = base + 0.82 * posterior[:, c], np.arange(T) + 0.65
            ax.hlines(level, left, left + 0.7, color=COLOURS["plain network"], linewidth=2)
        ax.axhline(base, color=COLOURS["faint"], linewidth=0.6)
    ax.set_yticks([C - 1 - c + 0.3 for c in range(C)], list(symbols))
    ax.tick_params(axis="both", length=0)
    ax.set(ylabel="probability", ylim=(-0.05, C))
    ax.tick_params(labelbottom=False)


def _by_symbol(shares: np.ndarray, states: Sequence[str], symbols: Sequence[str]) -> np.ndarray:
    """Return (T, C): for each symbol the sum over the states that hold it."""
    return np.stack([shares[:, [state == symbol for state in states]].sum(1) for symbol in symbols], 1)


def _moves(ax: Axes, states: Sequence[str], blank: str, shares: np.ndarray) -> None:
    """Draw the allowed moves between states that a path can use; skips past a blank in orange."""
    T, S = shares.shape
    for t, s, by in np.ndindex(T - 1, S, 3):
        r = s + by
        skip = by == 2 and r < S and states[r] not in (blank, states[s])
        if r < S and (by < 2 or skip) and shares[t, s] > 0 and shares[t + 1, r] > 0:
            ax.plot(
                [t + 1, t + 2], [s, r], color=COLOURS["plain network"] if by == 2 else GREY, linewidth=0.9, zorder=0
            )


def _short(value: float) -> str:
    """Return a number as a pencil would write it, in a circle's width."""
    if value == 0:
        return "0"
    if abs(value) < 0.00095:
        return f"{value:.0e}".replace("e-0", "e-").replace("-", "−")
    return f"{value:.{3 if abs(value) < 0.0995 else 2}f}".replace("-", "−")


def posteriors_over_training(
    snapshots: Mapping[int, Numbers],
    labels: Iterable[str],
    frame_seconds: float,
    *,
    title: str | None = None,
) -> Figure:
    """Draw the probability of each label at each frame of one utterance, (T, C), after each number of updates."""
    names, step = given_labels("labels", labels), positive("frame_seconds", frame_seconds)
    if not snapshots:
        raise ValueError("there are no snapshots; pass {updates: (T, C)}")
    found = {updates: unit_interval(f"snapshot {updates}", probs, "TC") for updates, probs in snapshots.items()}
    figure, panels = plt.subplots(
        len(found), 1, sharex=True, squeeze=False, figsize=(WIDTH, 0.5 + 1.05 * len(found)), layout="constrained"
    )
    told = []
    for ax, (updates, probs) in zip(panels[:, 0], found.items(), strict=True):
        same_length(columns_of_probs=probs.shape[1], labels=len(names))
        x = np.linspace(step / 2, extent(len(probs), step, 1)[1] - step / 2, len(probs))
        ax.fill_between(x, probs[:, 0], color=GREY, alpha=0.35, linewidth=0, label=names[0])
        for c in range(1, len(names)):
            ax.plot(x, probs[:, c], color=COLOURS["CTC"], linewidth=1.4)
            if probs[:, c].max() > 0.5:
                ax.annotate(names[c], (x[probs[:, c].argmax()], 1.02), ha="center", fontsize=8, annotation_clip=False)
        panel(ax, None, "", counted(updates, "update"))
        ax.set(ylim=(0, 1.25), yticks=(0, 1))
        share = said(round(100 * float((probs.argmax(1) == 0).mean())))
        told.append(f"after {counted(updates, 'update')} {share} per cent blank")
    panels[-1, 0].set_xlabel("time (s)")
    if title:
        panels[0, 0].set_title(title, loc="left")
    describe(figure, f"Probability of each label by frame; the likeliest is {names[0]}: {listed(told)}.")
    return figure
