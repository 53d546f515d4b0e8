"""Step along a sentence with a recurrent network, and edit the sentence."""

from collections.abc import Callable, Iterable, Sequence
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
    vocabulary: Iterable[str]
    hidden: Numbers
    probabilities: Numbers

    def __post_init__(self) -> None:
        tokens, entries = words("tokens", self.tokens), words("vocabulary", self.vocabulary)
        rows, hidden = array("inputs", self.inputs), array("hidden", self.hidden, "TH")
        outputs = unit_interval("probabilities", self.probabilities)
        same_length(tokens=len(tokens), inputs=len(rows), hidden_states=len(hidden), probabilities=len(outputs))
        wrong = [row for row in rows.tolist() if row != int(row) or not 0 <= row < len(entries)]
        if wrong:
            raise ValueError(
                f"input {wrong[0]:g} is no index of a vocabulary of {len(entries)}: 0 to {len(entries) - 1}"
            )
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
    sentence = traitlets.Unicode().tag(sync=True)
    step = traitlets.Int(1).tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    answered = traitlets.Int(0, help="How many sentences Python has answered.").tag(sync=True)

    def __init__(
        self,
        compute: Callable[[str], StepperData],
        sentence: str,
        *,
        step: int | None = None,
        output: str = "P(name)",
        max_tokens: int = 20,
    ):
        self._compute, self._output, self._max_tokens = compute, output, max_tokens
        self._steps = self._checked(sentence)
        count = len(self._steps.tokens)
        if step is not None and not 1 <= step <= count:
            raise ValueError(f"step {step} is outside the sentence's steps, 1 to {count}")
        super().__init__(data=self._packed(), sentence=sentence, step=step or count)
        self.observe(self._answer, "sentence")

    def _checked(self, sentence: str) -> StepperData:
        """Return what the network does with a sentence that is neither empty nor too long."""
        if not sentence.split():
            raise ValueError("The sentence is empty: type at least one word.")
        self._refuse_long(len(sentence.split()))  # before the network is asked
        steps = self._compute(sentence)
        if not isinstance(steps, StepperData):
            raise ValueError(f"compute must return StepperData, and returned {type(steps).__name__}")
        self._refuse_long(len(steps.tokens))
        return steps

    def _refuse_long(self, count: int) -> None:
        if count > self._max_tokens:
            raise ValueError(
                f"The sentence has {count} words and the picture has room for {self._max_tokens}: leave some out."
            )

    def _packed(self) -> dict[str, Any]:
        steps, entries = self._steps, list(self._steps.vocabulary)
        return {
            "tokens": list(steps.tokens),
            "entries": [entries[row] for row in steps.inputs],
            "rows": steps.inputs.tolist(),
            "size": len(entries),
            "output": self._output,
            "hidden": packed(steps.hidden),
            "probabilities": packed(steps.probabilities),
        }

    def _answer(self, change: Any) -> None:
        try:
            self._steps = self._checked(change["new"])
        except ValueError as error:
            message = str(error)
        except Exception as error:  # whatever a learner's compute does, the widget says it and lives on
            message = f"The network could not read this sentence ({type(error).__name__}: {error})."
        else:
            message = ""
        with self.hold_sync():
            if not message:
                self.data = self._packed()
                self.step = min(self.step, len(self._steps.tokens))
            self.message, self.answered = message, self.answered + 1

    def static(self) -> Any:
        """Return the same picture as a figure, at the present step."""
        from course_utils.visuals import plots

        steps = self._steps
        return plots.recurrent_steps(
            steps.tokens, steps.inputs, steps.hidden, steps.probabilities, self.step, output=self._output
        )

    def caption(self) -> str:
        """Return what the picture shows: the sentence's outputs up to the present step."""
        steps = self._steps
        told = ", ".join(
            f"{token} {p:.2f}" for token, p in zip(steps.tokens, steps.probabilities[: self.step], strict=False)
        )
        return f"a recurrent network after {self.step} of {len(steps.tokens)} tokens, {self._output}: {told}"
