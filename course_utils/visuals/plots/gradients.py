"""Gradients on their way back through time: their norm by lag, the Jacobians behind it, the influence of each input."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.visuals.inputs import Numbers, array, positive, same_length, words
from course_utils.visuals.palette import COLOURS
from course_utils.visuals.plots.panel import counted, listed, panel, said
from course_utils.visuals.style import PROBABILITY_MAP, SIGNED_MAP, WIDTH, describe

REACH = 4  # powers of ten to each side of 1 that the maps of Jacobians tell apart


def gradient_flow(products: Numbers, radius: float, title: str | None = None) -> Figure:
    """Draw the size of the products of Jacobians against the lag, and four of the products themselves.

    Args:
        products: (K, H, H) for lags 0 to K - 1, K at least 3; the norm drawn is the root mean square over the rows.
        radius: the spectral radius, whose powers are drawn beside the norm.
    """
    matrices, radius = array("products", products, "KHH"), positive("radius", float(radius))
    last = len(matrices) - 1
    if last < 2:
        raise ValueError(f"{last + 1} products are too few for a curve; pass lags 0 to 2 at least")
    norms = np.sqrt((matrices**2).sum((1, 2)) / matrices.shape[1])
    lags = np.arange(last + 1)
    figure = plt.figure(figsize=(WIDTH, 4.6), layout="constrained")
    grid = figure.add_gridspec(2, 4, height_ratios=[1.35, 1])
    ax = panel(figure.add_subplot(grid[0, :]), title, "lag (steps back)", "norm of the gradient")
    ax.semilogy(lags, radius**lags, color=COLOURS["chance"], linestyle=(0, (5, 4)), label="radius to the lag")
    ax.semilogy(lags, np.maximum(norms, np.finfo(float).tiny), color=COLOURS["RNN"], label="gradient")
    ax.legend()
    ax.grid()
    shown = sorted({1, round(last / 3), round(2 * last / 3), last})
    maps = [figure.add_subplot(grid[1, place]) for place in range(len(shown))]
    for ax, lag in zip(maps, shown, strict=True):
        sizes = np.log10(np.maximum(abs(matrices[lag]), np.finfo(float).tiny))
        image = ax.imshow(sizes, cmap=SIGNED_MAP, vmin=-REACH, vmax=REACH)
        ax.set(title=f"lag {lag}", xticks=[], yticks=[])
    bar = figure.colorbar(image, ax=maps, label="size of an entry", fraction=0.03, pad=0.02)
    bar.set_ticks([-REACH, 0, REACH], labels=[f"$10^{{-{REACH}}}$", "1", f"$10^{REACH}$"])
    describe(
        figure,
        f"The norm of a gradient against the lag, 0 to {last}, on a logarithmic scale: from {said(norms[0])} to "
        f"{norms[-1]:.1e}, beside the powers of {said(radius)}, which end at {radius**last:.1e}; below it the "
        f"products of Jacobians at lags {listed([str(lag) for lag in shown])}, blue where entries are below 1 in size.",
    )
    return figure


def influence(
    tokens: Sequence[str],
    strengths: Numbers,
    outputs: Sequence[str] | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw a row for each output, in which each input is coloured by its influence: the strongest of a row is darkest.

    Args:
        tokens: T words, the inputs.
        strengths: (K, T) at least 0: row k is the influence of each input on output k.
        outputs: the K outputs' names; the tokens themselves if None, for K = T.
    """
    said_words, rows = words("tokens", tokens), array("strengths", strengths, "KT")
    names = words("outputs", outputs if outputs is not None else tokens)
    same_length(tokens=len(said_words), columns_of_strengths=rows.shape[1])
    same_length(outputs=len(names), rows_of_strengths=len(rows))
    if rows.min() < 0:
        raise ValueError(f"an influence is {rows.min():.3g}; a norm is at least 0")
    shares = rows / np.maximum(rows.sum(1, keepdims=True), np.finfo(float).tiny)
    relative = shares / np.maximum(shares.max(1, keepdims=True), np.finfo(float).tiny)
    ax = panel(ax, title, "input", "output", 0.9 + 0.34 * len(names))
    ax.pcolormesh(relative, cmap=PROBABILITY_MAP, vmin=0, vmax=1, edgecolors=COLOURS["faint"], linewidth=0.5)
    for k, t in np.argwhere(shares >= 0.005):
        dark = "white" if relative[k, t] > 0.55 else COLOURS["ink"]
        ax.text(t + 0.5, k + 0.5, f"{100 * shares[k, t]:.0f}%", ha="center", va="center", color=dark, fontsize=8)
    ax.set_xticks(np.arange(len(said_words)) + 0.5, said_words)
    ax.set_yticks(np.arange(len(names)) + 0.5, names)
    ax.invert_yaxis()
    ax.tick_params(length=0)
    strongest = [f"{name}: {said_words[int(row.argmax())]}" for name, row in zip(names, rows, strict=True)]
    describe(
        ax,
        f"Influence of {counted(len(said_words), 'input')} on {counted(len(names), 'output')}, as shares of each row; "
        f"the strongest input of each output: {listed(strongest, 20)}.",
    )
    return ax
