"""Predictions: asked, kept beyond the kernel, and shown beside what the run found."""

import pytest

from course_utils.teaching import predictions, progress
from course_utils.teaching.lesson import Lesson
from course_utils.visuals.widgets import Outcome, Prediction

CHOICES = ["it grows", "it shrinks", "neither"]


@pytest.fixture
def shown(monkeypatch):
    """The widgets that a lesson would display, in order."""
    displayed = []
    monkeypatch.setattr("IPython.display.display", displayed.append)
    monkeypatch.setattr(predictions, "_asked", {})
    return displayed


@pytest.fixture
def course():
    import torch

    return Lesson("02", 0, torch.device("cpu"), torch.Generator())


def test_a_prediction_is_kept_and_stands_beside_the_result(course, shown):
    course.predict("radius", "What does the gradient do?", CHOICES)
    course.outcome("radius", "it grows")
    question, outcome = shown
    assert "No prediction" in outcome.caption()
    question.chosen = "neither"
    assert outcome.caption() == "This run says: it grows. You predicted: neither."
    assert progress.events("02")[-1]["answer"] == "neither"

    course.predict("radius", "What does the gradient do?", CHOICES)  # the lesson is run again
    assert shown[-1].chosen == "neither"
    assert "(x) neither" in shown[-1].static()


def test_an_answer_that_is_no_longer_offered_is_forgotten(course, shown):
    course.predict("radius", "What does the gradient do?", CHOICES)
    shown[-1].chosen = "neither"
    course.predict("radius", "What does the gradient do?", CHOICES[:2])
    assert shown[-1].chosen == ""


def test_a_reset_lesson_asks_anew(course, shown):
    course.predict("radius", "What does the gradient do?", CHOICES)
    shown[-1].chosen = "neither"
    progress.reset("02")
    course.predict("radius", "What does the gradient do?", CHOICES)
    assert shown[-1].chosen == ""


@pytest.mark.parametrize(
    ("name", "result", "message"),
    [
        ("lag", "it grows", "nothing was asked under the name 'lag'.*radius.*run the cell"),
        ("radius", "it explodes", "'it explodes' is none of the choices: it grows, it shrinks"),
    ],
)
def test_an_outcome_that_fits_no_question_is_refused(course, shown, name, result, message):
    course.predict("radius", "What does the gradient do?", CHOICES)
    with pytest.raises(ValueError, match=message):
        course.outcome(name, result)


@pytest.mark.parametrize("choices", ["ab", ["one"], ["a", "a"], list("abcdefg"), ["a", " "], ["a", 3]])
def test_choices_that_are_none_are_refused(choices):
    with pytest.raises(ValueError, match="choices"):
        Prediction("radius", "What does the gradient do?", choices)


def test_outcome_repeats_what_was_said_in_a_sentence():
    question = Prediction("radius", "What does the gradient do?", CHOICES, chosen="it grows")
    assert repr(Outcome(question, "it grows")) == "Outcome: This run says: it grows. You predicted: it grows."
