"""``course doctor``: everything that the course needs, a line each, with what to do where it is missing.

Each check is a function without arguments that returns a `Finding`; a check that breaks becomes a finding itself, so
that the doctor comes to an end on the sickest machine.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from course_utils import places

REINSTALL = "install the course anew (in a clone: python3 -m course_utils install)"
MARKS = {True: "✓", False: "✗", None: "!"}


@dataclass(frozen=True)
class Finding:
    """The result of one check; ``ok`` is None where something is missing that one can do without."""

    name: str
    found: str
    needed: str
    remedy: str
    ok: bool | None

    def __str__(self) -> str:
        line = f"{MARKS[self.ok]} {self.name}: {self.found}"
        return line if self.ok else f"{line}; needed: {self.needed}\n    {self.remedy}"


def python() -> Finding:
    """The interpreter's version."""
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", found, "3.11 or newer", "install a newer Python", sys.version_info >= (3, 11))


def packages() -> Finding:
    """Every dependency, in the range that the course names."""
    from packaging.requirements import Requirement

    wrong, count = [], 0
    for line in metadata.requires("speech-course") or []:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        count += 1
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} is outside {requirement.specifier}")
    found = "; ".join(wrong) or f"{count} of {count} in range"
    return Finding("packages", found, "each in the range of pyproject.toml", REINSTALL, not wrong)


def pair() -> Finding:
    """torch and torchaudio, which are built for each other."""
    versions = [metadata.version(name) for name in ("torch", "torchaudio")]
    same = len({".".join(version.split(".")[:2]) for version in versions}) == 1
    remedy = f'python -m pip install "torchaudio=={".".join(versions[0].split(".")[:2])}.*"'
    return Finding("torch and torchaudio", " and ".join(versions), "the same release", remedy, same)


def computing() -> Finding:
    """torch in a process of its own, since a broken one can end the process, and the device it would use."""
    code = "import torch; print('GPU ' + torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    found = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines() or ["nothing"]
    return Finding("torch computes on", found[-1][:200], "an import without error", REINSTALL, done.returncode == 0)


def sound_files() -> Finding:
    """soundfile with its own library, and the format of the embedded corpora."""
    import soundfile

    formats = soundfile.available_formats()
    found = f"libsndfile {soundfile.__libsndfile_version__}, {len(formats)} formats"
    return Finding("sound files", found, "Ogg Vorbis and FLAC among them", REINSTALL, {"OGG", "FLAC"} <= set(formats))


def extensions() -> Finding:
    """JupyterLab's halves of ipywidgets and anywidget."""
    from jupyter_core.paths import jupyter_path

    wanted = {"ipywidgets": "@jupyter-widgets/jupyterlab-manager", "anywidget": "anywidget"}
    roots = jupyter_path("labextensions")
    missing = [
        name for name, where in wanted.items() if not any(os.path.isdir(os.path.join(root, where)) for root in roots)
    ]
    found = f"missing: {', '.join(missing)}" if missing else "ipywidgets and anywidget"
    return Finding("interactive pictures", found, "both in JupyterLab", REINSTALL, not missing)


def lessons() -> Finding:
    """The shipped lessons."""
    count = len(list(places.lessons_folder().glob("[0-9][0-9]_*.ipynb")))
    return Finding("lessons", f"{count} in {places.lessons_folder()}", "at least one", REINSTALL, count > 0)


def embedded_speech() -> Finding:
    """The corpora in data/, against their checksums."""
    from course_utils.data import download

    problems = download.verify()
    found = "; ".join(map(str, problems)) or "every checksum agrees"
    return Finding("embedded speech", found, "files as they were made", REINSTALL, not problems)


def real_speech() -> Finding:
    """Human speakers, which are not needed for the lessons."""
    from course_utils.data import corpora

    try:
        found, ok = f"{len(corpora.fsdd_recordings())} recordings", True
    except FileNotFoundError:
        found, ok = "none on this machine", None
    return Finding("real speech", found, "optional", "fetch it with: course data get fsdd", ok)


def home() -> Finding:
    """The learner's folder, where progress, downloads and checkpoints are kept."""
    remedy = "set COURSE_HOME to a folder that you may write to"
    try:
        folder = places.home_folder()
    except OSError as error:
        return Finding("your folder", str(error), "a folder to write to", remedy, False)
    free = shutil.disk_usage(folder).free / 2**30
    return Finding("your folder", f"{folder}, {free:.1f} GiB free", "0.2 GiB", remedy, free > 0.2)


def memory() -> Finding:
    """The machine's memory."""
    import psutil

    free = psutil.virtual_memory().available / 2**30
    return Finding("memory", f"{free:.1f} GiB available", "2 GiB", "close other programs", True if free > 2 else None)


def port() -> Finding:
    """A free port on this machine for JupyterLab."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Finding("a free port", str(probe.getsockname()[1]), "one", "look for what blocks local ports", True)


def ears() -> Finding:
    """What only a person can test."""
    remedy = "lesson 00 lets you test speakers and microphone"
    return Finding("sound and microphone", "not tested here", "your ears", remedy, None)


CHECKS = (
    python, packages, pair, computing, sound_files, extensions, lessons, embedded_speech, home, memory, port,
    real_speech, ears,
)  # fmt: skip


def examine(checks: tuple[Callable[[], Finding], ...] = CHECKS) -> list[Finding]:
    """Return the finding of each check, in order."""
    return [_examined(check) for check in checks]


def _examined(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # whatever is wrong with a machine, the doctor says it and goes on
        name = check.__name__.replace("_", " ")
        return Finding(name, f"{type(error).__name__}: {error}", "this check to come to an end", REINSTALL, False)


def in_a_lesson() -> None:
    """Print the findings that matter inside JupyterLab."""
    for finding in examine((python, pair, computing, extensions, embedded_speech, home)):
        print(finding)
