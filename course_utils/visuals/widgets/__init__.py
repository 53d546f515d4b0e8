"""Pictures that move: each drawn in the browser, with a static twin (``.static()``) and an export (``to_html``)."""

from course_utils.visuals.widgets.base import CourseWidget, fragment, to_html
from course_utils.visuals.widgets.microphone import Microphone
from course_utils.visuals.widgets.prediction import Outcome, Prediction
from course_utils.visuals.widgets.recurrent_stepper import RecurrentStepper, StepperData
from course_utils.visuals.widgets.self_test import SelfTest
from course_utils.visuals.widgets.utterance_explorer import UtteranceExplorer

__all__ = [
    "CourseWidget",
    "Microphone",
    "Outcome",
    "Prediction",
    "RecurrentStepper",
    "SelfTest",
    "StepperData",
    "UtteranceExplorer",
    "fragment",
    "to_html",
]
