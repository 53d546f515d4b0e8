"""Tensors in, Axes out: each function draws one message, names its axes with units, and says it in an alt text.

A function of one panel takes ``ax=`` and returns the Axes; one of several panels returns the Figure. All take
``title=``. New figures go beside their kin: sound in ``speech``, steps over a sequence in ``sequences``, measurements
in ``results``.
"""

from course_utils.visuals.palette import COLOURS
from course_utils.visuals.plots.results import bars, curves, training_curve
from course_utils.visuals.plots.sequences import one_hot, piano_roll, recurrent_steps
from course_utils.visuals.plots.speech import posteriors, spectrogram, utterance, waveform
from course_utils.visuals.style import alt_text, describe, install_style

__all__ = [
    "COLOURS",
    "alt_text",
    "bars",
    "curves",
    "describe",
    "install_style",
    "one_hot",
    "piano_roll",
    "posteriors",
    "recurrent_steps",
    "spectrogram",
    "training_curve",
    "utterance",
    "waveform",
]
