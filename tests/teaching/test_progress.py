"""The learner's file: it only grows, and nothing that happens to it loses what it held."""

import json
import os
import subprocess
import sys

import pytest

from course_utils import places
from course_utils.teaching import progress
from course_utils.teaching.checks import registry


@pytest.fixture(autouse=True)
def exercises(monkeypatch):
    monkeypatch.setattr(registry, "exercise_names", lambda: {"01": ["one_hot", "rnn_step"]})
    monkeypatch.setattr(progress, "_unsaved", [])


def written():
    return (places.home_folder() / "progress.jsonl").read_bytes()


def test_an_event_is_one_line():
    progress.record("01", "opened")
    progress.record("01", "hint", "rnn_step")
    first, second = map(json.loads, written().splitlines())
    assert first["event"] == "opened"
    assert second.keys() == {"time", "lesson", "event", "exercise"}
    assert (second["lesson"], second["exercise"]) == ("01", "rnn_step")


def test_the_summary_counts_each_exercise_once():
    for event, exercise in [
        ("opened", ""),
        ("hint", "rnn_step"),
        ("hint", "rnn_step"),
        ("failed", "rnn_step"),
        ("passed", "rnn_step"),
        ("passed", "rnn_step"),
        ("passed", "an_exercise_of_an_older_edition"),
        ("solution", "one_hot"),
        ("solution", "one_hot"),
    ]:
        progress.record("01", event, exercise)
    progress.record("07", "opened")
    summary = progress.summary()
    one = summary["01"]
    assert (one.opened, one.passed, one.total, one.hints, one.solutions) == (True, 1, 2, 2, 1)
    assert one.last
    assert one.last.tzinfo
    assert (summary["07"].opened, summary["07"].total) == (True, 0)


def test_nothing_done_is_a_summary_too():
    assert progress.summary()["01"] == progress.LessonProgress("01", False, 0, 2, 0, 0, None)


def test_reset_starts_anew_and_deletes_nothing():
    progress.record("01", "passed", "rnn_step")
    progress.record("02", "opened")
    before = written()
    progress.reset("01")
    assert written().startswith(before)
    assert progress.summary()["01"].passed == 0
    assert progress.summary()["02"].opened
    progress.record("01", "passed", "one_hot")
    assert progress.summary()["01"].passed == 1


def test_a_last_line_cut_at_any_byte_costs_that_line_only():
    for exercise in ("one_hot", "rnn_step"):
        progress.record("01", "passed", exercise)
    whole = written()
    start = whole.index(b"\n") + 1
    for cut in range(start, len(whole) + 1):
        (places.home_folder() / "progress.jsonl").write_bytes(whole[:cut])
        kept = [event["exercise"] for event in progress.events()]
        assert kept == (["one_hot", "rnn_step"] if cut >= len(whole) - 1 else ["one_hot"])
        progress.record("01", "hint", "one_hot")
        assert [event["event"] for event in progress.events()] == ["passed"] * len(kept) + ["hint"]


@pytest.mark.parametrize(
    "damage",
    [
        b"\xff\xfe\x00 not text",
        b"[1, 2]",
        b'"text"',
        b"7",
        b"{}",
        b"[" * 5000,
        b'{"time": "yesterday", "lesson": "01", "event": "hint", "exercise": ""}',
        b'{"time": "2030-01-01T00:00:00", "lesson": "01", "event": "hint", "exercise": ""}',
        b'{"time": "2030-01-01T00:00:00+00:00", "lesson": 1, "event": "hint", "exercise": ""}',
        b"\x00" * 4096,
    ],
)
def test_damage_in_between_costs_nothing_else(damage):
    progress.record("01", "opened")
    with (places.home_folder() / "progress.jsonl").open("ab") as file:
        file.write(damage + b"\n")
    progress.record("01", "passed", "rnn_step")
    assert [event["event"] for event in progress.events()] == ["opened", "passed"]
    assert progress.summary()["01"].passed == 1


def test_kernels_side_by_side_lose_nothing(home):
    code = (
        "import sys; from course_utils.teaching import progress\n"
        "for _ in range(200): progress.record('01', 'hint', sys.argv[1] * 50)"
    )
    kernels = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "ab"]
    assert [kernel.wait() for kernel in kernels] == [0, 0]
    happened = progress.events()
    assert len(happened) == 400
    assert {event["exercise"] for event in happened} == {"a" * 50, "b" * 50}


def no_room(path, line):
    raise OSError(28, "No space left on device", str(path))


def test_an_unwritable_home_is_said_once_and_the_lesson_goes_on(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_append", no_room)
    progress.record("01", "hint", "rnn_step")
    progress.record("01", "passed", "rnn_step")
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "No space left" in said
    assert "only until this kernel stops" in said
    assert progress.count("01", "hint", "rnn_step") == 1
    assert progress.summary()["01"].passed == 1


def test_a_home_that_is_a_file_has_its_remedy(monkeypatch, tmp_path, capsys):
    (tmp_path / "home").write_text("", encoding="utf-8")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    progress.record("01", "opened")
    assert "COURSE_HOME" in capsys.readouterr().out
    assert progress.summary()["01"].opened


def test_a_short_write_is_noticed_and_the_next_line_is_whole(monkeypatch, capsys):
    write = os.write
    progress.record("01", "opened")
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda handle, data: write(handle, data[:10]))
        progress.record("01", "hint", "rnn_step")
    assert "disk full" in capsys.readouterr().out
    progress.record("01", "passed", "rnn_step")
    assert sorted(event["event"] for event in progress.events()) == ["hint", "opened", "passed"]


def test_an_unknown_event_is_the_authors_error():
    with pytest.raises(ValueError, match="'solved' is none of opened, hint"):
        progress.record("01", "solved")
