"""``course test``: lint, format, types and tests of a clone, in the order in which they are quick to fail."""

import os
import subprocess
import sys
import time

from course_utils.places import clone_folder

QUICK = "not browser and not packaging"
STEPS = {
    "lint": ["ruff", "check"],
    "format": ["ruff", "format", "--check"],
    "types": ["ty", "check"],
}


def run(everything: bool = False, arguments: list[str] | None = None, seeds: int | None = None) -> int:
    """Return the exit status of the first step that failed, or 0.

    Args:
        everything: also what needs a browser, builds a wheel or takes minutes.
        arguments: further arguments for pytest.
        seeds: run each lesson under so many seeds; without it, under those of COURSE_TEST_SEEDS, or one.

    Raises:
        FileNotFoundError: this is not a clone; the tests are not in the wheel.
    """
    root = clone_folder()
    if root is None or not (root / "tests").is_dir():
        raise FileNotFoundError("the tests come with a clone of the course, not with the wheel; clone it and run there")
    # One thread each: with two, the small models of the lessons train four times slower when tests run side by side.
    chosen_seeds = {} if seeds is None else {"COURSE_TEST_SEEDS": " ".join(map(str, range(seeds)))}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **chosen_seeds}
    # Lessons are long and stand in a row: a process without work takes over some of the other's. Browser tests share
    # a page for each lesson, and stay together.
    chosen = ["--dist", "loadgroup"] if everything else ["--dist", "worksteal", "-m", QUICK]
    steps = {**STEPS, "tests": ["pytest", "-n", "2", *chosen, *(arguments or [])]}
    for name, command in steps.items():
        started = time.perf_counter()
        status = subprocess.run([sys.executable, "-m", *command], cwd=root, env=environment).returncode
        print(f"{'✗' if status else '✓'} {name}, {time.perf_counter() - started:.0f} s", flush=True)
        if status:
            return status
    return 0
