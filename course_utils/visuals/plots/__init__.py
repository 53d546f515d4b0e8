"""Tensors in, Axes out: each function draws one message, names its axes with units, and says it in an alt text.

A function of one panel takes ``ax=`` and returns the Axes; one of several panels returns the Figure. All take
``title=``. New figures go beside their kin: sound in ``speech``, steps over a sequence in ``sequences``, measurements
in ``results``, gradients through time in ``gradients``.
"""

from course_utils.visuals.palette import COLOURS
from course_utils.visuals.plots.attention import attention_map, attention_maps, attention_table
from course_utils.visuals.plots.clinic import clinic
from course_utils.visuals.plots.clipping import cliff, gradient_norms
from course_utils.visuals.plots.comparison import rates
from course_utils.visuals.plots.ctc import ctc_trellis, posteriors_over_training
from course_utils.visuals.plots.decoding import prefix_tree
from course_utils.visuals.plots.features import confusion, filter_bank, power_spectrogram
from course_utils.visuals.plots.gates import gate_map, gates_by_hand, updates_by_length
from course_utils.visuals.plots.gradients import gradient_flow, influence
from course_utils.visuals.plots.markov import alignment, trellis
from course_utils.visuals.plots.results import bars, curves, training_curve
from course_utils.visuals.plots.sequence_to_sequence import accuracy_by_length, beam_tree, decoder_steps, edit_table
from course_utils.visuals.plots.sequences import one_hot, piano_roll, recurrent_steps
from course_utils.visuals.plots.speech import posteriors, spectrogram, utterance, waveform
from course_utils.visuals.plots.teacher_forcing import forced_translation
from course_utils.visuals.style import alt_text, describe, install_style

__all__ = [
    "COLOURS",
    "accuracy_by_length",
    "alignment",
    "alt_text",
    "attention_map",
    "attention_maps",
    "attention_table",
    "bars",
    "beam_tree",
    "cliff",
    "clinic",
    "confusion",
    "ctc_trellis",
    "curves",
    "decoder_steps",
    "describe",
    "edit_table",
    "filter_bank",
    "forced_translation",
    "gate_map",
    "gates_by_hand",
    "gradient_flow",
    "gradient_norms",
    "influence",
    "install_style",
    "one_hot",
    "piano_roll",
    "posteriors",
    "posteriors_over_training",
    "power_spectrogram",
    "prefix_tree",
    "rates",
    "recurrent_steps",
    "spectrogram",
    "training_curve",
    "trellis",
    "updates_by_length",
    "utterance",
    "waveform",
]
