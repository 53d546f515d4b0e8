"""The wheel, built and installed into an empty environment, away from any clone: what a learner gets without git."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ..browser.server import answers, free_port, stop
from ..lessons.notebooks import PATHS, ROOT

pytestmark = pytest.mark.packaging


def kept(folder: str) -> set[str]:
    """Return the files of a folder that git keeps or would keep."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name for name in names if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def course(wheel, uv, tmp_path_factory) -> Path:
    """The ``course`` command of an environment that holds the wheel and nothing else of ours."""
    environment = tmp_path_factory.mktemp("empty") / "environment"
    folder = environment / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
    python = folder / ("python.exe" if os.name == "nt" else "python")
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python), str(wheel)], check=True)
    return folder / "course"


def test_contents(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    inside = {name.removeprefix("course_utils/_course/") for name in names}
    assert kept("lessons") | kept("data") <= inside
    assert kept("course_utils") <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if "__pycache__" in name or ".ipynb_checkpoints" in name]
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"course_utils"}
    assert wheel.stat().st_size < 25_000_000


def test_metadata_holds_torch_and_torchaudio_together(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    pair = [
        line.partition("==")[2]
        for line in lines
        if line.startswith(("Requires-Dist: torch==", "Requires-Dist: torchaudio=="))
    ]
    assert len(pair) == 2
    assert len(set(pair)) == 1


def test_doctor_finds_nothing_missing(course, online, tmp_path):
    done = subprocess.run([course, "doctor"], env=online, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_lab_makes_a_working_copy_and_answers(course, online, tmp_path):
    port = free_port()
    command = [course, "lab", "mine", "--no-browser", "--port", str(port)]
    log = tmp_path / "lab.log"
    with log.open("wb") as output:
        lab = subprocess.Popen(command, env=online, cwd=tmp_path, stdout=output, stderr=output)
    try:
        alive = answers(f"http://127.0.0.1:{port}/api", 120, lambda: lab.poll() is None)
        assert alive, log.read_text()
        assert {path.name for path in PATHS} <= {path.name for path in (tmp_path / "mine").glob("*.ipynb")}
    finally:
        orphans = stop(lab)
    assert orphans == []
    assert lab.returncode == 0
    assert "Traceback" not in log.read_text()


def test_run_makes_a_page_with_results(course, online, tmp_path, measured):
    done = subprocess.run([course, "run", "01"], env=online, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    (page,) = tmp_path.rglob("01_*.html")
    assert "✓" in page.read_text(encoding="utf-8")
