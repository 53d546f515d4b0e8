"""Look where a decoder looks: move its query over an utterance, sharpen or blur it, and hear what it hears."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import traitlets

from course_utils.visuals.inputs import Numbers, array, positive, same_length, words
from course_utils.visuals.widgets.base import CourseWidget, packed

COOLEST, HOTTEST = 0.1, 8.0


class AttentionMap(CourseWidget):
    """Attention over an utterance, its softmax computed in the browser at each move.

    Between two tokens stands the mean of their queries. A dot product is linear in the query, so its scores are the
    mean of their scores.

    Args:
        samples: (N,) in [-1, 1].
        sample_rate: in hertz.
        features: (F, D), such as log-mels, over the whole sound.
        scores: (U, T), before the softmax, by a dot product, over the whole sound.
        labels: the U tokens that were written.
        softmax: from scores (N, T) to weights (N, T), the same numbers as the browser's, for the static twin.
        step: the query, from 1 to U; 1.5 is half way from the first to the second.
        temperature: what scores are divided by, from 0.1 to 8.

    Raises:
        ValueError: lengths that differ, NaN, samples beyond [-1, 1], a setting outside its range.
    """

    scripts = ("attention_map.js",)
    render = "renderAttentionMap"

    data = traitlets.Dict().tag(sync=True)
    step = traitlets.Float(1.0).tag(sync=True)
    temperature = traitlets.Float(1.0).tag(sync=True)

    def __init__(
        self,
        samples: Numbers,
        sample_rate: int,
        features: Numbers,
        scores: Numbers,
        labels: Iterable[str],
        softmax: Callable[[np.ndarray], Numbers],
        *,
        step: float = 1.0,
        temperature: float = 1.0,
    ):
        wave, self._rate = array("samples", samples), positive("sample_rate", sample_rate)
        self._features, self._scores = array("features", features, "FD"), array("scores", scores, "UT")
        self._labels, self._softmax = words("labels", labels), softmax
        same_length(rows_of_scores=len(self._scores), labels=len(self._labels))
        peak = float(abs(wave).max())
        if peak > 1:
            raise ValueError(f"samples reach {peak:.3g}, and must lie in [-1, 1] to be played: divide by {peak:.3g}")
        self._seconds = len(wave) / self._rate
        low, high = np.quantile(self._features, [0.02, 0.999])
        data = {
            "samples": packed(wave),
            "sample_rate": int(self._rate),
            "features": packed(self._features),
            "bands": self._features.shape[1],
            "low": float(low),
            "high": float(high),
            "scores": packed(self._scores),
            "labels": self._labels,
            "coolest": COOLEST,
            "hottest": HOTTEST,
        }
        super().__init__(data=data, step=step, temperature=temperature)

    @traitlets.validate("step")
    def _check_step(self, proposal: Any) -> float:
        if not 1 <= proposal["value"] <= len(self._labels):
            raise ValueError(f"step {proposal['value']} is outside the tokens written, 1 to {len(self._labels)}")
        return proposal["value"]

    @traitlets.validate("temperature")
    def _check_temperature(self, proposal: Any) -> float:
        if not COOLEST <= proposal["value"] <= HOTTEST:
            raise ValueError(f"temperature is {proposal['value']}; the slider runs from {COOLEST} to {HOTTEST:g}")
        return proposal["value"]

    def _weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the weights of each token (U, T), and of the present query (T,)."""
        before = min(int(self.step), len(self._labels) - 1) - 1 if len(self._labels) > 1 else 0
        share = self.step - 1 - before
        after = min(before + 1, len(self._labels) - 1)
        query = (1 - share) * self._scores[before] + share * self._scores[after]
        scores = np.concatenate([self._scores, query[None]]) / self.temperature
        found = array("the weights", self._softmax(scores), "UT")
        if found.shape != scores.shape:
            raise ValueError(f"softmax gave {found.shape} for scores {scores.shape}; it must keep the shape")
        return found[:-1], found[-1]

    def static(self) -> Any:
        """Return the same picture as a figure, of the present query and temperature."""
        from course_utils.visuals import plots

        table, look = self._weights()
        title = f"query {self.step:g}, temperature {self.temperature:g}"
        return plots.attention_map(self._features, table, self._labels, self._seconds, look=look, title=title)

    def caption(self) -> str:
        """Return what the picture shows, in a sentence."""
        return (
            f"attention over {self._seconds:.2f} s of sound as “{' '.join(self._labels)}” is written; "
            f"query {self.step:g}, temperature {self.temperature:g}"
        )
