"""Judging an answer: every case, the first that fails, and the misconception that explains all that fail."""

import textwrap
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from course_utils.teaching.checks.compare import Difference, describe, difference
from course_utils.teaching.checks.exercise import Case, Exercise
from course_utils.teaching.checks.report import Report
from course_utils.teaching.checks.trying import Outcome, call, is_stub, learners_line, wrong_signature

Arguments = Callable[[], tuple[Any, ...]]  # builds the same ones anew at each call


@dataclass(frozen=True)
class Attempt:
    """One case tried: what came, and what is wrong with it (None where nothing is)."""

    case: Case
    arguments: Arguments
    outcome: Outcome
    fault: Difference | None


def grade(exercise: Exercise, answer: Any) -> Report:
    """Return the report on an answer. Displays and records nothing; raises nothing but KeyboardInterrupt."""
    if answer is Ellipsis or is_stub(answer) or (exercise.wants_value and answer is None):
        return Report(exercise.name, "unanswered", f"not answered yet. {exercise.task}")
    if exercise.wants_value:
        return _grade_value(exercise, answer)
    if isinstance(answer, type) or not callable(answer):
        return _no_function(exercise, answer)
    draws = list(_draws(exercise))
    _, first = draws[0]
    unfit = wrong_signature(answer, len(first()))
    if unfit:
        wanted = ", ".join(exercise.parameters[: len(first())])
        rows = (("asked for", f"`{exercise.name}({wanted})`"), ("yours", unfit))
        return Report(exercise.name, "failed", "your function can't be called as the exercise calls it.", rows)
    with torch.random.fork_rng(devices=[]):  # a check between two experiments changes neither
        attempts = [_attempt(exercise, answer, *draw) for draw in draws]
    if any(attempt.fault for attempt in attempts):
        return _failed(exercise, attempts)
    return Report(exercise.name, "passed", f"right in all {len(attempts)} cases.")


def _no_function(exercise: Exercise, answer: Any) -> Report:
    remedy = f'hand in the function itself, without parentheses: `check("{exercise.name}", {exercise.name})`'
    rows = (("came", f"{type(answer).__name__}: {_described(answer)}"), ("remedy", remedy))
    return Report(exercise.name, "failed", "a function is asked for.", rows)


def _grade_value(exercise: Exercise, answer: Any) -> Report:
    expected = exercise.oracle()
    found = _safely(lambda: difference(expected, answer, exercise.tolerance))
    if found is None:
        return Report(exercise.name, "passed", f"`{describe(answer)}` is right.")
    headline = found.headline
    if headline == "is another number" and not isinstance(answer, complex):  # the right one would be the answer
        headline = "is too large" if answer > expected else "is too small"
    named = _first(exercise, lambda mistake: not differs(mistake(), answer, exercise.tolerance))
    rows = [("yours", _described(answer)), ("look at", found.remark), ("probably", _diagnosis(exercise, named))]
    return _report(exercise, f"your answer {headline}.", rows, named)


def _draws(exercise: Exercise) -> Iterator[tuple[Case, Arguments]]:
    for case in exercise.cases:
        for draw in range(case.times):
            seed = zlib.crc32(f"{exercise.name} {case.description} {draw}".encode())
            yield case, lambda case=case, seed=seed: tuple(case.arguments(torch.Generator().manual_seed(seed)))


def _attempt(exercise: Exercise, answer: Callable[..., Any], case: Case, arguments: Arguments) -> Attempt:
    used = arguments()
    outcome = call(answer, used)
    return Attempt(case, arguments, outcome, _fault(exercise, answer, arguments, used, outcome))


def _fault(
    exercise: Exercise, answer: Callable[..., Any], arguments: Arguments, used: tuple[Any, ...], outcome: Outcome
) -> Difference | None:
    if outcome.error is not None:
        return Difference(f"did not come: the function stopped with {type(outcome.error).__name__}")
    for name, before, after in zip(exercise.parameters, arguments(), used, strict=False):
        if differs(before, after, 0):
            return Difference(
                f"came, but the function changed its argument `{name}`",
                "`+=`, methods that end in `_`, and assignment to an element work in place; compute a new value.",
            )
    found = _compare(exercise, exercise.oracle(*arguments()), outcome.value)
    if found and not found.in_value:
        return found
    again = call(answer, arguments())
    if again.error or differs(outcome.value, again.value, 0):
        return Difference(
            "is another one when the same arguments come again",
            "Does the function draw random numbers, or keep something from one call to the next?",
        )
    return found


