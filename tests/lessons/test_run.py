"""Every lesson, run from its first cell to its last in a folder and a home that nobody used, under several seeds.

``COURSE_TEST_SEEDS="0 1 2"`` chooses the seeds. The executed notebooks and their seconds go to ``$COURSE_ARTIFACTS``.
"""

import ast
import json
import os
import re
import time
from datetime import datetime

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

from course_utils import working_folder

from .notebooks import LONGEST_FIRST, Cell

SEEDS = os.environ.get("COURSE_TEST_SEEDS", "0").split()
LIMIT = 600  # seconds for one lesson; the goal of 60 is reported, not judged: machines differ
GOAL = 60
REPEATED = (ast.For, ast.While, ast.If, ast.FunctionDef, ast.ListComp, ast.GeneratorExp)
PROGRESS = re.compile(r"^\s*$|\d+%\|.*\||\d+it \[")  # a bar of tqdm is no warning


def execute(notebook, folder, limit: float = LIMIT) -> None:
    """Run a notebook's cells in place, with a new kernel in ``folder``; an error in a cell is raised."""
    until = time.monotonic() + limit
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],  # else each kernel warns that it talks TCP to this machine
        resources={"metadata": {"path": str(folder)}},
        timeout_func=lambda cell: max(1, int(until - time.monotonic())),
        shutdown_kernel="immediate",
    )
    client.execute()


def seconds(cell) -> float:
    """Return how long a cell was busy, by the kernel's own clock."""
    times = cell.metadata.get("execution", {})
    begin, end = (times.get(f"iopub.status.{status}") for status in ("busy", "idle"))
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds() if begin and end else 0.0


def claims(cell: Cell) -> tuple[int, int | None]:
    """Return the least and the greatest number of claims that a cell makes; None where a loop decides."""
    calls = cell.calls("claim")
    repeated = [node for node in ast.walk(cell.tree) if isinstance(node, REPEATED)]
    fixed = [call for call in calls if not any(call in ast.walk(node) for node in repeated)]
    return (len(calls), len(calls)) if len(fixed) == len(calls) else (max(len(fixed), 1), None)


def text_of(output, *kinds: str) -> str:
    data = output.get("data", {})
    return "".join(value if isinstance(value := data.get(kind, ""), str) else "".join(value) for kind in kinds)


def faults(executed) -> list[str]:
    """Return what a run did that a learner should not meet, one sentence each."""
    found = []
    for raw in executed.cells:
        if raw.cell_type != "code":
            continue
        printed = "".join(o.text for o in raw.outputs if o.output_type == "stream" and o.name == "stdout")
        warned = "".join(o.text for o in raw.outputs if o.output_type == "stream" and o.name == "stderr")
        warned = "\n".join(line for line in re.split(r"[\r\n]", warned) if not PROGRESS.search(line))
        if warned:
            found.append(f"{raw.id} writes to stderr: {warned[:300]}")
        if any(output.output_type == "error" for output in raw.outputs):
            found.append(f"{raw.id} ends in an error")
        least, most = claims(Cell(raw.id, "code", raw.source, {}))
        seen = len(re.findall(r"(?m)^✓ \S", printed))
        if least and (seen < least or (most is not None and seen > most)):
            found.append(f"{raw.id} makes {least} claims and prints {seen} ✓")
        for output in raw.outputs:
            html = text_of(output, "text/html", "image/svg+xml")
            if output.get("data", {}).get("image/png") and not html:
                found.append(f"{raw.id} shows a picture that has no alt text")
            tags = re.findall(r"<img\b[^>]*>", html)
            bare = [tag for tag in tags if not re.search(r"""\balt\s*=\s*["']\s*[^\s"']""", tag)]
            found += [f"{raw.id} shows an <img> without alt text: {tag[:80]}" for tag in bare]
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("path", LONGEST_FIRST, ids=[path.stem for path in LONGEST_FIRST])
def test_lesson_runs(path, seed, tmp_path, artifacts, measured, monkeypatch):
    folder = tmp_path / "lessons"
    working_folder.refresh(folder)  # what a learner gets, and no more
    monkeypatch.setenv("COURSE_SEED", seed)
    notebook = nbformat.read(folder / path.name, as_version=4)
    stopped, begin = "", time.monotonic()
    try:
        execute(notebook, folder)
    except (CellExecutionError, CellTimeoutError) as error:
        stopped = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    keep(notebook, path.stem, seed, round(time.monotonic() - begin, 1), artifacts, measured)
    if stopped:
        pytest.fail(f"{path.name}, seed {seed}: {stopped}", pytrace=False)
    found = faults(notebook)
    assert not found, "\n".join(found)


