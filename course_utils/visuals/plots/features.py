"""What stands between sound and features: spectra over frequency, filters, and who was taken for whom."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes

from course_utils.visuals.inputs import Numbers, array, positive, same_length
from course_utils.visuals.inputs import labels as given_labels
from course_utils.visuals.palette import COLOURS
from course_utils.visuals.plots.panel import listed, panel, said
from course_utils.visuals.style import ENERGY_MAP, PROBABILITY_MAP, describe


def power_spectrogram(
    decibels: Numbers, sample_rate: int, frame_seconds: float, *, ax: Axes | None = None, title: str | None = None
) -> Axes:
    """Draw power in decibels, (T, F), frequency upwards from 0 to half the sample rate; 70 dB are shown."""
    power, rate = array("decibels", decibels, "TF"), positive("sample_rate", sample_rate)
    seconds = len(power) * positive("frame_seconds", frame_seconds)
    ax = panel(ax, title, "time (s)", "frequency (Hz)", 2.4)
    top = float(power.max())
    ax.imshow(
        power.T, origin="lower", aspect="auto", interpolation="nearest", cmap=ENERGY_MAP, vmin=top - 70, vmax=top,
        extent=(0, seconds, 0, rate / 2),
    )  # fmt: skip
    strongest = float(power.mean(0).argmax()) * rate / 2 / max(1, power.shape[1] - 1)
    describe(
        ax,
        f"Spectrogram of {len(power)} frames over {seconds:.2f} seconds, 0 to {rate / 2:,.0f} Hz; "
        f"on average strongest near {strongest:,.0f} Hz.",
    )
    return ax


def filter_bank(filters: Numbers, sample_rate: int, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the filters (F, M) over frequency, every fourth one in colour."""
    weights, rate = array("filters", filters, "FM"), positive("sample_rate", sample_rate)
    hertz = np.linspace(0, rate / 2, len(weights))
    ax = panel(ax, title, "frequency (Hz)", "weight", 2.2)
    for m, weight in enumerate(weights.T):
        shade = COLOURS["RNN"] if m % 4 == 0 else COLOURS["chance"]
        ax.plot(hertz, weight, color=shade, linewidth=1.6 if m % 4 == 0 else 0.7)
    ax.set(xlim=(0, rate / 2), ylim=(0, None))
    wide = [float(np.ptp(hertz[weight > 0])) if (weight > 0).any() else 0.0 for weight in weights.T]
    describe(
        ax,
        f"{weights.shape[1]} triangular filters over 0 to {rate / 2:,.0f} Hz, each overlapping its neighbours: "
        f"the first spans {said(wide[0])} Hz, the last {said(wide[-1])} Hz.",
    )
    return ax


def confusion(counts: Numbers, labels: Iterable[str], *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw a confusion matrix (C, C): a row for what was said, a column for what was recognised, counts written in."""
    table, names = array("counts", counts, "CC"), given_labels("labels", labels)
    same_length(rows=len(table), columns=table.shape[1], labels=len(names))
    if (table < 0).any() or not table.sum():
        raise ValueError("counts hold a negative number, or nothing at all; count what was recognised, row by row")
    ax = panel(ax, title, "recognised", "said", 3.9)
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    ax.imshow(shares, cmap=PROBABILITY_MAP, vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(table):
        if count:
            shade = COLOURS["paper"] if shares[row, column] > 0.5 else COLOURS["ink"]
            ax.text(column, row, said(count), ha="center", va="center", fontsize=9, color=shade)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    wrong = table - np.diag(np.diag(table))
    places = [divmod(int(k), len(names)) for k in np.argsort(-wrong, axis=None, kind="stable")[:3]]
    told = [f"{names[a]} as {names[b]} {said(wrong[a, b])} times" for a, b in places if wrong[a, b]]
    right = said(100 * np.trace(table) / table.sum())
    describe(
        ax,
        f"Confusion matrix of {len(names)} words: {right} per cent are on the diagonal"
        + (f"; most often mistaken: {listed(told)}." if told else "."),
    )
    return ax
