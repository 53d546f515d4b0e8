"""Exercises in a lesson: ``check`` an answer, open a ``hint``, see the ``solution``.

How an exercise is declared stands in :mod:`course_utils.teaching.checks.exercise`.
"""

import runpy
from typing import TYPE_CHECKING, Any

from course_utils import places
from course_utils.teaching import progress
from course_utils.teaching.checks import registry
from course_utils.teaching.checks.exercise import Exercise

if TYPE_CHECKING:
    from course_utils.teaching.checks.report import Report

__all__ = ["check", "grade", "hint", "solution"]


def grade(exercise: str | Exercise, answer: Any) -> "Report":
    """Return the report on an answer; displays and records nothing.

    Raises:
        UnknownExercise: no lesson declares this name.
    """
    from course_utils.teaching.checks import grading  # torch loads when an answer is there to be tried

    return grading.grade(registry.find(exercise) if isinstance(exercise, str) else exercise, answer)


def check(name: str, answer: Any) -> None:
    """Show whether an answer is right and, if it is not, which case fails and what it probably does wrong."""
    exercise = registry.find(name)
    report = grade(exercise, answer)
    if report.status != "unanswered":
        progress.record(exercise.lesson, report.status, name)
    footer = _done(exercise.lesson) if report.status == "passed" else _next_help(exercise)
    _show(f"{report.message}\n{footer}".rstrip(), html=report.to_html(footer))


def hint(name: str) -> None:
    """Open the next hint of an exercise, below those that are open already."""
    exercise = registry.find(name)
    total = len(exercise.hints)
    opened = progress.count(exercise.lesson, "hint", name)
    if opened < total:
        progress.record(exercise.lesson, "hint", name)
    shown = [
        f"**Hint {number} of {total}.** {text}" for number, text in enumerate(exercise.hints[: opened + 1], start=1)
    ]
    _show("\n\n".join([*shown, *([_solution_call(name)] if opened + 1 >= total else [])]), markdown=True)


def solution(name: str) -> Any:
    """Show the solution's source and return it, so that ``rnn_step = solution("rnn_step")`` goes on with it."""
    from course_utils.teaching.lesson import show_source

    exercise = registry.find(name)
    path = places.lessons_folder() / "solutions" / f"lesson_{exercise.lesson}.py"
    answers = runpy.run_path(str(path), run_name=path.stem) if path.is_file() else {}
    answer = answers.get(name, exercise.oracle)
    progress.record(exercise.lesson, "solution", name)
    show_source(answer)
    return answer() if exercise.wants_value else answer


def _done(lesson: str) -> str:
    so_far = progress.summary()[lesson]
    return f"Lesson {lesson}: {so_far.passed} of {so_far.total} exercises done."


def _next_help(exercise: Exercise) -> str:
    opened, total = progress.count(exercise.lesson, "hint", exercise.name), len(exercise.hints)
    if opened >= total:
        return _solution_call(exercise.name)
    return f'`hint("{exercise.name}")` opens hint {opened + 1} of {total}.'


def _solution_call(name: str) -> str:
    return f'`{name} = solution("{name}")` shows a solution and lets you go on with it.'


def _show(text: str, html: str | None = None, markdown: bool = False) -> None:
    from IPython.core.getipython import get_ipython
    from IPython.display import display

    if get_ipython() is None:
        print(text)
        return
    bundle = {"text/plain": text}
    if html is not None:
        bundle["text/html"] = html
    if markdown:
        bundle["text/markdown"] = text
    display(bundle, raw=True)
