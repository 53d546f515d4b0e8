"""Record the learner's voice in the browser, or take a sound file there, as samples for Python."""

from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets

from course_utils.visuals.inputs import positive
from course_utils.visuals.widgets.base import CourseWidget

if TYPE_CHECKING:
    from torch import Tensor


class Microphone(CourseWidget):
    """A button that records, a meter, a playback, and a sound file instead where the microphone is out of reach.

    Args:
        seconds: how long a recording is.
        sample_rate: of the samples that Python gets, in hertz.
        most_seconds: how much of a sound file is taken.
    """

    scripts = ("microphone.js",)
    render = "renderMicrophone"

    samples = traitlets.Bytes(b"", help="Float32, little-endian.").tag(sync=True)
    seconds = traitlets.Float(2.0).tag(sync=True)
    sample_rate = traitlets.Int(8000).tag(sync=True)
    most_seconds = traitlets.Float(60.0).tag(sync=True)

    def __init__(self, seconds: float = 2.0, *, sample_rate: int = 8000, most_seconds: float = 60.0):
        if not 3000 <= sample_rate <= 96_000:
            raise ValueError(f"sample_rate is {sample_rate!r}, and browsers resample to 3,000 to 96,000 Hz")
        super().__init__(
            seconds=positive("seconds", seconds),
            sample_rate=int(sample_rate),
            most_seconds=positive("most_seconds", most_seconds),
        )

    @property
    def recording(self) -> "Tensor | None":
        """The samples (N,) in [-1, 1], float32, or None while there are none."""
        if not self.samples:
            return None
        import torch

        return torch.from_numpy(np.frombuffer(self.samples, dtype="<f4").astype(np.float32))

    def static(self) -> Any:
        """Return the recording's waveform as a figure; a flat line while there is none."""
        from course_utils.visuals import plots

        found = self.recording
        silence = np.zeros(round(self.seconds * self.sample_rate))
        return plots.waveform(
            silence if found is None else found,
            self.sample_rate,
            title="Nothing recorded yet" if found is None else "Your recording",
        )

    def caption(self) -> str:
        """Return whether there is a recording, and how long it is."""
        found = self.recording
        return "nothing recorded yet" if found is None else f"{len(found) / self.sample_rate:.2f} s recorded"
