"""What goes wrong becomes one line on the error stream and an exit status; COURSE_DEBUG=1 shows where it was."""

import errno
import os
import sys
from typing import NoReturn

import typer
from typer.core import TyperGroup

REMEDIES = {
    errno.ENOSPC: "make room on this disk",
    errno.EDQUOT: "make room on this disk",
    errno.EACCES: "choose a place that you may write to and read from",
    errno.EPERM: "choose a place that you may write to and read from",
    errno.EROFS: "choose a place that you may write to and read from",
}


class OneLineErrors(TyperGroup):
    """The commands, none of which ends in a traceback."""

    def invoke(self, ctx):
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            fail("stopped; nothing is half written", 130)
        except Exception as error:
            if os.environ.get("COURSE_DEBUG") or not is_ours(error):
                raise
            fail(sentence(error))


def is_ours(error: Exception) -> bool:
    """Tell whether an error is ours to explain; typer's own, and a reader of our output that left, are not."""
    return not (type(error).__module__.startswith(("click", "typer")) or isinstance(error, BrokenPipeError))


def sentence(error: Exception) -> str:
    """Return what an error says, in one line, with a remedy."""
    kind = type(error).__name__
    said = " ".join(str(error.args[0] if error.args else "").split())
    if isinstance(error, OSError) and error.errno is not None:
        remedy = REMEDIES.get(error.errno)
        said = ": ".join(filter(None, [str(error.filename or ""), error.strerror]))
        return f"{said}; {remedy}" if remedy else said
    if isinstance(error, ImportError):
        return f"a package of the course does not load ({said}); see: course doctor"
    if type(error).__module__.startswith("course_utils") or isinstance(error, (ValueError, OSError)):
        return said or kind
    if type(error) is LookupError:  # not its kinds, KeyError and IndexError, which are mistakes in a program
        return said or kind
    return f"{kind}: {said or 'no more is known'}; with COURSE_DEBUG=1 set, the same command shows where"


def warn(line: str) -> None:
    """Print a line on the error stream."""
    print(f"course: {line}", file=sys.stderr, flush=True)


def fail(line: str, status: int = 1) -> NoReturn:
    """Print a line on the error stream and end the command."""
    warn(line)
    raise typer.Exit(status)
