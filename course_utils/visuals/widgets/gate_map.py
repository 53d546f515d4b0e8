"""Look through an utterance at what the gates and the cell of a trained layer do, unit by unit."""

from collections.abc import Mapping
from typing import Any

import traitlets

from course_utils.visuals.inputs import Numbers, array, positive, same_length
from course_utils.visuals.widgets.base import CourseWidget, packed


class GateMap(CourseWidget):
    """An utterance's features, one map of a layer's T steps by H units, and the curve of one of the units.

    Args:
        features: (T, D), one row a step of the layer.
        maps: name to (T, H), such as gates in [0, 1] and the cell; the first is shown first.
        frame_seconds: from one step to the next.
        map: the name of another to begin with.
        unit: the unit whose curve is drawn, from 1.
        time: where the cursor stands at first, in seconds.

    Raises:
        ValueError: lengths that differ, NaN, a unit, map or time that is not there.
    """

    scripts = ("gate_map.js",)
    render = "renderGateMap"

    data = traitlets.Dict().tag(sync=True)
    map = traitlets.Unicode().tag(sync=True)
    unit = traitlets.Int(1).tag(sync=True)
    time = traitlets.Float(0.0).tag(sync=True)

    def __init__(
        self,
        features: Numbers,
        maps: Mapping[str, Numbers],
        frame_seconds: float,
        *,
        map: str | None = None,
        unit: int = 1,
        time: float = 0.0,
    ):
        self._features, self._step = array("features", features, "TD"), positive("frame_seconds", frame_seconds)
        if not maps:
            raise ValueError("there are no maps; pass {name: (T, H)}")
        self._maps = {name: array(name, values, "TH") for name, values in maps.items()}
        same_length(features=len(self._features), **{name: len(values) for name, values in self._maps.items()})
        units = {name: values.shape[1] for name, values in self._maps.items()}
        if len(set(units.values())) > 1:
            raise ValueError(f"the maps have different numbers of units, {units}; they must be of one layer")
        self._units = next(iter(units.values()))
        super().__init__(data=self._packed(), map=map or next(iter(self._maps)), unit=unit, time=time)

    @traitlets.validate("map")
    def _check_map(self, proposal: Any) -> str:
        if proposal["value"] not in self._maps:
            raise ValueError(f"there is no map {proposal['value']!r}; there are {', '.join(self._maps)}")
        return proposal["value"]

    @traitlets.validate("unit")
    def _check_unit(self, proposal: Any) -> int:
        if not 1 <= proposal["value"] <= self._units:
            raise ValueError(f"unit {proposal['value']} is outside the layer's, 1 to {self._units}")
        return proposal["value"]

    @traitlets.validate("time")
    def _check_time(self, proposal: Any) -> float:
        seconds = len(self._features) * self._step
        if not 0 <= proposal["value"] <= seconds:
            raise ValueError(f"time {proposal['value']} is outside the sound, 0 to {seconds:.2f} s")
        return proposal["value"]

    def _packed(self) -> dict[str, Any]:
        return {
            "features": packed(self._features),
            "bands": self._features.shape[1],
            "low": float(self._features.min()),
            "high": float(self._features.max()),
            "maps": {name: packed(values) for name, values in self._maps.items()},
            "units": self._units,
            "frame_seconds": self._step,
        }

    def static(self) -> Any:
        """Return the features and all maps as a figure, unit and time marked."""
        from course_utils.visuals import plots

        return plots.gate_map(self._features, self._maps, self._step, unit=self.unit, time=self.time or None)

    def caption(self) -> str:
        """Return what the picture shows."""
        values = self._maps[self.map]
        return (
            f"{self.map} of {self._units} units over {len(values) * self._step:.2f} s of speech, "
            f"from {values.min():.2f} to {values.max():.2f}; unit {self.unit} is drawn as a curve"
        )
