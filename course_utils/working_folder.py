"""A learner's own copy of the lessons: made, brought up to date, and put back, without ever losing what is theirs.

The folder remembers in ``.course/manifest.json`` what each file looked like when it was copied. A lesson that still
looks so is replaced when the course has a newer one; one that the learner ran or changed is left alone.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from course_utils import places
from course_utils.files import write_whole

DEFAULT = "my-course"
MANIFEST = Path(".course") / "manifest.json"


@dataclass(frozen=True)
class Refreshed:
    """What happened to a working folder: names of files copied, brought up to date, and left to the learner."""

    copied: tuple[str, ...]
    updated: tuple[str, ...]
    kept: tuple[str, ...]


def lesson_files() -> dict[str, Path]:
    """Return the files that a learner gets, notebooks, glossary and figures, by their place in the folder."""
    shipped = places.lessons_folder()
    figures = [file for file in shipped.glob("figures/**/*") if file.is_file()]
    files = [*shipped.glob("[0-9][0-9]_*.ipynb"), *shipped.glob("*.md"), *figures]
    return {file.relative_to(shipped).as_posix(): file for file in sorted(files)}


def refresh(folder: Path) -> Refreshed:
    """Make FOLDER a working copy of the lessons, or bring it up to date.

    Raises:
        OSError: the folder can't be made or written, with the remedy. What was there is whole; a folder that this
            call made is gone again.
        ValueError: FOLDER is where the course keeps its own lessons.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; name a folder to hold the lessons: course lab FOLDER")
    shipped = places.lessons_folder().resolve()
    if folder.resolve() == shipped or shipped in folder.resolve().parents:
        raise ValueError(f"{folder} holds the course's own lessons; name another folder, or use: course lab --in-place")
    new = not folder.exists()
    try:
        return _refresh(folder)
    except BaseException as error:
        if new:
            shutil.rmtree(folder, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error)
        raise type(error)(
            f"cannot write the lessons into {folder} ({reason}); make room or name another folder: course lab FOLDER"
        ) from error


def _refresh(folder: Path) -> Refreshed:
    copied, updated, kept = [], [], []
    known = _manifest(folder)
    for name, source in lesson_files().items():
        there, shipped = folder / name, source.read_bytes()
        now, new = _digest(there), hashlib.sha256(shipped).hexdigest()
        if now not in (None, new, known.get(name)):  # the learner worked on it
            kept += [name] if known.get(name) != new else []  # and the course did, too
            continue
        if now != new:
            write_whole(there, shipped)
            (copied if now is None else updated).append(name)
        known[name] = new
    if known != _manifest(folder):
        write_whole(folder / MANIFEST, json.dumps(known, indent=1))
    return Refreshed(tuple(copied), tuple(updated), tuple(kept))


def reset(folder: Path, lesson: str) -> tuple[Path, Path | None]:
    """Put a lesson back as the course ships it.

    Returns:
        The lesson's path, and that of the learner's copy beside it; None if there was none or it was as shipped.

    Raises:
        LookupError: there is no such lesson; the message lists them.
        FileNotFoundError: FOLDER is no working folder.
    """
    name, source = find_lesson(lesson)
    if not (folder / MANIFEST).is_file():
        raise FileNotFoundError(f"{folder} holds no lessons of yours; make them with: course lab {folder}")
    there, shipped, backup = folder / name, source.read_bytes(), None
    if there.exists() and there.read_bytes() != shipped:
        backup = _set_aside(there)
    write_whole(there, shipped)
    digest = hashlib.sha256(shipped).hexdigest()
    write_whole(folder / MANIFEST, json.dumps({**_manifest(folder), name: digest}, indent=1))
    return there, backup


def find_lesson(lesson: str) -> tuple[str, Path]:
    """Return a shipped lesson's file name and path from its number ("1", "01") or its name."""
    notebooks = {name: path for name, path in lesson_files().items() if name.endswith(".ipynb")}
    wanted = lesson.zfill(2) if lesson.isdecimal() else Path(lesson).name.removesuffix(".ipynb")
    for name, path in notebooks.items():
        if wanted in (name[:2], Path(name).stem):
            return name, path
    raise LookupError(f"there is no lesson {lesson!r}; there are {', '.join(Path(name).stem for name in notebooks)}")


def remember(folder: Path) -> None:
    """Note which working folder was opened last, for commands that name none."""
    write_whole(places.home_folder() / "folder.txt", str(Path(folder).resolve()))


def current() -> Path:
    """Return the working folder that we stand in; otherwise the one opened last, or the default one."""
    note = places.home_folder() / "folder.txt"
    if Path(MANIFEST).is_file():
        return Path.cwd()
    return Path(note.read_text(encoding="utf-8").strip()) if note.is_file() else Path(DEFAULT)


def _manifest(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # absent or damaged: then every file that differs is the learner's own
        return {}


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def _set_aside(path: Path) -> Path:
    """Copy a file beside itself, under a name with the date that no file has, and return that copy."""
    content, stem = path.read_bytes(), f"{path.stem}.{datetime.now():%Y-%m-%d-%H%M}"
    for number in range(1, 1000):
        backup = path.with_name(f"{stem}{f'-{number}' if number > 1 else ''}{path.suffix}")
        try:
            file = backup.open("xb")  # fails where a file is, even one that appeared just now
        except FileExistsError:
            continue
        try:
            with file:
                file.write(content)
        except BaseException:
            backup.unlink(missing_ok=True)
            raise
        return backup
    raise FileExistsError(f"{path.parent} holds 999 copies of {path.name} of this minute; try again in the next")
