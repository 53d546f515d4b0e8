"""The ``course`` command: one small module for each group of commands, and the one place where errors become a line.

What a command needs is imported inside it, so that ``course --help`` answers at once.
"""

import io
import sys
from typing import Annotated

import typer

from course_utils import __version__
from course_utils.cli import care, learning, speech
from course_utils.cli.errors import OneLineErrors

app = typer.Typer(
    cls=OneLineErrors,
    help="From a first recurrent step to a speech recogniser. To begin: course lab",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command()(learning.lab)
app.command()(learning.progress)
app.command()(learning.reset)
app.command()(learning.run)
app.command()(speech.train)
app.command()(speech.transcribe)
app.command()(speech.evaluate)
app.command()(care.doctor)
app.command("test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(care.run_tests)
app.add_typer(speech.data, name="data")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"course {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the course's version.")
    ] = False,
) -> None:
    return None


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit: 0, 1 after an error, 2 for a wrong command line, 130 after Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console that has no ✓ shows something else, and goes on
    app(arguments, prog_name="course")
