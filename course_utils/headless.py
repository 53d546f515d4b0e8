"""``course run``: execute a lesson without a browser, into a page that holds its results and needs no network."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

LIMIT = 600  # seconds for one cell


class LessonFailed(RuntimeError):
    """A cell of a lesson ended in an error; the message names the lesson, the cell and the error."""


def execute(lesson: Path, seed: int | None = None, on_cell: Callable[[int, int], None] | None = None):
    """Return a lesson's notebook with the outputs of a run from top to bottom, in a kernel of its own.

    Args:
        lesson: the notebook's file; it is not changed.
        seed: overrides the lesson's seed.
        on_cell: called as (cells done, cells in all) after each.

    Raises:
        LessonFailed: a cell failed or took longer than ``LIMIT``.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    notebook = nbformat.read(lesson, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=LIMIT,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(lesson.parent)}},
    )
    environment = {**os.environ, "COURSE_WIDGETS": "page"}  # widgets as pieces of page that live without Python
    if seed is not None:
        environment["COURSE_SEED"] = str(seed)
    position = 0
    try:
        with client.setup_kernel(env=environment):
            for position, cell in enumerate(notebook.cells):
                client.execute_cell(cell, position)
                if on_cell is not None:
                    on_cell(position + 1, len(notebook.cells))
    except (CellExecutionError, CellTimeoutError) as error:
        last = str(error).strip().splitlines()[-1]
        raise LessonFailed(f"{lesson.stem}, cell {notebook.cells[position].id!r}: {last}") from error
    return notebook


def page(notebook, title: str) -> str:
    """Return an executed notebook as one HTML page that asks the network for nothing."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    settings = Config(
        {"HTMLExporter": {"mathjax_url": "", "require_js_url": "", "jquery_url": "", "widget_renderer_url": ""}}
    )
    exporter = HTMLExporter(config=settings, embed_images=True)
    body, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": title}})
    return body


def run(
    lesson: Path, folder: Path, seed: int | None = None, html: bool = True, on_cell=None
) -> tuple[Path | None, float]:
    """Execute a lesson; return the page that was written into FOLDER (None without ``html``), and the seconds."""
    begin = time.perf_counter()
    notebook = execute(lesson, seed, on_cell)
    seconds = time.perf_counter() - begin
    if not html:
        return None, seconds
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{lesson.stem}.html"
    handle, part = tempfile.mkstemp(dir=folder, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page(notebook, lesson.stem))
        os.replace(part, target)
    finally:
        Path(part).unlink(missing_ok=True)
    return target, seconds
