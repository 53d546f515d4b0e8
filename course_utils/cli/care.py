"""Commands that look after the course itself."""

from typing import Annotated

import typer


def doctor() -> None:
    """Check what the course needs: a line each, with the remedy."""
    from course_utils import doctor as surgery

    findings = []
    for check in surgery.CHECKS:
        findings.append(surgery.examined(check))
        print(findings[-1], flush=True)
    wrong = sum(finding.ok is False for finding in findings)
    print(f"{wrong} of {len(findings)} checks need mending." if wrong else "Everything that is needed is here.")
    raise typer.Exit(1 if wrong else 0)


def run_tests(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also the browser, the wheel, the fresh clone.")] = False,
    seeds: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Run each lesson under so many seeds.", min=1)
    ] = None,
) -> None:
    """Pass the course's own tests (in a clone).

    They are lint, format, types and pytest, to which all other options go.
    """
    from course_utils import testing

    raise typer.Exit(testing.run(everything, context.args, seeds))
