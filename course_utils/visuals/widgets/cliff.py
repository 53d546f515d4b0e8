"""Descend on the loss of one recurrent unit, with its cliff: learning rate, threshold, start, and the path."""

from collections.abc import Callable
from typing import Any

import numpy as np
import traitlets

from course_utils.visuals.inputs import Numbers, array, positive
from course_utils.visuals.widgets.base import CourseWidget, packed

RATES = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0]
THRESHOLDS = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0, 0.0]
UPDATES = 60


class Cliff(CourseWidget):
    """The path of gradient descent over the loss of one unit, computed in the browser at each move.

    The unit is a<t> = σ(w a<t-1> + b), from a<0> = ``first``, and its loss (a<steps> − target)².

    Args:
        w, b: where the loss was computed, evenly spaced and rising, (N,) and (M,).
        losses: (M, N), a row for each b.
        descend: (start_w, start_b, learning_rate, threshold) to the 61 places (61, 2) that descent comes by, for the
            static twin; the threshold is infinite where nothing is clipped.
        first, target, steps: of the unit.
        learning_rate: one of 0.05, 0.1, 0.2, 0.5, 1, 2, 5.
        threshold: one of 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 50; or 0, which does not clip.
        start_w, start_b: where descent begins, on the map.
        updates: how many are shown, 0 to 60.

    Raises:
        ValueError: shapes that do not fit together, or a setting outside its range.
    """

    scripts = ("cliff.js",)
    render = "renderCliff"

    data = traitlets.Dict().tag(sync=True)
    learning_rate = traitlets.Float(1.0).tag(sync=True)
    threshold = traitlets.Float(0.0).tag(sync=True)
    start_w = traitlets.Float(5.25).tag(sync=True)
    start_b = traitlets.Float(-1.55).tag(sync=True)
    updates = traitlets.Int(UPDATES).tag(sync=True)

    def __init__(
        self,
        w: Numbers,
        b: Numbers,
        losses: Numbers,
        descend: Callable[[float, float, float, float], Numbers],
        *,
        first: float = 0.5,
        target: float = 0.7,
        steps: int = 50,
        **settings: Any,
    ):
        self._w, self._b, self._losses = array("w", w, "N", 2), array("b", b, "M", 2), array("losses", losses, "MN", 2)
        if self._losses.shape != (len(self._b), len(self._w)):
            raise ValueError(
                f"losses {self._losses.shape} should have a row for each b: {(len(self._b), len(self._w))}"
            )
        if min(np.diff(self._w).min(), np.diff(self._b).min()) <= 0:
            raise ValueError("w and b should rise from one number to the next; sort them")
        self._descend = descend
        unit = {"first": float(first), "target": float(target), "steps": int(positive("steps", steps))}
        data = {
            "surface": packed(self._losses), "rows": len(self._b), "columns": len(self._w), "unit": unit,
            "w": [float(self._w[0]), float(self._w[-1])], "b": [float(self._b[0]), float(self._b[-1])],
        }  # fmt: skip
        super().__init__(data=data, **settings)

    @traitlets.validate("learning_rate", "threshold")
    def _check_choice(self, proposal: Any) -> float:
        name, value = proposal["trait"].name, proposal["value"]
        choices = RATES if name == "learning_rate" else THRESHOLDS
        if value not in choices:
            raise ValueError(f"{name} is {value}; choose one of {', '.join(f'{choice:g}' for choice in choices)}")
        return value

    @traitlets.validate("start_w", "start_b")
    def _check_start(self, proposal: Any) -> float:
        name, value = proposal["trait"].name, proposal["value"]
        low, high = self.data[name[-1]]
        if not low <= value <= high:
            raise ValueError(f"{name} is {value}; the map runs from {low:g} to {high:g}")
        return value

    @traitlets.validate("updates")
    def _check_updates(self, proposal: Any) -> int:
        if not 0 <= proposal["value"] <= UPDATES:
            raise ValueError(f"updates is {proposal['value']}; the slider runs from 0 to {UPDATES}")
        return proposal["value"]

    def _path(self) -> np.ndarray:
        limit = self.threshold or float("inf")
        path = array("the path", self._descend(self.start_w, self.start_b, self.learning_rate, limit), "TP")
        if path.shape != (UPDATES + 1, 2):
            raise ValueError(
                f"descend gave a path of shape {path.shape}, and {UPDATES} updates need {(UPDATES + 1, 2)}"
            )
        return path[: self.updates + 1]

    def _said_threshold(self) -> str:
        return f"clipped at {self.threshold:g}" if self.threshold else "no clipping"

    def static(self) -> Any:
        """Return the same map and path as a figure, of the present settings."""
        from course_utils.visuals import plots

        return plots.cliff(self._w, self._b, self._losses, {self._said_threshold(): self._path()})

    def caption(self) -> str:
        """Return what the picture shows, in a sentence."""
        return (
            f"{self.updates} updates of gradient descent on the loss of one recurrent unit, learning rate "
            f"{self.learning_rate:g}, {self._said_threshold()}, from w = {self.start_w:g}, b = {self.start_b:g}"
        )
