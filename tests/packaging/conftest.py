"""What installing needs: uv, and the one thing no other test has, a way to the packages."""

import importlib.util
import os
import shutil
import sys

import pytest


@pytest.fixture
def online(tmp_path):
    """The environment of someone who has cloned or installed the course, with a home that nobody used."""
    ours = ("COURSE_", "JUPYTER_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith((*ours, "VIRTUAL_ENV"))}
    kept.pop("PYTHONPATH", None)  # ours leads to what blocks the network; and an empty one is not the same as none
    kept["COURSE_HOME"] = str(tmp_path / "home")
    return kept


@pytest.fixture(scope="session")
def uv() -> list[str]:
    """The command that installs: uv beside this Python, or on the path."""
    if importlib.util.find_spec("uv"):
        return [sys.executable, "-m", "uv"]
    found = shutil.which("uv")
    if found is None:
        pytest.skip("uv is not installed here; the README's commands bring it")
    return [found]