def _compare(exercise: Exercise, expected: Any, got: Any) -> Difference | None:
    compare = exercise.compare
    if compare is None:
        return _safely(lambda: difference(expected, got, exercise.tolerance))
    found = _safely(lambda: compare(expected, got))
    return Difference(found, in_value=True) if isinstance(found, str) else found


def _safely(compare: Callable[[], Any]) -> Any:
    try:
        return compare()
    except Exception as error:  # a result of some type that nobody thought of
        return Difference("can't be compared with what is expected", f"{type(error).__name__}: {error}")


def differs(one: Any, other: Any, tolerance: float) -> bool:
    """Return whether two values differ; values of a type that can't be told apart count as equal."""
    return (one is None) != (other is None) or _safely(lambda: difference(one, other, tolerance)) is not None


def _failed(exercise: Exercise, attempts: list[Attempt]) -> Report:
    failing = [attempt for attempt in attempts if attempt.fault]
    first = failing[0]
    assert first.fault
    everywhere = _first(exercise, lambda mistake: _explains(exercise, mistake, attempts))
    named = everywhere or _first(exercise, lambda mistake: _explains(exercise, mistake, failing))
    inputs = zip(exercise.parameters, first.arguments(), strict=False)
    rows = [
        ("case", f"{first.case.description} ({len(failing)} of {len(attempts)} cases fail)"),
        ("input", "\n".join(f"{name} = {describe(value)}" for name, value in inputs)),
        *_compared(exercise, first),
        ("look at", first.fault.remark),
        ("probably", _diagnosis(exercise, named)),
        ("printed", textwrap.shorten(first.outcome.printed, 200)),
    ]
    return _report(exercise, f"your result {first.fault.headline}.", rows, named)


def _compared(exercise: Exercise, attempt: Attempt) -> list[tuple[str, str]]:
    error = attempt.outcome.error
    if error is None:
        expected = describe(exercise.oracle(*attempt.arguments()))
        return [
            (f"expected {exercise.returns}".rstrip(), expected),
            ("yours", _described(attempt.outcome.value)),
        ]
    line = learners_line(error)
    left = isinstance(error, NotImplementedError) and "raise NotImplementedError" in line  # torch raises it, too
    return [
        ("error", textwrap.shorten(f"{type(error).__name__}: {error}", 300)),
        ("at", line),
        ("remedy", "the line `raise NotImplementedError` of the empty exercise is still there" if left else ""),
    ]


def _described(value: Any) -> str:
    try:
        return describe(value)
    except Exception:  # a learner's own class may have a broken repr
        return f"a {type(value).__name__}"


def _explains(exercise: Exercise, mistake: Callable[..., Any], attempts: list[Attempt]) -> bool:
    """Return whether the mistake gives what the learner's function gave in each of these attempts."""
    for attempt in attempts:
        made, came = call(mistake, attempt.arguments()), attempt.outcome
        if (made.error is None) != (came.error is None) or differs(made.value, came.value, exercise.tolerance):
            return False
    # Errors alone prove nothing, nor do right results that came by changing the arguments.
    values = [(a, a.outcome.value) for a in attempts if a.outcome.error is None]
    return any(_compare(exercise, exercise.oracle(*attempt.arguments()), value) for attempt, value in values)


def _first(exercise: Exercise, explains: Callable[[Callable[..., Any]], bool]) -> str | None:
    """Return the name of the first misconception whose mistake explains the answer."""
    return next((name for name, (_, mistake) in exercise.misconceptions.items() if explains(mistake)), None)


def _diagnosis(exercise: Exercise, named: str | None) -> str:
    return f"it {named}. {exercise.misconceptions[named][0]}" if named else ""


def _report(exercise: Exercise, headline: str, rows: list[tuple[str, str]], named: str | None) -> Report:
    said = tuple((label, text) for label, text in rows if text)
    return Report(exercise.name, "failed", headline, said, named)
