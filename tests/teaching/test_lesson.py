"""setup, claim and show_source, outside of a notebook and inside one."""

import random
import sys

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient

from course_utils.teaching import lesson, progress
from course_utils.teaching.lesson import ClaimError, claim, pair_problem, setup, show_source


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_setup_says_one_line_and_records_that_the_lesson_is_open(capsys):
    opened = setup("01", seed=7)
    said = capsys.readouterr().out
    assert said == f"Lesson 01 · seed 7 · {opened.device} · torch {torch.__version__.split('+')[0]}\n"
    assert torch.get_num_threads() == 1
    assert progress.summary()["01"].opened


def test_setup_seeds_every_source_of_randomness():
    def drawn():
        generator = setup("01", seed=5).generator
        old = np.random.rand()  # noqa: NPY002 what a learner's own cell may still use
        return old, random.random(), torch.rand(()).item(), torch.rand((), generator=generator).item()

    assert drawn() == drawn()
    assert setup("01", seed=5).seeds(3) != setup("01", seed=6).seeds(3)


def test_seeds_are_a_row_that_only_the_seed_decides():
    opened = setup(1)
    assert opened.name == "01"
    assert opened.seeds(5)[:3] == opened.seeds(3)
    assert len(set(opened.seeds(1000))) == 1000
    with pytest.raises(ValueError, match="1 to 1,000"):
        opened.seeds(0)
    with pytest.raises(AttributeError):
        opened.seed = 3  # ty: ignore[invalid-assignment]


def test_the_environment_overrides_seed_and_device(monkeypatch):
    monkeypatch.setenv("COURSE_SEED", "42")
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    opened = setup("03", seed=1)
    assert (opened.seed, opened.device) == (42, torch.device("cpu"))


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("COURSE_SEED", "many", "COURSE_SEED must be a whole number.*'many'"),
        ("COURSE_SEED", "-1", "COURSE_SEED"),
        ("COURSE_SEED", "9" * 20, "COURSE_SEED"),
        ("COURSE_DEVICE", "tpu", "cpu or cuda; it is 'tpu'"),
        ("COURSE_DEVICE", "cuda", "torch sees no GPU"),
    ],
)
def test_a_wrong_environment_is_named(monkeypatch, variable, value, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=words):
        setup("01")


@pytest.mark.parametrize(("name", "seed"), [("one", 0), ("001", 0), ("01", -1), ("01", 1.5), ("01", True), ("", 0)])
def test_wrong_arguments_are_named(name, seed):
    with pytest.raises(ValueError, match=r"lesson is named|a seed is"):
        setup(name, seed=seed)


def test_a_pair_of_different_releases_is_said_with_the_remedy(monkeypatch, capsys):
    monkeypatch.setattr(lesson, "version", {"torch": "2.11.0+cpu", "torchaudio": "2.9.1"}.__getitem__)
    setup("01")
    line = capsys.readouterr().out.splitlines()[1]
    assert "torch 2.11.0+cpu and torchaudio 2.9.1" in line
    assert 'pip install "torch==2.11.*" "torchaudio==2.11.*"' in line


def test_a_missing_torchaudio_is_said(monkeypatch):
    def version(name):
        if name == "torchaudio":
            raise lesson.PackageNotFoundError(name)
        return "2.11.0"

    monkeypatch.setattr(lesson, "version", version)
    assert "torchaudio is missing; remedy" in (pair_problem() or "")


def test_the_installed_pair_is_fine():
    assert pair_problem() is None


@pytest.mark.parametrize("holds", [True, np.True_, np.array(True), torch.tensor(True), torch.tensor(2) > 1])
def test_a_claim_that_holds_is_one_line(holds, capsys):
    claim("two is more than one", holds)
    assert capsys.readouterr().out == "✓ two is more than one\n"


@pytest.mark.parametrize("holds", [False, np.False_, torch.tensor(False)])
def test_a_claim_that_does_not_hold_fails(holds):
    with pytest.raises(ClaimError, match="✗ pigs fly\n") as raised:
        claim("pigs fly", holds)
    lines = raised.value._render_traceback_()
    assert lines[0] == "✗ pigs fly"
    assert "restart the kernel" in lines[-1]


@pytest.mark.parametrize(
    ("holds", "words"),
    [
        (None, "NoneType None"),
        (float("nan"), "float nan"),
        (1, "int 1"),
        ("True", "str 'True'"),
        (torch.tensor([True, True]), r"tensor of shape \(2,\) and torch.bool.*all"),
        (torch.tensor([True]), r"shape \(1,\)"),
        (torch.tensor(float("nan")), "torch.float32"),
        (np.array([True, False]), "ndarray"),
        (np.float64(1), "float64"),
        (lambda: True, "function"),
    ],
)
def test_what_is_no_truth_value_is_refused_by_name(holds, words):
    with pytest.raises(TypeError, match=words):
        claim("something", holds)


def test_a_source_is_shown_with_its_place(capsys):
    show_source(claim)
    said = capsys.readouterr().out
    assert said.startswith("def claim(sentence: str, holds: Any) -> None:")
    assert "# course_utils/teaching/lesson.py, line " in said


@pytest.mark.parametrize("thing", [ClaimError("x"), ClaimError, ClaimError._render_traceback_, lesson])
def test_classes_methods_modules_and_instances_have_a_source(thing, capsys):
    show_source(thing)
    assert "def _render_traceback_(self)" in capsys.readouterr().out


@torch.no_grad()
def decorated():
    return "the body"


def test_a_decorated_function_shows_its_own_source(capsys):
    show_source(decorated)
    assert 'return "the body"' in capsys.readouterr().out


@pytest.mark.parametrize("thing", [len, sys, 3, torch.tanh])
def test_what_has_no_source_says_so(thing):
    with pytest.raises(TypeError, match="no Python source"):
        show_source(thing)


def test_in_a_notebook(tmp_path):
    cells = [
        "from course_utils import check, claim, setup, show_source\nsetup('00');",
        "def duration(samples, sample_rate):\n    raise NotImplementedError('here')\ncheck('duration', duration)",
        "def duration(samples, sample_rate):\n    return samples.nothing\ncheck('duration', duration)",
        "def less(a, b):\n    return a < b\nshow_source(less)",
        "claim('pigs fly', 1 > 2)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(notebook, timeout=60, allow_errors=True, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    opened, stub, wrong, source, failed = [cell.outputs for cell in notebook.cells]
    assert opened[0].text.startswith("Lesson 00 · seed 0")
    assert 'data-check="unanswered"' in stub[0].data["text/html"]
    assert "not answered yet" in stub[0].data["text/plain"]
    assert len(wrong) == 1
    assert "line 2 of the cell with `duration`: `return samples.nothing`" in wrong[0].data["text/plain"]
    assert source[0].data["text/plain"] == "def less(a, b):\n    return a < b\n\n# this notebook, line 1"
    assert '-keyword-color, inherit)">return</span> a ' in source[0].data["text/html"]
    assert "&lt;" in source[0].data["text/html"]
    assert failed[0].traceback[0] == "✗ pigs fly"
    assert len(failed[0].traceback) == 3
