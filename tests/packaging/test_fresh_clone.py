"""The README's two commands, read from the README, on a fresh clone of the last commit with an empty environment.

``COURSE_COLD=1`` downloads every package anew, as on a machine that never saw one; else they come from uv's cache.
"""

import os
import re
import shlex
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from ..browser.server import stop
from ..lessons.notebooks import ROOT

pytestmark = [
    pytest.mark.packaging,
    pytest.mark.skipif(os.name == "nt", reason="the README gives Windows another first word"),
    pytest.mark.skipif("COURSE_INSIDE_A_CLONE" in os.environ, reason="this is the run inside the clone"),
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="only a clone can be cloned"),
]
PYTHON = getattr(sys, "_base_executable", sys.executable)  # the one below .venv: it has pip and nothing of ours


@pytest.fixture(scope="module")
def cold(tmp_path_factory) -> dict[str, str]:
    """What hides the packages that this machine has, where that is asked for."""
    if "COURSE_COLD" not in os.environ:
        return {}
    return {"UV_CACHE_DIR": str(tmp_path_factory.mktemp("cache")), "PIP_NO_CACHE_DIR": "1"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fresh") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def command(clone: Path, word: str) -> list[str]:
    """Return the README's line with this word, as it is printed but for which Python is called ``python3``."""
    block = re.search(
        r"^```\w*\n(.*?)^```", (clone / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert block
    (line,) = (line for line in block[1].splitlines() if re.search(rf"\b{word}\b", line.partition("#")[0]))
    first, *rest = shlex.split(line, comments=True)
    assert first == "python3"
    return [PYTHON, *rest]


def wait_for(path: Path, process: subprocess.Popen, log: Path, seconds: float) -> str:
    """Wait until a file is there and not empty, and return its text."""
    until = time.monotonic() + seconds
    while not (path.is_file() and path.stat().st_size):
        assert process.poll() is None, f"it stopped with {process.returncode}:\n{log.read_text()}"
        assert time.monotonic() < until, f"nothing after {seconds} s:\n{log.read_text()}"
        time.sleep(0.1)
    return path.read_text().strip()


@pytest.mark.parametrize("call", ["first call", "second call"])
def test_lab_opens_the_course(clone, online, cold, tmp_path, measured, call):
    """The browser that it starts is a script that notes the address; the address leads to the lessons."""
    seen, log, browser = tmp_path / "address", tmp_path / "lab.log", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{seen}"\n')
    browser.chmod(0o755)
    begin = time.monotonic()
    with log.open("wb") as output:
        environment = {**online, **cold, "BROWSER": f"{browser} %s"}
        lab = subprocess.Popen(command(clone, "lab"), cwd=clone, env=environment, stdout=output, stderr=output)
    try:
        address = wait_for(seen, lab, log, 900)
        if address.startswith("file://"):  # Jupyter hands the browser a local page that leads on, to hide the token
            page = Path(address.removeprefix("file://")).read_text(encoding="utf-8")
            address = re.findall(r'href="(http[^"]+)"', page)[0].replace("&amp;", "&")
        with urllib.request.urlopen(address, timeout=30) as reply:
            assert reply.status == 200
        packages = "downloaded" if cold else "cached"
        measured(f"fresh clone, packages {packages}, lab, {call}", seconds=round(time.monotonic() - begin, 1))
        parts = urllib.parse.urlsplit(address)
        lesson = parts._replace(path="/api/contents/00_start_here.ipynb").geturl()  # with the same token
        with urllib.request.urlopen(lesson, timeout=30) as reply:
            assert b"cells" in reply.read()
    finally:
        orphans = stop(lab)
    assert orphans == []
    assert lab.returncode == 0
    assert "Traceback" not in log.read_text()


def test_test_passes(clone, online, cold, measured):
    begin = time.monotonic()
    environment = {**online, **cold, "COURSE_INSIDE_A_CLONE": "yes"}
    done = subprocess.run(
        command(clone, "test"), cwd=clone, env=environment, capture_output=True, text=True, timeout=1500
    )
    packages = "downloaded" if cold else "cached"
    measured(f"fresh clone, packages {packages}, tests", seconds=round(time.monotonic() - begin, 1))
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True)
    assert status.stdout == "", "the tests leave files behind"
