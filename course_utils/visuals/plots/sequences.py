"""Steps over a sequence: one-hot inputs, hidden states, tunes."""

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from course_utils.visuals.inputs import Numbers, array, positive, same_length, unit_interval, words
from course_utils.visuals.palette import COLOURS, PROBABILITY
from course_utils.visuals.plots.panel import counted, listed, panel, said
from course_utils.visuals.style import PROBABILITY_MAP, SIGNED_MAP, WIDTH, describe

READABLE_ROWS = 40
HALF = 0.28  # of a column's width, in steps
NOTES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"]


def one_hot(
    tokens: Sequence[str],
    vocabulary: Iterable[str],
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw each token as a column with a single 1, in the row of its vocabulary entry (``<UNK>``'s if it has none)."""
    said_words, entries = words("tokens", tokens), words("vocabulary", vocabulary)
    if len(entries) > READABLE_ROWS:
        raise ValueError(f"{len(entries)} rows cannot be read; pass at most {READABLE_ROWS} vocabulary entries")
    row = {entry: number for number, entry in enumerate(entries)}
    missing = [token for token in said_words if token not in row]
    if missing and "<UNK>" not in row:
        raise ValueError(f"{missing[0]!r} is not in the vocabulary, which has no <UNK> to stand for it: add <UNK>")
    matrix = np.zeros((len(entries), len(said_words)))
    rows = [row.get(token, row.get("<UNK>", 0)) for token in said_words]
    matrix[rows, range(len(said_words))] = 1
    ax = panel(ax, title, "token", "vocabulary entry", 0.9 + 0.19 * len(entries))
    ax.pcolormesh(matrix, cmap=PROBABILITY_MAP, vmax=1.3, edgecolors=COLOURS["faint"], linewidth=0.5)
    for column, place in enumerate(rows):
        ax.text(column + 0.5, place + 0.5, "1", ha="center", va="center", color="white", fontsize=8)
    ax.set_xticks(np.arange(len(said_words)) + 0.5, said_words)
    ax.set_yticks(np.arange(len(entries)) + 0.5, entries)
    ax.invert_yaxis()
    ax.tick_params(length=0)
    unknown = f"; {listed(missing)} not in the vocabulary, so in row <UNK>" if missing else ""
    describe(
        ax,
        f"One-hot matrix of {counted(len(said_words), 'token')} by {len(entries)} vocabulary entries: "
        f"one 1 in each column, rows {listed([str(place) for place in rows])}{unknown}.",
    )
    return ax


def recurrent_steps(
    tokens: Sequence[str],
    inputs: Numbers,
    hidden: Numbers,
    probabilities: Numbers,
    step: int | None = None,
    *,
    output: str = "P(name)",
    title: str | None = None,
) -> Figure:
    """Draw what a recurrent network holds after each token, up to and with ``step`` (from 1; all steps if None).

    Args:
        tokens: T words.
        inputs: (T,) the vocabulary index of each, its one-hot vector's 1.
        hidden: (T, H) the state after each token, in [-1, 1].
        probabilities: (T,) the output after each token.
        output: what the output says.
    """
    said_words = words("tokens", tokens)
    rows, states = array("inputs", inputs).astype(int), array("hidden", hidden, "TH")
    outputs = unit_interval("probabilities", probabilities)
    same_length(tokens=len(said_words), inputs=len(rows), hidden_states=len(states), probabilities=len(outputs))
    count = len(said_words)
    step = count if step is None else step
    if not 1 <= step <= count:
        raise ValueError(f"step {step} is outside the sentence's steps, 1 to {count}")
    figure, (top, bottom) = plt.subplots(
        2, 1, sharex=True, figsize=(WIDTH, 4.2), layout="constrained", height_ratios=[1, 2.6]
    )
    panel(top, title, "", output)
    _output_bars(top, outputs, step)
    panel(bottom, None, "token, and the row of its one-hot vector", "hidden unit")
    figure.colorbar(_state_columns(bottom, states, step), ax=bottom, label="activation", fraction=0.04, pad=0.02)
    _name_steps(bottom, said_words, rows, step)
    told = listed([f"{word} {said(round(p, 2))}" for word, p in zip(said_words, outputs[:step], strict=False)], 20)
    describe(
        figure,
        f"A recurrent network after {step} of {counted(count, 'token')}: {counted(states.shape[1], 'hidden unit')} "
        f"in a column for each token read, from {said(states[:step].min())} to {said(states[:step].max())}; "
        f"{output} by token: {told}.",
    )
    return figure


def _output_bars(ax: Axes, outputs: np.ndarray, step: int) -> None:
    """Draw the outputs so far, the present one darker, each with its number."""
    shades = [PROBABILITY[2]] * (step - 1) + [COLOURS["RNN"]]
    small: Any = {"ha": "center", "fontsize": 8 if len(outputs) < 15 else 6}
    for t, value, shade in zip(range(1, step + 1), outputs, shades, strict=False):
        ax.bar(t, value, width=2 * HALF, color=shade)
        ax.annotate(f"{value:.2f}", (t, value), (0, 2), textcoords="offset points", **small)
    ax.set(ylim=(0, 1.18), yticks=(0, 0.5, 1))


def _state_columns(ax: Axes, states: np.ndarray, step: int) -> QuadMesh:
    """Draw each state so far as a column of cells, with gaps between the columns and nothing for the future."""
    count, units = states.shape
    reach = max(1.0, float(abs(states).max()))
    steps = np.arange(1, count + 1)
    edges = np.stack([steps - HALF, steps + HALF], 1).ravel()  # columns and the gaps between them, in turn
    cells = np.full((units, 2 * count - 1), np.nan)
    cells[:, 0 : 2 * step : 2] = states[:step].T
    mesh = ax.pcolormesh(edges, np.arange(units + 1) + 0.5, cells, cmap=SIGNED_MAP, vmin=-reach, vmax=reach)
    ax.invert_yaxis()
    return mesh


def _name_steps(ax: Axes, tokens: list[str], rows: np.ndarray, step: int) -> None:
    """Write each token with its row under its column, slanted where they would overlap."""
    crowded = len(tokens) * max(map(len, tokens)) > 80
    named = [f"{word}{' · ' if crowded else chr(10)}{row}" for word, row in zip(tokens, rows, strict=True)]
    slant: Any = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    ax.set_xticks(range(1, len(tokens) + 1), named, **slant)
    ax.set_xlim(0.5, len(tokens) + 0.5)
    ax.get_xticklabels()[step - 1].set(fontweight="bold", color=COLOURS["ink"])


def piano_roll(
    tune: Sequence[tuple[int, float]],
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw a tune's notes as bars, time in beats to the right and pitch upwards.

    Args:
        tune: (pitch, beats) for each note in order; the pitch is a MIDI number, 60 is middle C, and 0 a rest.
    """
    if not len(tune):
        raise ValueError("the tune has no notes; pass (pitch, beats) for each note")
    ax = panel(ax, title, "time (beats)", "pitch", 2.2)
    beat, sounding = 0.0, []
    for pitch, beats in ((int(pitch), positive("a note's beats", float(beats))) for pitch, beats in tune):
        if not 0 <= pitch <= 127:
            raise ValueError(f"pitch {pitch} is no MIDI number; they run from 0 (here a rest) to 127")
        if pitch:
            ax.barh(pitch, beats * 0.94, left=beat, height=0.8, color=COLOURS["RNN"])
            sounding.append(pitch)
        beat += beats
    if not sounding:
        raise ValueError("the tune is silent: every pitch is 0, a rest")
    pitches = sorted(set(sounding))
    ticks = pitches[:: len(pitches) // 10 + 1]
    ax.set_yticks(ticks, [note_name(pitch) for pitch in ticks])
    ax.set_xlim(0, beat)
    ax.grid(axis="y")
    describe(
        ax,
        f"Piano roll of {counted(len(sounding), 'note')} over {said(beat)} beats, from {note_name(min(sounding))} to "
        f"{note_name(max(sounding))}: {listed([note_name(pitch) for pitch in sounding], 16)}.",
    )
    return ax


def note_name(pitch: int) -> str:
    """Return a MIDI number's name in scientific pitch notation.

    >>> note_name(60), note_name(69)
    ('C4', 'A4')
    """
    return NOTES[pitch % 12] + str(pitch // 12 - 1)
