"""Fill the trellis of a hidden Markov model node by node, change a transition or what is heard, and see it follow."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import traitlets

from course_utils.visuals.inputs import Numbers, array, same_length, unit_interval, words
from course_utils.visuals.widgets.base import CourseWidget

MODES = ["forward", "Viterbi", "posterior"]
MOST_STATES, MOST_FRAMES = 5, 12


class Trellis(CourseWidget):
    """The sum over all paths, the best path, and the posterior of each state, computed in the browser at each move.

    Args:
        states: S names.
        symbols: C names of what can be heard.
        heard: T indices of symbols.
        initial: (S,), P(first state); transition: (S, S), from the row; emission: (S, C); final: (S,), 1 where a
            sequence may end, else 0. All are probabilities.
        measure: (transition, heard) to the same numbers as the browser's, for the static twin: a mapping from
            "forward", "Viterbi" and "posterior" to (T, S), and "path" to the T states of the best path.
        step: how many nodes are filled, from 1; all if None.
        mode: "forward", "Viterbi" or "posterior".

    Raises:
        ValueError: numbers of the wrong shape, rows that do not sum to 1, or a setting outside its range.
    """

    scripts = ("trellis.js",)
    render = "renderTrellis"

    data = traitlets.Dict().tag(sync=True)
    transition = traitlets.List(help="S · S probabilities, row after row.").tag(sync=True)
    heard = traitlets.List(help="T indices of symbols.").tag(sync=True)
    step = traitlets.Int(1).tag(sync=True)
    mode = traitlets.Unicode("forward").tag(sync=True)

    def __init__(
        self,
        states: Sequence[str],
        symbols: Sequence[str],
        heard: Numbers,
        initial: Numbers,
        transition: Numbers,
        emission: Numbers,
        final: Numbers,
        measure: Callable[[np.ndarray, list[int]], Mapping[str, Numbers]],
        *,
        step: int | None = None,
        mode: str = "forward",
    ):
        names, signs, frames = words("states", states), words("symbols", symbols), array("heard", heard).astype(int)
        S = len(names)
        tables = {
            "initial": unit_interval("initial", initial),
            "emission": unit_interval("emission", emission, "SC"),
            "final": unit_interval("final", final),
        }
        moves = unit_interval("transition", transition, "SS")
        same_length(states=S, initial=len(tables["initial"]), rows_of_emission=len(tables["emission"]))
        same_length(states=S, final=len(tables["final"]), rows_of_transition=len(moves), columns=moves.shape[1])
        same_length(symbols=len(signs), columns_of_emission=tables["emission"].shape[1])
        if S > MOST_STATES or len(frames) > MOST_FRAMES:
            raise ValueError(
                f"{S} states and {len(frames)} frames; the picture has room for {MOST_STATES} and {MOST_FRAMES}"
            )
        if abs(moves.sum(1) - 1).max() > 1e-6:
            raise ValueError(f"the rows of transition sum to {moves.sum(1).round(3).tolist()}; each must sum to 1")
        if frames.min() < 0 or frames.max() >= len(signs):
            raise ValueError(f"heard runs from {frames.min()} to {frames.max()}; symbols are 0 to {len(signs) - 1}")
        self._measure = measure
        plain = {name: table.ravel().tolist() for name, table in tables.items()}
        super().__init__(
            data={"states": names, "symbols": signs, **plain},
            transition=moves.ravel().tolist(),
            heard=frames.tolist(),
            step=S * len(frames) if step is None else step,
            mode=mode,
        )

    @traitlets.validate("step")
    def _check_step(self, proposal: Any) -> int:
        nodes = len(self.data["states"]) * len(self.heard)
        if not 1 <= proposal["value"] <= nodes:
            raise ValueError(f"step is {proposal['value']}; the trellis has nodes 1 to {nodes}")
        return proposal["value"]

    @traitlets.validate("mode")
    def _check_mode(self, proposal: Any) -> str:
        if proposal["value"] not in MODES:
            raise ValueError(f"mode is {proposal['value']!r}; choose one of {', '.join(map(repr, MODES))}")
        return proposal["value"]

    def _measured(self) -> tuple[np.ndarray, np.ndarray, list[int]]:
        """Return the transitions (S, S), the present mode's numbers (T, S) and the best path."""
        S, T = len(self.data["states"]), len(self.heard)
        moves = np.array(self.transition).reshape(S, S)
        found = self._measure(moves, list(self.heard))
        values = array(f"measure's {self.mode}", found[self.mode], "TS")
        if values.shape != (T, S):
            raise ValueError(f"measure gave {values.shape} for {self.mode}; {T} frames and {S} states need {(T, S)}")
        return moves, values, [int(state) for state in found["path"]]

    def static(self) -> Any:
        """Return the same picture as a figure, of the present settings."""
        from course_utils.visuals import plots

        moves, values, path = self._measured()
        data = self.data
        shown = [data["symbols"][symbol] for symbol in self.heard]
        best = path if self.mode == "Viterbi" and self.step == values.size else None
        title = {"forward": "sum of all paths", "Viterbi": "best path", "posterior": "posterior"}[self.mode]
        return plots.trellis(values, moves, data["states"], shown, filled=self.step, path=best, title=title)

    def caption(self) -> str:
        """Return what the picture shows, in a sentence."""
        data = self.data
        heard = ", ".join(data["symbols"][symbol] for symbol in self.heard)
        nodes = len(data["states"]) * len(self.heard)
        return (
            f"the trellis of a hidden Markov model with the states {', '.join(data['states'])}, {self.mode}, "
            f"{self.step} of {nodes} nodes filled, for {heard}"
        )
