"""The course's measured figures: ``python tests/benchmarks/figures.py [GROUP…]`` measures and rewrites RESULTS.md.

Each group is a function that returns its rows (figure, measured, goal); a group that is not asked for keeps its rows.
Ratios and medians are taken within one run, so that a busy machine slows both sides alike.
"""

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).with_name("RESULTS.md")
Row = tuple[str, str, str]


def _seconds(code: str, repeats: int = 7) -> float:
    """Return the median seconds that a fresh Python takes for CODE, beyond a Python that does nothing."""

    def once(line: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", line], cwd=ROOT, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        return time.perf_counter() - started

    once(code)  # the first start compiles and fills the file cache
    return statistics.median(once(code) - once("pass") for _ in range(repeats))


def start_up() -> list[Row]:
    """Importing the package, and one module of it against torch alone."""
    ours, torch = _seconds("from course_utils import ctc"), _seconds("import torch")
    return [
        ("`import course_utils`", f"{_seconds('import course_utils'):.3f} s", "0.3 s"),
        ("`from course_utils import ctc`, beyond `import torch`", f"{ours - torch:+.3f} s", "0.2 s"),
        (
            "`course --help`",
            f"{_seconds('from course_utils.cli import main; main([chr(45) * 2 + chr(104)])'):.2f} s",
            "—",
        ),
    ]


def _tests(*arguments: str) -> dict[str, dict]:
    """Run tests that leave measurements behind, and return what they left: {file name: content}."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COURSE_ARTIFACTS": folder}
        subprocess.run([sys.executable, "-m", "pytest", "-q", *arguments], cwd=ROOT, check=True, env=environment)
        return {file.stem: json.loads(file.read_text()) for file in sorted(Path(folder).rglob("*.json"))}


def lessons() -> list[Row]:
    """Run All of each lesson, headless, nothing else running."""
    raise NotImplementedError


GROUPS: dict[str, Callable[[], list[Row]]] = {"start-up": start_up, "lessons": lessons}
