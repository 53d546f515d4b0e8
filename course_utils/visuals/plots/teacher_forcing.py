"""Teacher forcing drawn: a translation with a character forced on it, and what came of it."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from course_utils.visuals.hanzi import matplotlib_font
from course_utils.visuals.inputs import Numbers, same_length, unit_interval, words
from course_utils.visuals.palette import COLOURS
from course_utils.visuals.plots.panel import panel, said
from course_utils.visuals.style import describe

WRONG, RIGHT, FORCED = "#D55E00", "#0072B2", "#222222"


def forced_translation(
    written: Sequence[str],
    probabilities: Numbers,
    truth: Sequence[str],
    pinyin: Mapping[str, str],
    forced: Sequence[int] = (),
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw what a translator wrote, a bar of probability each, over what it should have written.

    Args:
        written: U tokens, ``<eos>`` last; probabilities: (U,), what the model gave to each.
        truth: the right translation, ``<eos>`` last.
        pinyin: a character's sound; other tokens are written as they are.
        forced: the places, from 0, where a token was forced.
    """
    tokens, right, shares = words("written", written), words("truth", truth), unit_interval("shares", probabilities)
    same_length(written=len(tokens), probabilities=len(shares))
    ax = panel(ax, title, "place in the translation", "probability", 3.2)
    places = np.arange(max(len(tokens), len(right)))
    wrong = [u >= len(right) or one != right[u] for u, one in enumerate(tokens)]
    shades = [FORCED if u in forced else WRONG if wrong[u] else RIGHT for u in range(len(tokens))]
    ax.bar(places[: len(tokens)], shares, color=shades, width=0.6)
    for row, (name, line) in enumerate({"written": tokens, "should be": right}.items()):
        level = -0.16 - 0.44 * row
        ax.annotate(name, (-0.75, level - 0.06), ha="right", va="center", fontsize=9, annotation_clip=False)
        for u, one in enumerate(line):
            shade = COLOURS["ink"] if row or not wrong[u] else WRONG
            _character(ax, u, level, one, pinyin, shade)
    for u, share in enumerate(shares):
        note = "forced" if u in forced else said(round(float(share), 2))
        ax.annotate(note, (u, share), (0, 3), textcoords="offset points", ha="center", fontsize=8)
    ax.set(ylim=(-0.85, 1.12), xlim=(-1.9, len(places) - 0.4), xticks=places, xticklabels=places + 1)
    ax.set_yticks([0, 0.5, 1])
    ax.axhline(0, color="#8A8A86", linewidth=0.8)
    ax.spines["left"].set_bounds(0, 1)
    sounds = [[pinyin.get(one, one) for one in line] for line in (tokens, right)]
    told = f", with {' and '.join(f'{sounds[0][u]} forced at place {u + 1}' for u in forced)}" if forced else ""
    describe(
        ax,
        f"A translation of {len(tokens)} tokens, “{' '.join(sounds[0])}”{told}. It should be “{' '.join(sounds[1])}”; "
        f"{sum(wrong)} of its tokens {'differs' if sum(wrong) == 1 else 'differ'}.",
    )
    return ax


def _character(ax: Axes, place: int, level: float, one: str, pinyin: Mapping[str, str], shade: str) -> None:
    sound = pinyin.get(one)
    if sound is None:
        ax.annotate(one, (place, level - 0.06), ha="center", va="center", fontsize=8, color=shade)
        return
    ax.annotate(sound, (place, level), ha="center", va="bottom", fontsize=8, color=shade)
    ax.annotate(one, (place, level), ha="center", va="top", color=shade, fontproperties=matplotlib_font(15))
