"""Step along a sentence with a recurrent network, and edit the sentence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import traitlets

from course_utils.visuals.inputs import Numbers, array, same_length, unit_interval, words
from course_utils.visuals.widgets.base import CourseWidget, packed


@dataclass(frozen=True)
class StepperData:
    """What a recurrent network did with a sentence.

    Args:
        tokens: T words as they were typed.
        inputs: (T,) the vocabulary index of each, the row of its one-hot vector's 1.
        vocabulary: the entries, in the order of their indices.
        hidden: (T, H) the state after each token; the state before the first is zeros.
        probabilities: (T,) the output after each token.

    Raises:
        ValueError: lengths that differ, an index beyond the vocabulary, a NaN, a probability outside [0, 1].
    """

    tokens: Sequence[str]
    inputs: Numbers
    vocabulary: Sequence[str]
    hidden: Numbers
    probabilities: Numbers

    def __post_init__(self) -> None:
        tokens, entries = words("tokens", self.tokens), words("vocabulary", list(self.vocabulary))
        rows, hidden = array("inputs", self.inputs), array("hidden", self.hidden, "TH")
        outputs = unit_interval("probabilities", self.probabilities)
        same_length(tokens=len(tokens), inputs=len(rows), hidden_states=len(hidden), probabilities=len(outputs))
        wrong = [row for row in rows.tolist() if row != int(row) or not 0 <= row < len(entries)]
        if wrong:
            raise ValueError(f"input {wrong[0]:g} is no index of a vocabulary of {len(entries)}: 0 to {len(entries) - 1}")
        checked = {"tokens": tokens, "inputs": rows.astype(int), "vocabulary": entries, "hidden": hidden}
        for name, value in {**checked, "probabilities": outputs}.items():
            object.__setattr__(self, name, value)


class RecurrentStepper(CourseWidget):
    """One-hot input, old state, new state and output at each step of a sentence, in the unrolled network.

    Args:
        compute: turns a sentence into its StepperData; called anew for each sentence that the learner types.
        sentence: the first one.
        step: the first step shown, from 1; the last if None.
        output: what the output says, "P(name)".
        max_tokens: the longest sentence that the picture takes.

    Raises:
        ValueError: the first sentence is empty or too long, or ``compute`` gives wrong data for it.
    """

    scripts = ("recurrent_stepper.js",)
    render = "renderRecurrentStepper"

    data = traitlets.Dict().tag(sync=True)
    sentence_ = traitlets.Unicode()
    step = traitlets.Int(1).tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    answered = traitlets.Int(0, help="How many sentences Python has answered.").tag(sync=True)
