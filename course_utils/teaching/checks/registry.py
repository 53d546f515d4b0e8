"""Which exercises there are: names are read from the declarations' syntax, and a lesson's module loads when needed."""

import ast
import difflib
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path

from course_utils.teaching.checks.exercise import Exercise

HERE = Path(__file__).resolve().parent


class UnknownExercise(LookupError):
    """No lesson declares an exercise of this name."""

    def _render_traceback_(self) -> list[str]:
        return [f"✗ {self}"]


def _declared(module: Path) -> list[str]:
    calls = [node for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    declarations = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Exercise"]
    names = [word.value for call in declarations for word in call.keywords if word.arg == "name"]
    return [str(name.value) for name in names if isinstance(name, ast.Constant)]


@cache
def exercise_names() -> dict[str, list[str]]:
    """Return for each lesson ("01") the names of its exercises, in order. Imports nothing."""
    return {module.stem.removeprefix("lesson_"): _declared(module) for module in sorted(HERE.glob("lesson_*.py"))}


def find(name: str) -> Exercise:
    """Return the exercise of this name.

    Raises:
        UnknownExercise: no lesson declares it; the message gives the nearest names.
    """
    for lesson, names in exercise_names().items():
        if name in names:
            module = import_module(f"{__package__}.lesson_{lesson}")
            exercises = (value for value in vars(module).values() if isinstance(value, Exercise))
            return replace(next(exercise for exercise in exercises if exercise.name == name), lesson=lesson)
    known = [name for names in exercise_names().values() for name in names]
    near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5) or known
    raise UnknownExercise(f"there is no exercise {name!r}; did you mean {' or '.join(map(repr, near)) or 'another'}?")
