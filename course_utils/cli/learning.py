"""Commands for learners: open the lessons, see how far one is, start one anew, execute them into pages."""

from pathlib import Path
from typing import Annotated

import typer

from course_utils.cli.errors import fail, warn


def lab(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Your copy of the lessons; made if it is not there.")
    ] = Path("my-course"),
    port: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Where JupyterLab listens, if not at 8888.", min=1, max=65535)
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
    in_place: Annotated[bool, typer.Option("--in-place", help="Open the lessons of a clone, for authors.")] = False,
) -> None:
    """Open the course in JupyterLab, on your copy of the lessons.

    The copy is made at the first call. Later ones bring in what is new in the course, and never touch your work.
    """
    from course_utils import places, server, working_folder

    port = server.choose_port(port)
    if in_place:
        if places.clone_folder() is None:
            raise ValueError("--in-place is for a clone of the course; here, leave it out")
        folder = places.lessons_folder()
    else:
        done = working_folder.refresh(folder)
        working_folder.remember(folder)
        for name in done.updated:
            print(f"{name} is brought up to date.")
        for name in done.kept:
            print(f"{name} is newer in the course; yours, with your work, is kept. {_remedy(name, folder)}")
    print(f"The lessons are in {folder.resolve()}.")
    raise typer.Exit(server.serve(folder, port, browser))


def _remedy(name: str, folder: Path) -> str:
    if not name.endswith(".ipynb"):
        return "To get the new one, rename yours."
    return f'To get the new one: course reset {name[:2]} --folder "{folder}"'


def progress() -> None:
    """Show which exercises you solved, lesson by lesson."""
    from course_utils.teaching import progress as kept

    row = "{:<8}{:>10}{:>8}{:>12}   {}"
    print(row.format("lesson", "solved", "hints", "solutions", "last opened"))
    for lesson in kept.summary().values():
        last = f"{lesson.last.astimezone():%Y-%m-%d %H:%M}" if lesson.last else "never"
        solved = f"{lesson.passed} of {lesson.total}" if lesson.total else "–"
        print(row.format(lesson.lesson, solved, lesson.hints, lesson.solutions, last))


def reset(
    lesson: Annotated[str, typer.Argument(metavar="LESSON", help="The lesson's number, such as 01.")],
    folder: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Your copy of the lessons, if not the last opened.")
    ] = None,
    progress: Annotated[bool, typer.Option("--progress", help="Forget what you solved in it, too.")] = False,
) -> None:
    """Put a fresh copy of a lesson in place, and keep yours.

    Yours stays beside it, under a name with the date.
    """
    from course_utils import working_folder

    there, backup = working_folder.reset(folder or working_folder.current(), lesson)
    if progress:
        from course_utils.teaching import progress as kept

        kept.reset(there.name[:2])
    if backup is None:
        print(f"{there} is as the course has it.")
    else:
        print(f"{there} is fresh; yours is kept beside it as {backup.name}.")
        print("If it is open in JupyterLab, choose there: File, Reload Notebook from Disk.")


def run(
    lessons: Annotated[
        list[str] | None, typer.Argument(metavar="LESSON", help="Numbers (00 01) or notebooks; without any, all.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The folder for the pages.")] = Path("pages"),
    seed: Annotated[int | None, typer.Option(metavar="NUMBER", help="In place of the lessons' own.", min=0)] = None,
    html: Annotated[bool, typer.Option("--html/--no-html", help="Write a page for each, or only run.")] = True,
) -> None:
    """Execute lessons into pages that hold their results.

    The pages are HTML, one file each, the glossary's and the bibliography's beside them, and need neither Python nor a
    network.
    """
    from course_utils import headless, working_folder

    names = lessons or [name for name in working_folder.lesson_files() if name.endswith(".ipynb")]
    failed = written = False
    for path in [_notebook(name) for name in names]:
        try:
            page, seconds = _run(path, out if html else None, seed)
        except headless.LessonFailed as error:
            warn(str(error))
            failed = True
        else:
            print(f"✓ {path.stem}: {seconds:.1f} s" + (f", {page}" if page else ""), flush=True)
            written = written or page is not None
    if written:
        headless.write_documents(out)
    raise typer.Exit(1 if failed else 0)


def _notebook(name: str) -> Path:
    from course_utils import working_folder

    if name.endswith(".ipynb") and Path(name).is_file():
        return Path(name)
    if len(Path(name).parts) > 1:
        fail(f"there is no notebook {name}")
    return working_folder.find_lesson(name)[1]


def _run(path: Path, out: Path | None, seed: int | None) -> tuple[Path | None, float]:
    from tqdm import tqdm

    from course_utils import headless

    with tqdm(desc=path.stem, unit="cell", leave=False, disable=None) as bar:  # no bar where nobody looks

        def at_cell(done: int, cells: int, name: str) -> None:
            bar.total = cells
            bar.set_postfix_str(name, refresh=False)
            bar.update(done - bar.n)

        return headless.run(path, out or Path(), seed, out is not None, at_cell)
