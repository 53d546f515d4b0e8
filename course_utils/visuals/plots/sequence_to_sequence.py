"""Sequence to sequence drawn: a decoder's distributions and its beam, an edit table, accuracy by length."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.visuals.inputs import Numbers, array, same_length, unit_interval, words
from course_utils.visuals.palette import COLOURS
from course_utils.visuals.plots.panel import counted, listed, panel, said
from course_utils.visuals.plots.results import curves
from course_utils.visuals.style import PROBABILITY_MAP, WIDTH, describe

Draft = tuple[str, float, int]  # its last token, its log-probability, and the place of the draft that it was made from


def accuracy_by_length(
    lengths: Sequence[int],
    runs: Mapping[str, Numbers],
    trained_to: int,
    *,
    what: str = "digits in the string",
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the share of whole strings right against their length: the mean over seeds, and a band from least to most.

    Args:
        lengths: L of them.
        runs: label to (seeds, L), shares from 0 to 1.
        trained_to: the greatest length in the training data; longer ones are marked.
        what: what the lengths count.
    """
    lines = {}
    for label, given in runs.items():
        shares = unit_interval(label, given, "RL")
        same_length(**{"lengths": len(lengths), f"columns_of_{label}": shares.shape[1]})
        lines[label] = (list(lengths), shares.mean(0), shares.min(0), shares.max(0))
    ax = curves(lines, what, "share of strings right", ax=ax, title=title)
    ax.set(ylim=(-0.03, 1.05), xticks=list(lengths))
    if trained_to < max(lengths):
        ax.axvspan(trained_to + 0.5, max(lengths) + 0.4, color=COLOURS["faint"], alpha=0.5, zorder=0)
        ax.annotate(
            "longer than any\nin training", (trained_to + 0.6, 1.0), va="top", fontsize=8, color=COLOURS["chance"]
        )
    told = []
    for label, (_, mean, *_) in lines.items():
        told.append(f"{label}: {listed([f'{n} {said(round(m, 2))}' for n, m in zip(lengths, mean, strict=True)], 20)}")
    describe(ax, f"Share of strings right by {what} (trained on up to {trained_to}). {'. '.join(told)}.")
    return ax


