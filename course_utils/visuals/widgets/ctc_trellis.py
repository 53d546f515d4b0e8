"""The CTC trellis: type a target, drag the frames' probabilities, and every number of the recursion moves."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import traitlets

from course_utils.visuals.inputs import Numbers, unit_interval, words
from course_utils.visuals.widgets.base import CourseWidget

VIEWS = ["Forward α", "Backward β", "Posterior"]
MOST_FRAMES, MOST_LABELS, WIDEST = 12, 6, 6


class Lattice(NamedTuple):
    """What CTC computes for one target over one utterance, for the static twin; logarithms but for the posterior.

    ``alphas`` and ``betas`` are (T, S), ``posterior`` is (T, S), and ``score`` log P(target | x).
    """

    alphas: Numbers
    betas: Numbers
    posterior: Numbers
    score: float


class CtcTrellis(CourseWidget):
    """A trellis of T frames by S states whose numbers, paths and decodings are computed in the browser at each move.

    Args:
        probabilities: (T, C), each frame's sum 1; the blank's come first. At most 12 frames.
        symbols: C single characters, the blank first; a string will do.
        target: at most 6 of the symbols, the blank excepted.
        measure: (probabilities (T, C), labels) to the `Lattice`, the browser's own numbers, for the static twin.
        presets: name to (probabilities, target), for buttons that load them.
        path: symbols of a path to mark; none at first if empty.
        view: what the circles show: "Forward α", "Backward β" or "Posterior".
        frame, state: which are chosen at first, from 1.
        beam: how many prefixes, or paths, the searches keep, 1 to 6.

    Raises:
        ValueError: probabilities that are none, symbols of several characters, or a setting outside its range.
    """

    scripts = ("ctc.js", "ctc_trellis.js")
    render = "renderCtcTrellis"

    data = traitlets.Dict().tag(sync=True)
    probabilities = traitlets.List().tag(sync=True)
    target = traitlets.Unicode().tag(sync=True)
    path = traitlets.Unicode().tag(sync=True)
    view = traitlets.Unicode(VIEWS[0]).tag(sync=True)
    frame = traitlets.Int(1).tag(sync=True)
    state = traitlets.Int(1).tag(sync=True)
    beam = traitlets.Int(3).tag(sync=True)

    def __init__(
        self,
        probabilities: Numbers,
        symbols: Iterable[str],
        target: str,
        measure: Callable[[np.ndarray, list[int]], Lattice],
        *,
        presets: Mapping[str, tuple[Numbers, str]] | None = None,
        path: str = "",
        view: str = VIEWS[0],
        frame: int = 1,
        state: int = 1,
        beam: int = 3,
    ):
        self._symbols = words("symbols", [*symbols])
        if len(self._symbols) < 2 or len(set(self._symbols)) < len(self._symbols):
            raise ValueError(f"symbols {self._symbols} should be the blank and at least one letter, each once")
        if wide := [symbol for symbol in self._symbols if len(symbol) != 1]:
            raise ValueError(f"the symbol {wide[0]!r} has {len(wide[0])} characters; the trellis has room for one")
        self._measure = measure
        given = {"Start again": (probabilities, target), **(presets or {})}
        ready = [
            {"name": name, "probabilities": self._rows(rows), "target": self._known(text)}
            for name, (rows, text) in given.items()
        ]
        super().__init__(
            data={"symbols": self._symbols, "presets": ready},
            probabilities=ready[0]["probabilities"],
            target=target,
            path=path,
            view=view,
            frame=frame,
            state=state,
            beam=beam,
        )

    def _rows(self, values: Numbers) -> list[list[float]]:
        found = unit_interval("probabilities", values, "TC")
        T, C = found.shape
        if T > MOST_FRAMES or len(self._symbols) != C:
            raise ValueError(
                f"probabilities have the shape {found.shape}; give at most {MOST_FRAMES} frames of "
                f"{len(self._symbols)} symbols, {', '.join(self._symbols)}"
            )
        if wrong := np.flatnonzero(~np.isclose(found.sum(1), 1, atol=1e-3)).tolist():
            frame = wrong[0]
            raise ValueError(f"the probabilities of frame {frame + 1} add up to {found[frame].sum():.3g}, not to 1")
        return found.tolist()

    def _known(self, text: str, blank: bool = False) -> str:
        allowed = self._symbols if blank else self._symbols[1:]
        if strange := [letter for letter in text if letter not in allowed]:
            raise ValueError(f"{text!r} has the symbol {strange[0]!r}; choose among {', '.join(allowed)}")
        if not blank and len(text) > MOST_LABELS:
            raise ValueError(f"the target {text!r} has {len(text)} symbols; the picture has room for {MOST_LABELS}")
        return text

    @traitlets.validate("probabilities")
    def _check_probabilities(self, proposal: Any) -> list[list[float]]:
        return self._rows(proposal["value"])

    @traitlets.validate("target")
    def _check_target(self, proposal: Any) -> str:
        return self._known(proposal["value"])

    @traitlets.validate("path")
    def _check_path(self, proposal: Any) -> str:
        return self._known(proposal["value"], blank=True)

    @traitlets.validate("view")
    def _check_view(self, proposal: Any) -> str:
        if proposal["value"] not in VIEWS:
            raise ValueError(f"view is {proposal['value']!r}; choose one of {', '.join(map(repr, VIEWS))}")
        return proposal["value"]

    @traitlets.validate("frame", "state", "beam")
    def _check_place(self, proposal: Any) -> int:
        name, most = proposal["trait"].name, {"frame": MOST_FRAMES, "state": 2 * MOST_LABELS + 1, "beam": WIDEST}
        if not 1 <= proposal["value"] <= most[name]:
            raise ValueError(f"{name} is {proposal['value']}; it runs from 1 to {most[name]}")
        return proposal["value"]

    def _lattice(self) -> Lattice:
        labels = [self._symbols.index(letter) for letter in self.target]
        *lattice, score = self._measure(np.array(self.probabilities), labels)
        return Lattice(*map(_plain, lattice), float(score))

    def static(self) -> Any:
        """Return the same picture as a figure, of the present probabilities and target."""
        from course_utils.visuals import plots

        alphas, betas, posterior, _ = self._lattice()
        shown = dict(zip(VIEWS, (np.exp(alphas), np.exp(betas), posterior), strict=True))[self.view]
        return plots.ctc_trellis(self.probabilities, self._symbols, self.target, shown, posterior, self.view)

    def caption(self) -> str:
        """Return what the picture shows, in a sentence."""
        chance = float(np.exp(float(self._lattice().score)))
        return (
            f"the CTC trellis of {self.target!r} over {len(self.probabilities)} frames: the target has the probability "
            f"{chance:.3g}"
        )


def _plain(values: Numbers) -> np.ndarray:
    """Return numbers, infinities among them, as an array."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
