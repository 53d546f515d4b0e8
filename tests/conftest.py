"""What every test stands on: no network, nobody's own files, one thread, in CI the same examples each time."""

import os
import runpy
import shutil
import tempfile
from pathlib import Path

import pytest

OFFLINE = Path(__file__).parent / "offline"
SCRATCH = Path(tempfile.mkdtemp(prefix="speech-course-tests-"))

# Set before anything reads them, and inherited by every kernel and command that a test starts.
os.environ.update(
    PYTHONPATH=os.pathsep.join(filter(None, [str(OFFLINE), os.environ.get("PYTHONPATH")])),
    OMP_NUM_THREADS="1",  # two tests on two cores with two threads each take four times as long
    COURSE_HOME=str(SCRATCH / "home"),
    IPYTHONDIR=str(SCRATCH / "ipython"),
    JUPYTER_PLATFORM_DIRS="1",
    **{f"JUPYTER_{kind}_DIR": str(SCRATCH / "jupyter" / kind) for kind in ("CONFIG", "DATA", "RUNTIME")},
)
for chosen_by_the_user in ("COURSE_SEED", "COURSE_DEVICE"):
    os.environ.pop(chosen_by_the_user, None)
runpy.run_path(str(OFFLINE / "sitecustomize.py"))


def pytest_configure(config):
    from hypothesis import settings

    settings.register_profile("course", deadline=None)
    settings.register_profile("course-ci", deadline=None, derandomize=True, database=None, print_blob=True)
    settings.load_profile("course-ci" if os.environ.get("CI") else "course")


def pytest_unconfigure(config):
    shutil.rmtree(SCRATCH, ignore_errors=True)


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """A learner's folder that nobody has used, for each test its own."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("COURSE_HOME", str(folder))
    return folder
