"""``course test``: its steps in their order, the first failure, and how many seeds the lessons get."""

import importlib
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from course_utils import testing
from course_utils.cli import app


@pytest.fixture
def steps(monkeypatch):
    """What would be run, (command, environment) for each step, and the modules that shall end with status 3."""
    seen, failing = [], set()

    def run(command, *, cwd, env):
        seen.append((command[2:], env))
        return SimpleNamespace(returncode=3 if command[2] in failing else 0)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.delenv("COURSE_TEST_SEEDS", raising=False)
    return seen, failing


def test_lint_comes_first_and_tests_last(steps):
    assert testing.run() == 0
    assert [command[0] for command, _ in steps[0]] == ["ruff", "ruff", "ty", "pytest"]
    assert all(environment["OMP_NUM_THREADS"] == "1" for _, environment in steps[0])
    assert "not browser and not packaging" in steps[0][-1][0]


def test_the_first_failure_ends_it(steps):
    seen, failing = steps
    failing.add("ty")
    assert testing.run() == 3
    assert [command[0] for command, _ in seen] == ["ruff", "ruff", "ty"]


def test_everything_leaves_nothing_out(steps):
    testing.run(everything=True, arguments=["-k", "ctc"])
    assert steps[0][-1][0] == ["pytest", "-n", "2", "--dist", "loadgroup", "-k", "ctc"]


def test_the_course_under_ten_seeds(steps):
    result = CliRunner().invoke(app, ["test", "--seeds", "10", "tests/lessons/test_run.py", "-x"])
    assert result.exit_code == 0, result.output
    command, environment = steps[0][-1]
    assert command[-2:] == ["tests/lessons/test_run.py", "-x"]
    assert environment["COURSE_TEST_SEEDS"] == "0 1 2 3 4 5 6 7 8 9"


def test_the_environment_chooses_where_the_command_does_not(steps, monkeypatch):
    monkeypatch.setenv("COURSE_TEST_SEEDS", "3 7")
    testing.run()
    assert steps[0][-1][1]["COURSE_TEST_SEEDS"] == "3 7"


@pytest.mark.parametrize("seeds", ["0", "-1", "ten"])
def test_seeds_that_are_none(steps, seeds):
    assert CliRunner().invoke(app, ["test", "--seeds", seeds]).exit_code == 2
    assert steps[0] == []


def test_only_a_clone_has_tests(monkeypatch):
    monkeypatch.setattr(testing, "clone_folder", lambda: None)
    with pytest.raises(FileNotFoundError, match="clone"):
        testing.run()


def test_the_table_of_seconds(monkeypatch):
    """A row for each lesson, with the spread over seeds where there are several, and one for the course."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "benchmarks"))
    rows = importlib.import_module("figures").lesson_rows(
        {"lesson 12_all": [100.0], "lesson 01_rnn": [30.0, 20.0, 22.0]}
    )
    assert rows == [
        ("Run All, lesson 01_rnn", "22 s (20 to 30, 3 seeds)", "60 s"),
        ("Run All, lesson 12_all", "100 s", "180 s"),
        ("Run All, the whole course", "122 s", "600 s"),
    ]
