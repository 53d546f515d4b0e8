"""Lesson 00's questions to the learner's machine: do pictures move, does Python answer, sound, microphone."""

from typing import Any

import numpy as np
import traitlets

from course_utils.visuals.widgets.microphone import Microphone


class SelfTest(Microphone):
    """A slider whose picture moves and whose number Python squares, a tone, and a microphone, each with its remedy."""

    scripts = ("microphone.js", "self_test.js")
    render = "renderSelfTest"

    waves = traitlets.Int(3).tag(sync=True)
    echo = traitlets.Unicode("Move the slider: Python's answer appears here.").tag(sync=True)
    heard = traitlets.Enum(["", "yes", "no"], "").tag(sync=True)

    @traitlets.observe("waves")
    def _square(self, change: Any) -> None:
        self.echo = f"✓ Python answers: {change['new']} × {change['new']} = {change['new'] ** 2}."

    @property
    def findings(self) -> dict[str, str]:
        """What is known so far: of widgets, sound and microphone."""
        return {
            "widgets": "alive" if self.echo.startswith("✓") else "not tried",
            "sound": {"yes": "heard", "no": "not heard"}.get(self.heard, "not tried"),
            "microphone": super().caption(),
        }

    def static(self) -> Any:
        """Return the slider's picture as a figure."""
        from course_utils.visuals import plots

        line = np.sin(2 * np.pi * self.waves * np.arange(8000) / 8000)
        return plots.waveform(line, 8000, title=f"A line with {self.waves} waves")

    def caption(self) -> str:
        """Return what is known so far in words."""
        return ", ".join(f"{what} {found}" for what, found in self.findings.items())
