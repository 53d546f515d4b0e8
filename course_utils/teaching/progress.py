"""What a learner has done, in one small file that only grows: a JSON object a line.

A line is one write at the end of the file, so kernels that run side by side do not mix theirs. A crash can cut
the last line short; reading skips what it can't read, and the next line starts anew.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from course_utils import places

EVENTS = ("opened", "hint", "passed", "failed", "solution", "predicted", "reset")
Event = dict[str, str]

_unsaved: list[Event] = []  # events of this kernel that could not be written


@dataclass(frozen=True)
class LessonProgress:
    """How far a lesson is: whether it was opened, exercises passed of all there are, help taken, when last."""

    lesson: str
    opened: bool
    passed: int
    total: int
    hints: int
    solutions: int
    last: datetime | None

    def __str__(self) -> str:
        done = f"{self.passed} of {self.total} exercises solved" if self.total else "no exercises"
        return f"Lesson {self.lesson}: {done}, {self.hints} hints and {self.solutions} solutions opened"


def record(lesson: str, event: str, exercise: str = "", answer: str = "") -> None:
    """Add an event, with the answer to a question if there is one.

    Where it can't be written, one line says so, once, and the lesson goes on.
    """
    if event not in EVENTS:
        raise ValueError(f"event {event!r} is none of {', '.join(EVENTS)}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    line = {"time": now, "lesson": lesson, "event": event, "exercise": exercise}
    if answer:
        line["answer"] = answer
    try:
        _append(_file(), json.dumps(line).encode() + b"\n")
    except OSError as error:
        if not _unsaved:
            print(f"Progress is kept only until this kernel stops: {error}")
        _unsaved.append(line)


def _file() -> Path:
    return places.home_folder() / "progress.jsonl"


def _append(path: Path, line: bytes) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
    try:
        if os.lseek(handle, 0, os.SEEK_END) > 0:
            os.lseek(handle, -1, os.SEEK_END)
            line = line if os.read(handle, 1) == b"\n" else b"\n" + line  # the line before was cut short
        if os.write(handle, line) < len(line):
            raise OSError(f"{path} could not be written whole; is the disk full?")
        os.fsync(handle)
    finally:
        os.close(handle)


def events(lesson: str | None = None) -> list[Event]:
    """Return what happened, in order, of one lesson or of all; what came before a lesson's reset is left out."""
    kept: list[Event] = []
    for event in [*_saved(), *_unsaved]:
        if event["event"] == "reset":
            kept = [before for before in kept if before["lesson"] != event["lesson"]]
        elif lesson in (None, event["lesson"]):
            kept.append(event)
    return kept


def _saved() -> list[Event]:
    try:
        lines = _file().read_bytes().split(b"\n")
    except OSError:
        return []
    return [event for event in map(_parsed, lines) if event]


def _parsed(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
        whole = datetime.fromisoformat(event["time"]).tzinfo is not None and all(
            isinstance(event[key], str) for key in ("lesson", "event", "exercise")
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return event if whole else None


def count(lesson: str, event: str, exercise: str) -> int:
    """Return how often something happened with an exercise."""
    return sum(e["event"] == event and e["exercise"] == exercise for e in events(lesson))


def reset(lesson: str) -> None:
    """Start a lesson's progress anew. Nothing is deleted: the file gets one more line."""
    record(lesson, "reset")


def summary() -> dict[str, LessonProgress]:
    """Return the progress of each lesson that has exercises or was opened, by its number ("01")."""
    from course_utils.teaching.checks.registry import exercise_names  # which itself records progress

    names, happened = exercise_names(), events()
    lessons = sorted({*names, *(event["lesson"] for event in happened)})
    return {
        lesson: _summed(lesson, names.get(lesson, []), [e for e in happened if e["lesson"] == lesson])
        for lesson in lessons
    }


def _summed(lesson: str, exercises: Iterable[str], happened: list[Event]) -> LessonProgress:
    def named(kind: str) -> list[str]:
        return [event["exercise"] for event in happened if event["event"] == kind]

    exercises = set(exercises)
    return LessonProgress(
        lesson=lesson,
        opened="opened" in [event["event"] for event in happened],
        passed=len(exercises & set(named("passed"))),
        total=len(exercises),
        hints=len(named("hint")),
        solutions=len(set(named("solution"))),
        last=max((datetime.fromisoformat(event["time"]) for event in happened), default=None),
    )
