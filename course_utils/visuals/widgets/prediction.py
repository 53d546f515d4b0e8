"""A question before an experiment, and beside its result what the learner answered."""

from collections.abc import Sequence

import traitlets

from course_utils.visuals.widgets.base import CourseWidget


class Prediction(CourseWidget):
    """A question with its choices as radio buttons; ``chosen`` is the choice made, "" before there is one.

    Args:
        name: what an ``Outcome`` of the same name on the page listens for.
        question: a sentence.
        choices: two to six different answers.
    """

    scripts = ("prediction.js",)
    render = "renderPrediction"

    name = traitlets.Unicode().tag(sync=True)
    question = traitlets.Unicode().tag(sync=True)
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)

    def __init__(self, name: str, question: str, choices: Sequence[str], chosen: str = ""):
        if isinstance(choices, str) or not 2 <= len(choices) <= 6 or len({*choices}) < len(choices):
            raise ValueError(f"choices {choices!r} must be a list of two to six different answers")
        if not all(isinstance(choice, str) and choice.strip() for choice in choices):
            raise ValueError(f"each of the choices {choices!r} must be a text")
        super().__init__(name=name, question=question, choices=[*choices], chosen=chosen if chosen in choices else "")

    def static(self) -> str:
        """Return the question and its choices as text."""
        return "\n".join([self.question, *(f"({'x' if c == self.chosen else ' '}) {c}" for c in self.choices)])

    def caption(self) -> str:
        """Return the question and the answer, in a sentence."""
        return f"{self.question} {'Predicted: ' + self.chosen if self.chosen else 'No prediction yet'}."


class Outcome(CourseWidget):
    """What the run found, beside what the learner had predicted.

    Args:
        prediction: the question; an answer that is given later on the same page arrives as well.
        result: the one of its choices that came true.
    """

    scripts = ("prediction.js",)
    render = "renderOutcome"

    name = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
    result = traitlets.Unicode().tag(sync=True)

    def __init__(self, prediction: Prediction, result: str):
        if result not in prediction.choices:
            raise ValueError(f"the result {result!r} is none of the choices: {', '.join(prediction.choices)}")
        super().__init__(name=prediction.name, chosen=prediction.chosen, result=result)
        traitlets.dlink((prediction, "chosen"), (self, "chosen"))

    def static(self) -> str:
        """Return prediction and result as text."""
        return self.caption()

    def caption(self) -> str:
        """Return prediction and result, in a sentence."""
        return f"This run says: {self.result}. {'You predicted: ' + self.chosen if self.chosen else 'No prediction'}."
