"""Turn the spectral radius, and watch a gradient vanish or explode on its way back through a recurrent network."""

from collections.abc import Callable
from typing import Any

import numpy as np
import traitlets

from course_utils.visuals.inputs import Numbers, array
from course_utils.visuals.widgets.base import CourseWidget, packed

NONLINEARITIES = ["linear", "tanh", "relu"]
LONGEST = 60  # steps back
RADII = (0.5, 1.5)


class GradientFlow(CourseWidget):
    """The gradient's norm by lag and the products of Jacobians behind it, computed in the browser at each move.

    The network is a<t> = g(radius · W_aa a<t-1> + drive<t>), from a state of zeros.

    Args:
        W_aa: (H, H) with spectral radius 1, which the slider multiplies.
        drive: (61, H), what each step's input and bias add before g; the first ``length + 1`` steps are taken.
        measure: (radius, length, nonlinearity) to the same numbers as the browser's, for the static twin: the products
            of Jacobians (length + 1, H, H), by lag.
        radius: from 0.5 to 1.5.
        length: the longest lag, 2 to 60.
        nonlinearity: "linear", "tanh" or "relu".

    Raises:
        ValueError: shapes that do not fit together, or a setting outside its range.
    """

    scripts = ("gradient_flow.js",)
    render = "renderGradientFlow"

    data = traitlets.Dict().tag(sync=True)
    radius = traitlets.Float(1.0).tag(sync=True)
    length = traitlets.Int(30).tag(sync=True)
    nonlinearity = traitlets.Unicode("tanh").tag(sync=True)

    def __init__(
        self,
        W_aa: Numbers,
        drive: Numbers,
        measure: Callable[[float, int, str], Numbers],
        *,
        radius: float = 0.9,
        length: int = 30,
        nonlinearity: str = "tanh",
    ):
        matrix, inputs = array("W_aa", W_aa, "HH"), array("drive", drive, "TH")
        H = len(matrix)
        if matrix.shape != (H, H) or inputs.shape != (LONGEST + 1, H):
            raise ValueError(
                f"W_aa {matrix.shape} and drive {inputs.shape} should be (H, H) and ({LONGEST + 1}, H) of one H"
            )
        self._measure = measure
        data = {"matrix": packed(matrix), "drive": packed(inputs), "units": H}
        super().__init__(data=data, radius=radius, length=length, nonlinearity=nonlinearity)

    @traitlets.validate("radius")
    def _check_radius(self, proposal: Any) -> float:
        if not RADII[0] <= proposal["value"] <= RADII[1]:
            raise ValueError(f"radius is {proposal['value']}; the slider runs from {RADII[0]} to {RADII[1]}")
        return proposal["value"]

    @traitlets.validate("length")
    def _check_length(self, proposal: Any) -> int:
        if not 2 <= proposal["value"] <= LONGEST:
            raise ValueError(f"length is {proposal['value']}; the slider runs from 2 to {LONGEST} steps")
        return proposal["value"]

    @traitlets.validate("nonlinearity")
    def _check_nonlinearity(self, proposal: Any) -> str:
        if proposal["value"] not in NONLINEARITIES:
            raise ValueError(
                f"nonlinearity is {proposal['value']!r}; choose one of {', '.join(map(repr, NONLINEARITIES))}"
            )
        return proposal["value"]

    def _products(self) -> np.ndarray:
        found = array("the products", self._measure(self.radius, self.length, self.nonlinearity), "KHH")
        wanted = (self.length + 1, self.data["units"], self.data["units"])
        if found.shape != wanted:
            raise ValueError(f"measure gave products of shape {found.shape}, and lags 0 to {self.length} need {wanted}")
        return found

    def static(self) -> Any:
        """Return the same picture as a figure, of the present settings."""
        from course_utils.visuals import plots

        return plots.gradient_flow(self._products(), self.radius, f"{self.nonlinearity}, radius {self.radius:g}")

    def caption(self) -> str:
        """Return what the picture shows, in a sentence."""
        return (
            f"the norm of a gradient by lag, up to {self.length} steps back, in a {self.nonlinearity} network whose "
            f"W_aa has spectral radius {self.radius:g}, above the products of Jacobians"
        )
