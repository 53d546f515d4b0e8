"""Set the gates of one LSTM unit by hand, step by step, and watch its cell keep, forget, overwrite and add."""

from collections.abc import Callable
from typing import Any

import traitlets

from course_utils.visuals.inputs import Numbers, array, same_length, unit_interval
from course_utils.visuals.widgets.base import CourseWidget, packed


class GatesByHand(CourseWidget):
    """One unit over T steps: its candidates are given, its three gates are the learner's, at each step anew.

    The browser computes c<t> = f c<t-1> + i g<t> and h<t> = o tanh(c<t>) at each move, from c<0> = 0.

    Args:
        candidates: (T,) the g, from -1 to 1.
        run: from gates (T, 3), a list of [f, i, o] for each step, to the outputs h (T,) and the cells c (T,): the
            same as the browser's, for the static twin.
        gates: (T, 3), from 0 to 1, at first; all one half if None.
        target: (T,) what h should become; nothing is asked for if None.
        step: the step whose gates are set first, from 1.

    Raises:
        ValueError: lengths that differ, or numbers outside their range.
    """

    scripts = ("gates_by_hand.js",)
    render = "renderGatesByHand"

    data = traitlets.Dict().tag(sync=True)
    gates = traitlets.List().tag(sync=True)
    step = traitlets.Int(1).tag(sync=True)

    def __init__(
        self,
        candidates: Numbers,
        run: Callable[[list[list[float]]], tuple[Numbers, Numbers]],
        *,
        gates: Numbers | None = None,
        target: Numbers | None = None,
        step: int = 1,
    ):
        g = array("candidates", candidates)
        if abs(g).max() > 1:
            raise ValueError(f"the candidates reach {abs(g).max():.3g}; a tanh gives them, so they lie in [-1, 1]")
        first = [[0.5, 0.5, 0.5]] * len(g) if gates is None else unit_interval("gates", gates, "TG").tolist()
        self._candidates, self._run = g, run
        self._target = None if target is None else array("target", target)
        if self._target is not None:
            same_length(candidates=len(g), target=len(self._target))
        data = {
            "candidates": packed(g),
            "target": None if self._target is None else packed(self._target),
            "gates": first,
        }
        super().__init__(data=data, gates=first, step=step)

    @traitlets.validate("gates")
    def _check_gates(self, proposal: Any) -> list[list[float]]:
        found = unit_interval("gates", proposal["value"], "TG")
        if found.shape != (len(self._candidates), 3):
            raise ValueError(f"gates has shape {found.shape} and should have {(len(self._candidates), 3)}: f, i, o")
        return found.tolist()

    @traitlets.validate("step")
    def _check_step(self, proposal: Any) -> int:
        if not 1 <= proposal["value"] <= len(self._candidates):
            raise ValueError(f"step {proposal['value']} is outside the steps, 1 to {len(self._candidates)}")
        return proposal["value"]

    def _states(self) -> tuple[Any, Any]:
        h, c = (array(name, values) for name, values in zip(("h", "c"), self._run(self.gates), strict=True))
        same_length(candidates=len(self._candidates), outputs=len(h), cells=len(c))
        return h, c

    def static(self) -> Any:
        """Return the same picture as a figure, with the present gates."""
        from course_utils.visuals import plots

        return plots.gates_by_hand(self._candidates, self.gates, *self._states(), self._target)

    def caption(self) -> str:
        """Return what the picture shows: the cell and the output after each step."""
        h, c = (", ".join(f"{value:.2f}" for value in values) for values in self._states())
        return f"one LSTM unit over {len(self._candidates)} steps with gates set by hand; cell {c}; output {h}"
