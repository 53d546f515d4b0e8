"""How figures look, and the sentence that stands for each where it cannot be seen."""

import base64
import html
import io
from typing import Any
from weakref import WeakKeyDictionary

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from course_utils.visuals.palette import COLOURS, CYCLE, ENERGY, PROBABILITY, SIGNED

PIXELS_PER_INCH = 100  # a figure of 7.2 inches is 720 CSS pixels wide, a notebook's text width
SHARPNESS = 2  # image pixels per CSS pixel
WIDTH = 7.2  # inches

ENERGY_MAP = LinearSegmentedColormap.from_list("course energy", ENERGY)
PROBABILITY_MAP = LinearSegmentedColormap.from_list("course probability", PROBABILITY)
SIGNED_MAP = LinearSegmentedColormap.from_list("course signed", SIGNED)

STYLE: Any = {
    "figure.figsize": (WIDTH, 3.0),
    "figure.dpi": PIXELS_PER_INCH,
    "figure.facecolor": COLOURS["paper"],
    "savefig.dpi": PIXELS_PER_INCH * SHARPNESS,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "font.size": 10,
    "axes.facecolor": COLOURS["paper"],
    "axes.edgecolor": "#8A8A86",
    "axes.labelcolor": "#3A3A3A",
    "axes.titlecolor": COLOURS["ink"],
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlepad": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=CYCLE),
    "axes.axisbelow": True,
    "grid.color": COLOURS["faint"],
    "grid.linewidth": 0.7,
    "xtick.color": "#5A5A56",
    "ytick.color": "#5A5A56",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "image.cmap": "magma",
}

# Opaque in both themes and on paper: a figure's colours mean the same wherever it is read.
CARD = (
    "display:inline-block;box-sizing:border-box;max-width:100%;margin:4px 0;padding:6px;"
    f"background:{COLOURS['paper']};border:1px solid {COLOURS['faint']};border-radius:8px"
)

_sentences: WeakKeyDictionary[Axes | Figure, str] = WeakKeyDictionary()


def describe(picture: Axes | Figure, sentence: str) -> None:
    """Attach the sentence that a reader hears instead of seeing the Axes or Figure; a later one replaces it."""
    if not sentence.strip():
        raise ValueError("the description is empty; say in a sentence what the picture shows, with its numbers")
    _sentences[picture] = " ".join(sentence.split())


def alt_text(picture: Axes | Figure) -> str:
    """Return the description of a figure (or of the one that Axes lie on), else those of its Axes, else nothing."""
    figure = _figure_of(picture)
    if figure in _sentences:
        return _sentences[figure]
    return " ".join(_sentences[axes] for axes in figure.axes if axes in _sentences)


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG image of ``SHARPNESS`` pixels for each CSS pixel."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=PIXELS_PER_INCH * SHARPNESS, facecolor=figure.get_facecolor())
    return image.getvalue()


def figure_html(figure: Figure) -> str:
    """Return the figure as HTML that stands alone: the image inside it, at its logical width, with its alt text."""
    width = round(figure.get_size_inches()[0] * PIXELS_PER_INCH)
    data = base64.b64encode(png(figure)).decode()
    alt = html.escape(alt_text(figure), quote=True)
    return (
        f'<figure class="course-figure" style="{CARD}"><img alt="{alt}" width="{width}" '
        f'style="display:block;max-width:100%;height:auto" src="data:image/png;base64,{data}"></figure>'
    )


def _figure_of(picture: Axes | Figure) -> Figure:
    figure = picture if isinstance(picture, Figure) else picture.get_figure(root=True)
    if figure is None:
        raise ValueError("these Axes belong to no figure any more; draw them again")
    return figure


def _shown_html(picture: Axes | Figure) -> str:
    import matplotlib.pyplot as plt

    figure = _figure_of(picture)
    plt.close(figure)  # shown now, as a cell's value; the cell's end would show it a second time
    return figure_html(figure)


def _shown_plain(picture: Axes | Figure, printer, cycle) -> None:
    printer.text(alt_text(picture) or repr(picture))


def install_style() -> None:
    """Make figures look as the course's do and, in IPython, show each with its alt text, Axes as their figure."""
    import matplotlib.pyplot as plt
    from IPython import get_ipython

    matplotlib.rcParams.update(STYLE)
    shell = get_ipython()
    if shell is None:
        return
    plt.switch_backend(matplotlib.get_backend())  # the notebook's backend sets formatters when loaded: before ours
    formatters = shell.display_formatter.formatters
    for kind in ("image/png", "image/svg+xml", "image/jpeg", "application/pdf"):
        formatters[kind].pop(Figure, None)
    for shown in (Figure, Axes):
        formatters["text/html"].for_type(shown, _shown_html)
        formatters["text/plain"].for_type(shown, _shown_plain)
