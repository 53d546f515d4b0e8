"""Pictures that move: each drawn in the browser, with a static twin (``.static()``) and an export (``to_html``)."""

from course_utils.visuals.widgets.attention_map import AttentionMap
from course_utils.visuals.widgets.base import CourseWidget, fragment, to_html
from course_utils.visuals.widgets.captions import Captions
from course_utils.visuals.widgets.cliff import Cliff
from course_utils.visuals.widgets.ctc_trellis import CtcTrellis, Lattice
from course_utils.visuals.widgets.decoder_stepper import DecoderStepper
from course_utils.visuals.widgets.feature_workbench import FeatureWorkbench
from course_utils.visuals.widgets.forced_translator import ForcedTranslator
from course_utils.visuals.widgets.gate_map import GateMap
from course_utils.visuals.widgets.gates_by_hand import GatesByHand
from course_utils.visuals.widgets.gradient_flow import GradientFlow
from course_utils.visuals.widgets.microphone import Microphone
from course_utils.visuals.widgets.prediction import Outcome, Prediction
from course_utils.visuals.widgets.prefix_tree import PrefixTree
from course_utils.visuals.widgets.recurrent_stepper import RecurrentStepper, StepperData
from course_utils.visuals.widgets.self_test import SelfTest
from course_utils.visuals.widgets.trellis import Trellis
from course_utils.visuals.widgets.utterance_explorer import UtteranceExplorer

__all__ = [
    "AttentionMap",
    "Captions",
    "Cliff",
    "CourseWidget",
    "CtcTrellis",
    "DecoderStepper",
    "FeatureWorkbench",
    "ForcedTranslator",
    "GateMap",
    "GatesByHand",
    "GradientFlow",
    "Lattice",
    "Microphone",
    "Outcome",
    "Prediction",
    "PrefixTree",
    "RecurrentStepper",
    "SelfTest",
    "StepperData",
    "Trellis",
    "UtteranceExplorer",
    "fragment",
    "to_html",
]