def edit_table(
    table: Numbers,
    reference: Sequence[str],
    hypothesis: Sequence[str],
    path: Sequence[tuple[int, int]] = (),
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the table of edit distances between beginnings, and the way back that gives the alignment.

    Args:
        table: (N + 1, M + 1); entry [i][j] for i tokens of the reference and j of the hypothesis.
        path: the entries (i, j) on the way, from first to last.
    """
    costs, rows, columns = array("table", table, "NM"), words("reference", reference), words("hypothesis", hypothesis)
    same_length(rows_of_table=len(costs), tokens_of_reference_and_one=len(rows) + 1)
    same_length(columns_of_table=costs.shape[1], tokens_of_hypothesis_and_one=len(columns) + 1)
    ax = panel(ax, title, "hypothesis", "reference", 0.8 + 0.42 * len(costs))
    ax.pcolormesh(costs, cmap=PROBABILITY_MAP, vmin=0, vmax=2 * max(costs.max(), 1), edgecolors="white", linewidth=1)
    for i, j in np.ndindex(costs.shape):
        bold = "bold" if (i, j) in path else "normal"
        ax.text(j + 0.5, i + 0.5, said(costs[i, j]), ha="center", va="center", fontweight=bold)
    if path:
        ax.plot(
            [j + 0.5 for _, j in path],
            [i + 0.5 for i, _ in path],
            color=COLOURS["plain network"],
            alpha=0.45,
            linewidth=9,
        )
    ax.set_xticks(np.arange(len(columns) + 1) + 0.5, ["(nothing)", *columns])
    ax.set_yticks(np.arange(len(rows) + 1) + 0.5, ["(nothing)", *rows])
    ax.invert_yaxis()
    ax.tick_params(length=0)
    describe(
        ax,
        f"Edit table of {counted(len(rows), 'token')} against {len(columns)}; its last corner, the edit distance of "
        f"“{' '.join(rows)}” and “{' '.join(columns)}”, is {said(costs[-1, -1])}.",
    )
    return ax


def decoder_steps(
    probabilities: Numbers,
    tokens: Sequence[str],
    written: Sequence[str],
    columns: Sequence[Sequence[Draft]],
    *,
    title: str | None = None,
) -> Figure:
    """Draw the distribution of each token written and of the next, and below them a beam search of the same input.

    Args:
        probabilities: (u + 1, C), before each of the u tokens written, and after the last.
        tokens: C names.
        written: the u tokens, which may have been forced.
        columns: the drafts kept after each step, best first.
    """
    shares, names = unit_interval("probabilities", probabilities, "UC"), words("tokens", tokens)
    same_length(tokens=len(names), columns_of_probabilities=shares.shape[1])
    same_length(rows_of_probabilities=len(shares), tokens_written_and_one=len(written) + 1)
    if not columns or not all(columns):
        raise ValueError("there are no drafts; pass for each step a list of (token, log-probability, parent)")
    deepest = max(map(len, columns))
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(WIDTH, 3.4 + 0.5 * deepest), layout="constrained", height_ratios=[2.4, 0.6 + 0.5 * deepest]
    )
    _distributions(panel(top, title, "step, and what was written", "next token"), shares, names, list(written))
    beam_tree(columns, ax=bottom, title="The drafts that a beam keeps, best first, with log P")
    last = ", ".join(f"{name} {p:.2f}" for name, p in zip(names, shares[-1], strict=True))
    best = _text(columns, len(columns) - 1, 0)
    describe(
        figure,
        f"A decoder that has written {' '.join(written) or 'nothing'}; probability of the next token: {last}. Below it "
        f"a beam of {deepest}, which ends with {best}, log probability {said(round(columns[-1][0][1], 2))}.",
    )
    return figure


def _distributions(ax: Axes, shares: np.ndarray, names: list[str], written: list[str]) -> None:
    ax.pcolormesh(shares.T, cmap=PROBABILITY_MAP, vmin=0, vmax=1, edgecolors=COLOURS["faint"], linewidth=0.5)
    for step, chosen in enumerate(written):
        if chosen in names:
            place = (step, names.index(chosen))
            ax.add_patch(plt.Rectangle(place, 1, 1, fill=False, edgecolor=COLOURS["plain network"], linewidth=2))
    for step, row in enumerate(shares):
        for k in np.flatnonzero(row >= 0.05):
            shade = "white" if row[k] > 0.5 else COLOURS["ink"]
            ax.text(step + 0.5, k + 0.5, f"{row[k]:.2f}", ha="center", va="center", fontsize=7, color=shade)
    steps = [f"{step + 1}: {name}" for step, name in enumerate([*written, "?"])]
    ax.set_xticks(np.arange(len(steps)) + 0.5, steps)
    ax.set_yticks(np.arange(len(names)) + 0.5, names)
    ax.set_xlim(0, max(len(steps), 6))
    ax.invert_yaxis()
    ax.tick_params(length=0)


def _text(columns: Sequence[Sequence[Draft]], step: int, place: int) -> str:
    """Return the tokens of a draft, followed back from parent to parent."""
    found = []
    for kept in reversed(columns[: step + 1]):
        token, _, place = kept[place]
        found.insert(0, token)
    while len(found) > 1 and found[-1] == found[-2] == "<eos>":
        found.pop()
    return " ".join(found)


def beam_tree(columns: Sequence[Sequence[Draft]], *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the drafts that a beam search keeps after each step, best on top, each joined to what it was made from.

    Args:
        columns: for each step the drafts, best first: (last token, log-probability, place of the parent).
    """
    deepest = max(map(len, columns))
    ax = panel(ax, title, "step", "place in the beam", 0.9 + 0.5 * deepest)
    lit, place = set(), 0
    for u in range(len(columns) - 1, -1, -1):
        lit.add((u, place))
        place = columns[u][place][2]
    for u, kept in enumerate(columns):
        for k, (token, log_prob, parent) in enumerate(kept):
            best = (u, k) in lit
            shade, wide = (COLOURS["RNN"], 2.6) if best else (COLOURS["blank"], 0.9)
            ax.plot([u + 0.2, u + 0.8], [parent if u else 0, k], color=shade, linewidth=wide, zorder=1)
            ax.text(u + 1, k, token, ha="center", va="center", fontsize=9, fontweight="bold" if best else "normal")
            ax.annotate(f"{log_prob:.2f}".replace("-", "−"), (u + 1, k), (0, -13), textcoords="offset points",
                        ha="center", fontsize=7, color=COLOURS["chance"])  # fmt: skip
    ax.text(0, 0, "<sos>", ha="center", va="center", fontsize=9)
    ax.set(xlim=(-0.5, len(columns) + 0.5), ylim=(deepest - 0.35, -0.5))
    ax.set_xticks(range(1, len(columns) + 1))
    ax.set_yticks(range(deepest), [str(k + 1) for k in range(deepest)])
    ax.tick_params(length=0)
    best = _text(columns, len(columns) - 1, 0)
    describe(
        ax,
        f"A beam of {deepest} over {counted(len(columns), 'step')}; the best draft is {best}, log probability "
        f"{said(round(columns[-1][0][1], 2))}.",
    )
    return ax
