"""The prefix tree: watch a prefix beam search grow, frame by frame, and let a language model talk into it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import traitlets

from course_utils.visuals.inputs import Numbers, array, unit_interval, words
from course_utils.visuals.widgets.base import CourseWidget

MOST_FRAMES, WIDEST = 32, 8
RANGES = {"beam": (1, WIDEST), "alpha": (0, 2), "beta": (0, 4), "frame": (1, MOST_FRAMES)}


class PrefixTree(CourseWidget):
    """A tree of the prefixes that a beam search keeps after each frame, searched again in the browser at each move.

    Args:
        sounds: name to probabilities (T, C), each frame's sum 1, at most 32 frames; each gets a button.
        symbols: C single characters, the blank first; a string will do.
        bigram: (C, C), log P(column after row); place 0 stands for the beginning in rows, for the end in columns.
        search: (probabilities (T, C), beam, alpha, beta) to hypotheses with ``labels``, ``acoustic`` and ``score``, the
            best first: the browser's own search, for the static twin.
        frame: how many frames have been heard at first, from 1; all of them if None.
        beam: how many prefixes are kept, 1 to 8.
        alpha, beta: weight of the language model, 0 to 2, and length term, 0 to 4.
        preset: which of the sounds is shown at first, from 0.

    Raises:
        ValueError: probabilities that are none, symbols of several characters, or a setting outside its range.
    """

    scripts = ("ctc.js", "prefix_tree.js")
    render = "renderPrefixTree"

    data = traitlets.Dict().tag(sync=True)
    frame = traitlets.Int(1).tag(sync=True)
    beam = traitlets.Int(4).tag(sync=True)
    alpha = traitlets.Float(0.0).tag(sync=True)
    beta = traitlets.Float(0.0).tag(sync=True)
    preset = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        sounds: Mapping[str, Numbers],
        symbols: Iterable[str],
        bigram: Numbers,
        search: Callable[[np.ndarray, int, float, float], Sequence[Any]],
        *,
        frame: int | None = None,
        beam: int = 4,
        alpha: float = 0.0,
        beta: float = 0.0,
        preset: int = 0,
    ):
        self._symbols = words("symbols", [*symbols])
        if len(self._symbols) < 2 or len(set(self._symbols)) < len(self._symbols):
            raise ValueError(f"symbols {self._symbols} should be the blank and at least one letter, each once")
        if wide := [symbol for symbol in self._symbols if len(symbol) != 1]:
            raise ValueError(f"the symbol {wide[0]!r} has {len(wide[0])} characters; a node has room for one")
        if not sounds:
            raise ValueError("there are no sounds; pass {name: probabilities (T, C)}")
        self._search = search
        ready = [{"name": name, "probabilities": self._rows(rows)} for name, rows in sounds.items()]
        if not 0 <= preset < len(ready):
            raise ValueError(f"preset is {preset}; there are {len(ready)} sounds, the first is 0")
        T = len(ready[preset]["probabilities"])
        data = {"symbols": self._symbols, "presets": ready, "bigram": self._table(bigram)}
        first = {"beam": beam, "alpha": alpha, "beta": beta, "preset": preset}
        super().__init__(data=data, frame=T if frame is None else frame, **first)

    def _rows(self, values: Numbers) -> list[list[float]]:
        found = unit_interval("probabilities", values, "TC")
        T, C = found.shape
        if not 1 <= T <= MOST_FRAMES or len(self._symbols) != C:
            raise ValueError(
                f"probabilities have the shape {found.shape}; give 1 to {MOST_FRAMES} frames of {len(self._symbols)} "
                "symbols"
            )
        if wrong := np.flatnonzero(~np.isclose(found.sum(1), 1, atol=1e-3)).tolist():
            raise ValueError(f"the probabilities of frame {wrong[0] + 1} add up to {found[wrong[0]].sum():.3g}, not 1")
        return found.tolist()

    def _table(self, bigram: Numbers) -> list[list[float | None]]:
        """Return the table with None for minus infinity, which JSON cannot write."""
        finite = np.array(bigram, dtype=float)
        found = array("bigram", np.where(np.isneginf(finite), -1e9, finite), "CC")
        C = len(self._symbols)
        if found.shape != (C, C) or found.max() > 0:
            raise ValueError(
                f"bigram has the shape {found.shape} and the maximum {found.max():g}; give ({C}, {C}) logs"
            )
        return [[None if log <= -1e9 else log for log in row] for row in found.tolist()]

    @traitlets.validate("frame", "beam", "alpha", "beta")
    def _check_setting(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        low, high = RANGES[name]
        if not low <= value <= high:
            raise ValueError(f"{name} is {value}; it runs from {low} to {high}")
        return value

    def _hypotheses(self) -> tuple[int, list[tuple[str, float, float]]]:
        """Return how many frames have been heard, and the prefixes as (text, probability, score), best first."""
        probabilities = np.array(self.data["presets"][self.preset]["probabilities"])
        t = min(self.frame, len(probabilities))
        found = self._search(probabilities[:t], self.beam, self.alpha, self.beta)
        spelt = [("".join(self._symbols[label] for label in one.labels), one) for one in found]
        return t, [(text, float(np.exp(one.acoustic)), float(one.score)) for text, one in spelt]

    def static(self) -> Any:
        """Return the tree as a figure, with the present settings."""
        from course_utils.visuals import plots

        t, found = self._hypotheses()
        title = f"After {t} frames, beam {self.beam}, α = {self.alpha:g}: probability of each prefix"
        return plots.prefix_tree(found, title=title)

    def caption(self) -> str:
        """Return what the picture shows, in a sentence."""
        t, found = self._hypotheses()
        said = f"the best of {len(found)} is {found[0][0]!r}" if found else "nothing is left"
        return f"the prefix tree of a beam search after {t} frames: {said}"
