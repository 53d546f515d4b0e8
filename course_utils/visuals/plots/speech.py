"""Sound and what is made of it, along one time axis in seconds."""

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.visuals.inputs import Numbers, array, frame_step, positive, same_length, unit_interval
from course_utils.visuals.inputs import labels as given_labels
from course_utils.visuals.palette import COLOURS
from course_utils.visuals.plots.panel import extent, listed, panel, said
from course_utils.visuals.style import ENERGY_MAP, PROBABILITY_MAP, WIDTH, describe

GRID: Any = {"origin": "lower", "aspect": "auto", "interpolation": "nearest"}
Span = tuple[float, float, str]  # from second, to second, what is heard


def waveform(
    samples: Numbers,
    sample_rate: int,
    spans: Sequence[Span] | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw sound pressure over time, with named spans shaded in turn.

    Args:
        samples: (N,) in [-1, 1].
        sample_rate: in hertz.
        spans: (start, end, label) in seconds, such as a word's.
    """
    wave, rate = array("samples", samples), positive("sample_rate", sample_rate)
    seconds = len(wave) / rate
    ax = panel(ax, title, "time (s)", "amplitude", 2.0)
    ax.plot(np.arange(len(wave)) / rate, wave, color=COLOURS["signal"], linewidth=0.6)
    peak = max(1e-3, float(abs(wave).max()))
    ax.set(xlim=(0, seconds), ylim=(-1.1 * peak, (1.45 if spans else 1.1) * peak))
    for place, (start, end, label) in enumerate(spans or []):
        if not 0 <= start < end <= seconds + 1e-6:
            raise ValueError(f"span {label!r} runs from {start} to {end} s, outside the sound's 0 to {seconds:.2f} s")
        ax.axvspan(start, end, ymin=0, ymax=1, color=COLOURS["RNN"], alpha=0.06 + 0.08 * (place % 2), linewidth=0)
        ax.text((start + end) / 2, 1.4 * peak, label, ha="center", va="top", fontsize=9)
    heard = ", with " + listed([f"{label} at {said(round(start, 2))} s" for start, _, label in spans]) if spans else ""
    describe(ax, f"Waveform of {seconds:.2f} seconds, at most {said(abs(wave).max())} from zero{heard}.")
    return ax


def spectrogram(
    log_mel: Numbers,
    frame_seconds: float,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw features (T, D) as colours, time to the right and feature number (mel band) upwards."""
    features, step = array("log_mel", log_mel, "TD"), positive("frame_seconds", frame_seconds)
    frames, bands = features.shape
    ax = panel(ax, title, "time (s)", "mel band", 2.4)
    ax.imshow(features.T, extent=extent(frames, step, bands), cmap=ENERGY_MAP, vmin=np.quantile(features, 0.02), **GRID)
    loudest = int(features.mean(1).argmax())
    describe(
        ax,
        f"Spectrogram of {frames} frames by {bands} mel bands over {frames * step:.2f} seconds; "
        f"most energy at {loudest * step:.2f} s.",
    )
    return ax


def _runs(labels: Sequence[str], best: np.ndarray) -> list[str]:
    """Return the label of each run of equal best labels, in order."""
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    return [labels[best[start]] for start in starts]


def posteriors(
    probs: Numbers,
    labels: Iterable[str],
    frame_seconds: float,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the probability of each label at each frame, (T, C), one row a label, the first on top."""
    frames, names = unit_interval("probs", probs, "TC"), given_labels("labels", labels)
    same_length(columns_of_probs=frames.shape[1], labels=len(names))
    step = positive("frame_seconds", frame_seconds)
    ax = panel(ax, title, "time (s)", "label", 0.9 + 0.19 * len(names))
    ax.imshow(frames.T, extent=extent(len(frames), step, len(names)), cmap=PROBABILITY_MAP, vmin=0, vmax=1, **GRID)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    for edge in np.arange(0.5, len(names) - 1):
        ax.axhline(edge, color=COLOURS["faint"], linewidth=0.5)
    best = frames.argmax(1)
    share = said(round(100 * float((best == 0).mean())))
    said_labels = [name for name in _runs(names, best) if name != names[0]]
    spoken = f"; the others in order: {listed(said_labels, 12)}" if said_labels else ""
    describe(
        ax,
        f"Probability of {len(names)} labels over {len(frames)} frames ({len(frames) * step:.2f} seconds): "
        f"{names[0]} is the likeliest in {share} per cent of the frames{spoken}.",
    )
    return ax


def utterance(
    samples: Numbers,
    sample_rate: int,
    features: Numbers,
    probs: Numbers,
    labels: Iterable[str],
    *,
    feature_seconds: float | None = None,
    frame_seconds: float | None = None,
    cursor: float | None = None,
    title: str | None = None,
) -> Figure:
    """Draw one utterance three times, aligned in time: samples (N,), features (T, D), label probabilities (F, C).

    Args:
        feature_seconds: from one feature frame to the next; if None, the frames span the sound.
        frame_seconds: the same for the probabilities.
        cursor: a second to mark through all three.
    """
    names = given_labels("labels", labels)
    seconds = len(samples) / positive("sample_rate", sample_rate)
    heights = [1.1, 1.7, 0.5 + 0.19 * len(names)]
    figure, panels = plt.subplots(
        3, 1, sharex=True, figsize=(WIDTH, sum(heights) + 1.0), layout="constrained", height_ratios=heights
    )
    waveform(samples, sample_rate, ax=panels[0], title=title)
    spectrogram(features, frame_step("features", len(features), feature_seconds, seconds), ax=panels[1])
    posteriors(probs, names, frame_step("probabilities", len(probs), frame_seconds, seconds), ax=panels[2])
    for ax in panels:
        ax.set_xlim(0, seconds)
        if cursor is not None:
            ax.axvline(cursor, color=COLOURS["paper"], linewidth=3.4)
            ax.axvline(cursor, color=COLOURS["cursor"], linewidth=1.6)
    for ax in panels[:2]:
        ax.set_xlabel("")
    figure.align_ylabels(panels)
    return figure
