"""A learner's copy of the lessons: refreshed, reset, and never robbed of what the learner wrote."""

import errno
import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import files, places, working_folder

GIVEN = ("00_start.ipynb", "01_rnn.ipynb", "figures/wave.svg", "glossary.md")


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """The course's lessons: two notebooks, a glossary, a figure, and what a learner does not get."""
    folder = tmp_path / "shipped"
    for name in (*GIVEN, "solutions/lesson_01.py", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"first {name}")
    monkeypatch.setattr(places, "lessons_folder", lambda: folder)
    return folder


@pytest.fixture
def mine(shipped, tmp_path):
    folder = tmp_path / "mine"
    working_folder.refresh(folder)
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Return what is in a folder, without the course's own notes."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_text() for name, path in found.items() if not name.startswith(".course/")}


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_learner_gets_notebooks_glossary_and_figures(shipped, tmp_path):
    done = working_folder.refresh(tmp_path / "new" / "mine")
    assert done.copied == GIVEN
    assert contents(tmp_path / "new" / "mine") == {name: f"first {name}" for name in done.copied}


def test_a_second_call_changes_nothing(mine):
    before = {path: path.stat().st_mtime_ns for path in mine.rglob("*")}
    assert working_folder.refresh(mine) == working_folder.Refreshed((), (), ())
    assert {path: path.stat().st_mtime_ns for path in mine.rglob("*")} == before


def test_an_untouched_lesson_is_brought_up_to_date(shipped, mine):
    (shipped / "01_rnn.ipynb").write_text("second")
    assert working_folder.refresh(mine).updated == ("01_rnn.ipynb",)
    assert contents(mine)["01_rnn.ipynb"] == "second"


def test_a_lesson_with_work_in_it_is_kept(shipped, mine):
    (mine / "01_rnn.ipynb").write_text("my work")
    assert working_folder.refresh(mine) == working_folder.Refreshed((), (), ())  # nothing new: nothing to say
    (shipped / "01_rnn.ipynb").write_text("second")
    for _ in range(2):
        assert working_folder.refresh(mine) == working_folder.Refreshed((), (), ("01_rnn.ipynb",))
    assert contents(mine)["01_rnn.ipynb"] == "my work"


def test_a_deleted_lesson_comes_back(mine):
    (mine / "01_rnn.ipynb").unlink()
    assert working_folder.refresh(mine).copied == ("01_rnn.ipynb",)


@pytest.mark.parametrize("damaged", [None, "", "{", "[1]", "7", '"text"', "\x00"])
def test_without_its_notes_whatever_differs_is_the_learners(shipped, mine, damaged):
    note = mine / working_folder.MANIFEST
    note.unlink() if damaged is None else note.write_text(damaged)
    (mine / "00_start.ipynb").write_text("my work")
    (shipped / "01_rnn.ipynb").write_text("second")
    assert working_folder.refresh(mine).kept == ("00_start.ipynb", "01_rnn.ipynb")
    assert set(json.loads(note.read_text())) == {"figures/wave.svg", "glossary.md"}


