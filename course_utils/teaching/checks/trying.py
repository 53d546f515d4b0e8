"""Calling what a learner wrote, whatever that does."""

import ast
import contextlib
import inspect
import io
import linecache
import sysconfig
import textwrap
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from course_utils.places import PACKAGE

NOT_THE_LEARNERS = (
    str(PACKAGE),
    "<frozen",
    *(sysconfig.get_paths()[kind] for kind in ("stdlib", "purelib", "platlib")),
)


@dataclass(frozen=True)
class Outcome:
    """What a call gave: a value or an error, and the start of what it printed."""

    value: Any = None
    error: BaseException | None = None
    printed: str = ""


class _Start(io.StringIO):
    """Keeps the start of what is printed, however much that is."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, 500 - self.tell())])
        return len(text)


def call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Outcome:
    """Return what the function gives for these arguments. Only KeyboardInterrupt passes through."""
    printed = _Start()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            return Outcome(function(*arguments), printed=printed.getvalue())
    except (Exception, SystemExit) as error:
        return Outcome(error=error, printed=printed.getvalue())


def is_stub(answer: Any) -> bool:
    """Return whether a function's body is only a docstring, ``pass``, ``...`` or ``raise NotImplementedError``."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(answer)))
    except (OSError, TypeError, SyntaxError, ValueError):  # no function, no source, or a lambda cut out of its line
        return False
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return len(functions) == 1 and all(_says_nothing(statement) for statement in functions[0].body)


def _says_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Raise):
        raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def wrong_signature(answer: Callable[..., Any], count: int) -> str | None:
    """Return why the function can't be called with so many arguments, or None if it can."""
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):  # some functions written in C do not say
        return None
    try:
        signature.bind(*range(count))
    except TypeError as error:
        return f"{error}; it takes `{signature}`"
    return None


def learners_line(error: BaseException) -> str:
    """Return the last line of the learner's own that an error passed through, or nothing."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(NOT_THE_LEARNERS)]
    if not own:
        return ""
    line = linecache.getline(own[-1].filename, own[-1].lineno or 0).strip()
    return f"line {own[-1].lineno} of the cell with `{own[-1].name}`" + (f": `{line}`" if line else "")
