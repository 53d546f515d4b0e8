"""Where things lie: the lessons, the embedded data, and the learner's own folder.

A clone keeps ``lessons/`` and ``data/`` beside this package; a wheel carries both inside it, under ``_course/``.
"""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def clone_folder() -> Path | None:
    """Return the root of the clone that this package runs from, or None where it was installed from a wheel."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "lessons").is_dir() else None


def _shipped(name: str) -> Path:
    folder = (clone_folder() or PACKAGE / "_course") / name
    if not folder.is_dir():
        raise FileNotFoundError(
            f"the course's folder {name!r} should be at {folder}, and is not; install the course anew "
            "(from a clone: python3 -m course_utils doctor)"
        )
    return folder


def lessons_folder() -> Path:
    """Return the folder of the untouched lessons."""
    return _shipped("lessons")


def data_folder() -> Path:
    """Return the folder of the embedded corpora."""
    return _shipped("data")


def home_folder() -> Path:
    """Return the learner's folder (progress, downloads, checkpoints), made if it is not there.

    It is ``$COURSE_HOME``, or the place that the operating system keeps for a user's application data.

    Raises:
        PermissionError: the folder cannot be made or written; the message names it and the remedy.
    """
    import platformdirs  # here, so that a clone on which nothing is installed can ask where it lies

    chosen = os.environ.get("COURSE_HOME")
    folder = Path(chosen).expanduser() if chosen else platformdirs.user_data_path("speech-course", appauthor=False)
    remedy = "choose a folder that you may write to with the environment variable COURSE_HOME"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PermissionError(f"the course's home {folder} cannot be made ({error.strerror}); {remedy}") from error
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"the course's home {folder} is not writable; {remedy}")
    return folder
