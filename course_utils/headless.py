"""``course run``: execute a lesson without a browser, into a page that holds its results and needs no network."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from course_utils import working_folder
from course_utils.files import write_whole

LIMIT = 600  # seconds for one cell
OnCell = Callable[[int, int, str], None]


class LessonFailed(RuntimeError):
    """A cell of a lesson ended in an error; the message names the lesson, the cell and the error."""


def execute(lesson: Path, seed: int | None = None, on_cell: OnCell | None = None):
    """Return a lesson's notebook with the outputs of a run from top to bottom, in a kernel of its own.

    Args:
        lesson: the notebook's file; it is not changed.
        seed: overrides the lesson's seed.
        on_cell: called as (cells done, cells in all, this one's id) before each cell, and once at the end.

    Raises:
        LessonFailed: a cell failed or took longer than ``LIMIT``.
        ValueError: the file is no notebook.
    """
    import nbformat
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    try:
        notebook = nbformat.read(lesson, as_version=4)
    except OSError:
        raise
    except Exception as error:  # the reader raises whatever it stumbles over
        raise ValueError(f"{lesson} is not a notebook, or is damaged") from error
    cell_id, tell = "its start", on_cell or (lambda *_: None)
    client = _client(notebook, lesson)
    try:
        with client.setup_kernel(env=_environment(seed)):
            for position, cell in enumerate(notebook.cells):
                cell_id = cell.get("id", f"number {position + 1}")
                tell(position, len(notebook.cells), cell_id)
                client.execute_cell(cell, position)
            tell(len(notebook.cells), len(notebook.cells), "")
    except CellTimeoutError as error:
        raise LessonFailed(f"{lesson.stem}, cell {cell_id}: not done after {LIMIT} s") from error
    except CellExecutionError as error:
        raise LessonFailed(f"{lesson.stem}, cell {cell_id}: {error.ename}: {error.evalue}") from error
    except DeadKernelError as error:
        raise LessonFailed(f"{lesson.stem}, cell {cell_id}: Python itself ended; was there enough memory?") from error
    return notebook


def _client(notebook, lesson: Path):
    from nbclient import NotebookClient

    return NotebookClient(
        notebook,
        timeout=LIMIT,
        kernel_name="python3",
        extra_arguments=["--log-level=CRITICAL"],
        resources={"metadata": {"path": str(lesson.resolve().parent)}},
    )


def _environment(seed: int | None) -> dict[str, str]:
    chosen = {} if seed is None else {"COURSE_SEED": str(seed)}
    # widgets as pieces of page that live without Python
    return {**os.environ, "COURSE_WIDGETS": "page", **chosen}


def run(
    lesson: Path, folder: Path, seed: int | None = None, html: bool = True, on_cell: OnCell | None = None
) -> tuple[Path | None, float]:
    """Execute a lesson; return the page that was written into FOLDER (None without ``html``), and the seconds."""
    if html:
        folder.mkdir(parents=True, exist_ok=True)  # before minutes of work that could not be kept
    begin = time.perf_counter()
    notebook = execute(lesson, seed, on_cell)
    seconds = time.perf_counter() - begin
    if not html:
        return None, seconds
    from course_utils.pages import page

    target = folder / f"{lesson.stem}.html"
    write_whole(target, page(notebook, lesson.stem, str(lesson.resolve().parent)))
    return target, seconds


def write_documents(folder: Path) -> None:
    """Write the pages that lessons lead to, glossary and bibliography, into FOLDER."""
    from course_utils.pages import document

    for name, path in working_folder.lesson_files().items():
        if name.endswith(".md"):
            page = document(path.read_text(encoding="utf-8"), path.stem)
            write_whole(folder / f"{path.stem}.html", page)