def test_a_file_in_place_of_the_folder(shipped, tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(NotADirectoryError, match=r"file is a file; name a folder .*course lab FOLDER"):
        working_folder.refresh(tmp_path / "file")
    with pytest.raises(OSError, match=r"cannot write the lessons into .*name another folder"):
        working_folder.refresh(tmp_path / "file" / "mine")
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("below", ["", "figures", "new"])
def test_the_courses_own_lessons_are_refused(shipped, below):
    before = contents(shipped)
    with pytest.raises(ValueError, match="--in-place"):
        working_folder.refresh(shipped / below)
    assert contents(shipped) == before


@pytest.mark.parametrize(
    ("failure", "reason"),
    [(full_disk, "No space left"), (PermissionError(errno.EACCES, "Permission denied"), "Permission denied")],
)
@pytest.mark.parametrize("step", [0, 2])
def test_a_new_folder_that_fails_half_way_is_gone(shipped, tmp_path, monkeypatch, failure, reason, step):
    fail_at(monkeypatch, step, failure)
    with pytest.raises(OSError, match=reason):
        working_folder.refresh(tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_an_old_folder_that_fails_half_way_is_whole(shipped, mine, monkeypatch):
    for name in ("00_start.ipynb", "01_rnn.ipynb"):
        (shipped / name).write_text("second")
    fail_at(monkeypatch, 1, full_disk)
    with pytest.raises(OSError, match="make room"):
        working_folder.refresh(mine)
    assert contents(mine) == {
        "00_start.ipynb": "second",
        "01_rnn.ipynb": "first 01_rnn.ipynb",
        "figures/wave.svg": "first figures/wave.svg",
        "glossary.md": "first glossary.md",
    }
    monkeypatch.undo()
    monkeypatch.setattr(places, "lessons_folder", lambda: shipped)
    working_folder.refresh(mine)
    assert contents(mine)["01_rnn.ipynb"] == "second"


def test_ctrl_c_leaves_no_half_of_a_folder(shipped, tmp_path, monkeypatch):
    fail_at(monkeypatch, 1, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        working_folder.refresh(tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def fail_at(monkeypatch, step, failure):
    """Let the move into place fail, after so many that went well."""
    moves, move = [], os.replace

    def replace(source, target):
        moves.append(target)
        if len(moves) <= step:
            return move(source, target)
        if isinstance(failure, BaseException):
            raise failure
        return failure()

    monkeypatch.setattr(os, "replace", replace)


def test_reset_keeps_the_learners_copy(shipped, mine):
    (mine / "01_rnn.ipynb").write_text("my work")
    there, backup = working_folder.reset(mine, "1")
    assert there.read_text() == "first 01_rnn.ipynb"
    assert backup is not None
    assert backup.read_text() == "my work"
    assert backup.name.startswith("01_rnn.20")
    assert backup.suffix == ".ipynb"
    (shipped / "01_rnn.ipynb").write_text("second")
    assert working_folder.refresh(mine).updated == ("01_rnn.ipynb",)  # it counts as untouched again


def test_two_resets_within_a_minute_keep_both(mine):
    for work in ("first try", "second try"):
        (mine / "01_rnn.ipynb").write_text(work)
        working_folder.reset(mine, "01_rnn")
    assert {"first try", "second try"} <= set(contents(mine).values())


def test_reset_of_an_untouched_or_missing_lesson(mine):
    assert working_folder.reset(mine, "01_rnn.ipynb") == (mine / "01_rnn.ipynb", None)
    (mine / "01_rnn.ipynb").unlink()
    assert working_folder.reset(mine, "01") == (mine / "01_rnn.ipynb", None)
    assert len(contents(mine)) == len(GIVEN)


def test_reset_on_a_full_disk_loses_nothing(mine, monkeypatch):
    (mine / "01_rnn.ipynb").write_text("my work")
    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        working_folder.reset(mine, "01")
    assert contents(mine)["01_rnn.ipynb"] == "my work"
    assert not list(mine.rglob("*.part"))


@pytest.mark.parametrize("lesson", ["02", "rnn", "", "../01_rnn.txt", "notes"])
def test_reset_of_an_unknown_lesson_lists_them(mine, lesson):
    with pytest.raises(LookupError, match="there are 00_start, 01_rnn"):
        working_folder.reset(mine, lesson)


def test_reset_where_no_lessons_are(shipped, tmp_path):
    with pytest.raises(FileNotFoundError, match="make them with: course lab"):
        working_folder.reset(tmp_path, "01")


def test_which_folder_is_current(mine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert working_folder.current() == Path("my-course")
    working_folder.remember(Path("mine"))
    assert working_folder.current() == mine
    other = tmp_path / "other"
    working_folder.refresh(other)
    monkeypatch.chdir(other)
    assert working_folder.current() == other


@pytest.mark.parametrize("content", [b"\x00\xff", "“text” ✓\n"])
def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch, content):
    path = tmp_path / "new" / "file"
    files.write_whole(path, content)
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        files.write_whole(path, "other")
    assert [file.read_bytes() for file in path.parent.iterdir()] == [path.read_bytes()]
    assert path.read_bytes() != b"other"


STEPS = st.sampled_from(["course", "learner", "refresh", "reset", "delete notes"])


@settings(max_examples=40)
@given(st.lists(STEPS, max_size=12))
def test_whatever_happens_the_learners_words_are_there(steps):
    """Every text that the learner wrote and did not write over stands somewhere in the folder."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        shipped, mine = Path(name) / "shipped", Path(name) / "mine"
        shipped.mkdir()
        (shipped / "01_rnn.ipynb").write_text("course 0")
        patch.setattr(places, "lessons_folder", lambda: shipped)
        working_folder.refresh(mine)
        written = set()
        for number, step in enumerate(steps, 1):
            lesson = mine / "01_rnn.ipynb"
            if step == "course":
                (shipped / "01_rnn.ipynb").write_text(f"course {number}")
            elif step == "learner":
                written.discard(lesson.read_text())
                lesson.write_text(f"learner {number}")
                written.add(f"learner {number}")
            elif step == "refresh":
                working_folder.refresh(mine)
            elif step == "reset" and (mine / working_folder.MANIFEST).exists():
                working_folder.reset(mine, "01")
            elif step == "delete notes":
                (mine / working_folder.MANIFEST).unlink(missing_ok=True)
            assert written <= set(contents(mine).values())
