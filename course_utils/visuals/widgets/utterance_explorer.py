"""One utterance as sound, features and label probabilities, with a cursor that runs with the sound."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import traitlets

from course_utils.visuals.inputs import Numbers, array, frame_step, positive, same_length, unit_interval, words
from course_utils.visuals.inputs import labels as given_labels
from course_utils.visuals.widgets.base import CourseWidget, packed


class UtteranceExplorer(CourseWidget):
    """Wave, features and frame posteriors of one utterance, aligned in time, to be heard and looked through.

    Args:
        samples: (N,) in [-1, 1].
        sample_rate: in hertz.
        features: (T, D), such as log-mel bands.
        probabilities: (F, C) the probability of each label at each of the recogniser's frames.
        labels: C names, the first on top.
        transcripts: (F,) what has been recognised up to and with each frame; none are shown if None.
        feature_seconds: from one feature frame to the next; if None, the frames span the sound.
        frame_seconds: the same for the recogniser's frames.
        time: where the cursor stands at first, in seconds.

    Raises:
        ValueError: lengths that differ, NaN, probabilities outside [0, 1], frames that do not span the sound.
    """

    scripts = ("utterance_explorer.js",)
    render = "renderUtteranceExplorer"

    data = traitlets.Dict().tag(sync=True)
    time = traitlets.Float(0.0).tag(sync=True)

    def __init__(
        self,
        samples: Numbers,
        sample_rate: int,
        features: Numbers,
        probabilities: Numbers,
        labels: Iterable[str],
        *,
        transcripts: Iterable[str] | None = None,
        feature_seconds: float | None = None,
        frame_seconds: float | None = None,
        time: float = 0.0,
    ):
        self._samples, self._rate = array("samples", samples), positive("sample_rate", sample_rate)
        self._features = array("features", features, "TD")
        self._probabilities, self._labels = (
            unit_interval("probabilities", probabilities, "TC"),
            given_labels("labels", labels),
        )
        self._transcripts = [] if transcripts is None else words("transcripts", transcripts)
        self._feature_seconds = frame_step("features", len(self._features), feature_seconds, self.seconds)
        self._frame_seconds = frame_step("probabilities", len(self._probabilities), frame_seconds, self.seconds)
        self._check(time)
        super().__init__(data=self._packed(), time=time)

    def _check(self, time: float) -> None:
        frames, classes = self._probabilities.shape
        same_length(columns_of_probabilities=classes, labels=len(self._labels))
        if self._transcripts:
            same_length(frames_of_probabilities=frames, transcripts=len(self._transcripts))
        peak = float(abs(self._samples).max())
        if peak > 1:
            raise ValueError(f"samples reach {peak:.3g}, and must lie in [-1, 1] to be played: divide by {peak:.3g}")
        if not 0 <= time <= self.seconds:
            raise ValueError(f"time {time} is outside the sound, 0 to {self.seconds:.2f} s")

    @property
    def seconds(self) -> float:
        """How long the sound lasts."""
        return len(self._samples) / self._rate

    def _packed(self) -> dict[str, Any]:
        low, high = np.quantile(self._features, [0.02, 0.999])
        return {
            "samples": packed(self._samples),
            "sample_rate": int(self._rate),
            "features": packed(self._features),
            "bands": self._features.shape[1],
            "low": float(low),
            "high": float(high),
            "feature_seconds": self._feature_seconds,
            "probabilities": packed(self._probabilities),
            "labels": self._labels,
            "frame_seconds": self._frame_seconds,
            "transcripts": self._transcripts,
        }

    def static(self) -> Any:
        """Return the same three pictures as a figure, the cursor where it stands."""
        from course_utils.visuals import plots

        return plots.utterance(
            self._samples,
            int(self._rate),
            self._features,
            self._probabilities,
            self._labels,
            feature_seconds=self._feature_seconds,
            frame_seconds=self._frame_seconds,
            cursor=self.time or None,
        )

    def caption(self) -> str:
        """Return what the picture shows."""
        heard = f", recognised as “{self._transcripts[-1]}”" if self._transcripts else ""
        return (
            f"wave, {self._features.shape[1]} feature bands and the probabilities of {len(self._labels)} labels "
            f"over {self.seconds:.2f} s{heard}"
        )