def keep(notebook, lesson: str, seed: str, whole: float, artifacts, measured) -> None:
    """Store what came out of a run, whether it went well or not."""
    cells = {cell.id: round(seconds(cell), 2) for cell in notebook.cells if cell.cell_type == "code"}
    slowest = max(cells, key=lambda name: cells[name])
    folder = artifacts / "lessons"
    folder.mkdir(exist_ok=True)
    nbformat.write(notebook, folder / f"{lesson}.seed-{seed}.ipynb")
    timing = {"lesson": lesson, "seed": int(seed), "seconds": whole, "cells": cells}
    (folder / f"{lesson}.seed-{seed}.json").write_text(json.dumps(timing, indent=1), encoding="utf-8")
    slow = {"MORE_THAN": GOAL} if whole > GOAL else {}
    measured(f"lesson {lesson}, seed {seed}", seconds=whole, **{slowest: cells[slowest]}, **slow)


def made(kind: str, **data):
    return nbformat.v4.new_output(kind, **data)


def told(text: str, name: str = "stdout"):
    return made("stream", name=name, text=text)


def shown(**data):
    return made("display_data", data={kind.replace("_", "/"): value for kind, value in data.items()})


@pytest.mark.parametrize(
    ("source", "outputs", "fault"),
    [
        ("1", [told("UserWarning: hm", "stderr")], "writes to stderr"),
        ("1 / 0", [made("error", ename="ZeroDivisionError", evalue="", traceback=[])], "ends in an error"),
        ("claim('a', b)", [told("a")], "makes 1 claims and prints 0"),
        ("claim('a', b); claim('c', d)", [told("✓ a\n")], "makes 2 claims and prints 1"),
        ("claim('a', b)", [told("✓ a\n✓ b\n")], "makes 1 claims and prints 2"),
        ("for s in seeds: claim('a', s)", [told("")], "makes 1 claims and prints 0"),
        ("plot()", [shown(image_png="AAAA")], "no alt text"),
        ("plot()", [shown(text_html="<img src='a'>")], "without alt text"),
        ("plot()", [shown(text_html="<img src='a' alt=' '>")], "without alt text"),
    ],
)
def test_a_fault_is_seen(source, outputs, fault):
    found = faults(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, outputs=outputs)]))
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    ("source", "outputs"),
    [
        ("claim('a', b); print('and')", [told("✓ a\nand\n")]),
        ("for s in seeds: claim('a', s)", [told("✓ a\n✓ a\n")]),
        ("plot()", [shown(image_png="AAAA", text_html="<img alt='a falling curve' src='a'>")]),
        ("fit()", [told("\rtraining:  10%|█         | 1/10\rtraining: 100%|██████████| 10/10\n", "stderr")]),
    ],
)
def test_a_good_run_is_left_alone(source, outputs):
    assert faults(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, outputs=outputs)])) == []


@pytest.mark.parametrize(
    ("source", "error"), [("raise OSError('full')", CellExecutionError), ("while True: pass", CellTimeoutError)]
)
def test_a_run_that_fails_or_hangs_is_stopped(source, error, tmp_path):
    with pytest.raises(error):
        execute(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), tmp_path, limit=2)
