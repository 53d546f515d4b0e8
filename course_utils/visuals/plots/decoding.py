"""Decoding: the tree of the prefixes that a beam search keeps."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from course_utils.visuals.palette import COLOURS
from course_utils.visuals.plots.panel import panel
from course_utils.visuals.style import describe


def prefix_tree(
    prefixes: Sequence[tuple[str, float, float]], *, ax: Axes | None = None, title: str | None = None
) -> Axes:
    """Draw prefixes as a tree of letters, each with its probability; the path to the best one is thick.

    Args:
        prefixes: (text, probability, score), best first; a longer text hangs on the texts that it begins with.
    """
    if not prefixes:
        raise ValueError("there are no prefixes; pass [(text, probability, score), …]")
    known = {text: probability for text, probability, _ in prefixes}
    if len(known) < len(prefixes):
        raise ValueError(f"of {[text for text, *_ in prefixes]} one text comes twice; a tree has each once")
    rows, places = 0, {}
    for text in sorted(known):  # a text comes right before those that it begins
        shared = next((text[:cut] for cut in range(len(text), -1, -1) if text[:cut] in places), None)
        fresh = (
            shared is None or any(other.startswith(shared) and other != shared for other in places) or shared in known
        )
        rows += int(fresh and bool(places))
        for cut in range(len(text) + 1):
            places.setdefault(text[:cut], rows)
    deepest = max(map(len, known))
    ax = panel(ax, title, "letters", "", 0.9 + 0.36 * (rows + 1))
    best = prefixes[0][0]
    for text, row in places.items():
        lit = best.startswith(text)
        shade, wide = (COLOURS["RNN"], 2.4) if lit else (COLOURS["blank"], 0.9)
        if text:
            u = len(text)
            line = [u - 1, u - 0.65, u], [places[text[:-1]], row, row]
            ax.plot(*line, color=shade, linewidth=wide, zorder=1)
        ax.plot(len(text), row, "o", markersize=15, markerfacecolor=COLOURS["paper"], markeredgecolor=shade, zorder=2)
        letter = text[-1:].replace(" ", "␣") or "∅"
        ax.text(len(text), row, letter, ha="center", va="center", fontsize=9, color=COLOURS["ink"])
        if text in known:
            label = f"{known[text]:.3f}" if known[text] >= 0.0005 else f"{known[text]:.0e}"
            ax.annotate(
                label, (len(text), row), (10, 7), textcoords="offset points", fontsize=7, color=COLOURS["chance"]
            )
    ax.set(xlim=(-0.5, deepest + 0.9), ylim=(rows + 0.6, -0.6), yticks=[])
    ax.set_xticks(range(deepest + 1))
    told = ", ".join(f"{text or 'nothing'} {probability:.2g}" for text, probability, _ in prefixes)
    describe(ax, f"The texts that the beam holds, {len(known)} in number, best first: {told}.")
    return ax
