"""Predict before you run: a question whose answer is kept, and shown beside what came out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from course_utils.teaching import progress

if TYPE_CHECKING:
    from course_utils.visuals.widgets import Prediction

_asked: dict[tuple[str, str], "Prediction"] = {}  # the questions of this kernel


def ask(lesson: str, name: str, question: str, choices: Sequence[str]) -> None:
    """Show a question with its choices; what the learner chooses is recorded, and chosen again next time."""
    from IPython.display import display

    from course_utils.visuals.widgets import Prediction

    prediction = Prediction(name, question, choices, chosen=_kept(lesson, name))

    def keep(change: Any) -> None:
        progress.record(lesson, "predicted", name, answer=change["new"])

    prediction.observe(keep, "chosen")
    _asked[lesson, name] = prediction
    display(prediction)


def show(lesson: str, name: str, result: str) -> None:
    """Show the choice that came true beside the one that was predicted."""
    from IPython.display import display

    from course_utils.visuals.widgets import Outcome

    if (lesson, name) not in _asked:
        asked = ", ".join(name for of, name in _asked if of == lesson) or "nothing yet"
        raise ValueError(f"nothing was asked under the name {name!r} (asked: {asked}); run the cell with the question")
    display(Outcome(_asked[lesson, name], result))


def _kept(lesson: str, name: str) -> str:
    """Return the answer that was given last, "" if there is none."""
    answers = [
        e.get("answer", "") for e in progress.events(lesson) if (e["event"], e["exercise"]) == ("predicted", name)
    ]
    return str(answers[-1]) if answers else ""
