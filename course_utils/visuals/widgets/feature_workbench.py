"""Turn window, hop, mel bands and pre-emphasis, see the log-mel spectrogram follow, and hear what it keeps."""

from collections.abc import Callable
from typing import Any

import numpy as np
import traitlets

from course_utils.visuals.inputs import Numbers, array, positive
from course_utils.visuals.widgets.base import CourseWidget, packed

N_FFT = 512  # the browser's; no window may be longer
DEPTH = 11  # nats, 48 decibels: how far below the loudest the colours reach
RANGES = {"window": (40, 512, 8), "hop": (32, 256, 8), "mels": (6, 64, 1), "emphasis": (0.0, 0.99, 0.01)}
UNITS = {"window": " samples", "hop": " samples", "mels": " bands", "emphasis": ""}


class FeatureWorkbench(CourseWidget):
    """A log-mel spectrogram that the browser computes anew at each move, and a sound that it makes from it.

    Args:
        samples: (N,) in [-1, 1], at 8,000 Hz or near it.
        sample_rate: in hertz.
        compute: (window, hop, mels, emphasis) to the same numbers as the browser's, for the static twin: log-mels
            (T, mels) with a Fourier transform of 512 points.
        window, hop: in samples.
        mels: how many bands.
        emphasis: the coefficient of pre-emphasis; 0 for none.

    Raises:
        ValueError: no samples, samples beyond [-1, 1], or a setting outside its range.
    """

    scripts = ("feature_workbench.js",)
    render = "renderFeatureWorkbench"

    data = traitlets.Dict().tag(sync=True)
    window = traitlets.Int(200).tag(sync=True)
    hop = traitlets.Int(80).tag(sync=True)
    mels = traitlets.Int(40).tag(sync=True)
    emphasis = traitlets.Float(0.0).tag(sync=True)

    def __init__(
        self,
        samples: Numbers,
        sample_rate: int,
        compute: Callable[[int, int, int, float], Numbers],
        *,
        window: int = 200,
        hop: int = 80,
        mels: int = 40,
        emphasis: float = 0.0,
    ):
        wave, self._rate = array("samples", samples, least=N_FFT), positive("sample_rate", sample_rate)
        peak = float(abs(wave).max())
        if peak > 1:
            raise ValueError(f"samples reach {peak:.3g}, and must lie in [-1, 1] to be played: divide by {peak:.3g}")
        self._seconds, self._compute = len(wave) / self._rate, compute
        data = {"samples": packed(wave), "sample_rate": int(self._rate), "ranges": RANGES, "depth": DEPTH}
        super().__init__(data=data, window=window, hop=hop, mels=mels, emphasis=emphasis)

    @traitlets.validate("window", "hop", "mels", "emphasis")
    def _check(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        low, high, _ = RANGES[name]
        if not low <= value <= high:
            raise ValueError(f"{name} is {value}; the slider runs from {low:g} to {high:g}{UNITS[name]}")
        return value

    def _features(self) -> np.ndarray:
        found = array("the log-mels", self._compute(self.window, self.hop, self.mels, self.emphasis), "TD")
        wanted = (1 + round(self._seconds * self._rate) // self.hop, self.mels)
        if found.shape != wanted:
            raise ValueError(f"compute gave log-mels of shape {found.shape}; these settings make {wanted}")
        return found

    def static(self) -> Any:
        """Return the same picture as a figure, of the present settings."""
        from course_utils.visuals import plots

        title = f"window {self._ms(self.window)}, hop {self._ms(self.hop)}, pre-emphasis {self.emphasis:g}"
        shown = self._features()
        return plots.spectrogram(shown.clip(min=shown.max() - DEPTH), self.hop / self._rate, title=title)

    def _ms(self, samples: int) -> str:
        return f"{1000 * samples / self._rate:g} ms"

    def caption(self) -> str:
        """Return what the picture shows, in a sentence."""
        return (
            f"log-mel spectrogram of {self._seconds:.2f} s, {self.mels} bands, window {self._ms(self.window)}, "
            f"hop {self._ms(self.hop)}, pre-emphasis {self.emphasis:g}"
        )
