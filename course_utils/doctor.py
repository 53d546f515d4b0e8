"""``course doctor``: everything that the course needs, a line each, with what to do where it is missing.

Each check is a function without arguments that returns a `Finding`. A check that breaks becomes a finding itself, and
none loads torch into this process, so that the doctor comes to an end on the sickest machine.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from course_utils import places

REINSTALL = "install the course anew (in a clone: python3 -m course_utils install)"
MARKS = {True: "✓", False: "✗", None: "!"}
GIB = 2**30
PROBE = """
import json, torch, torchaudio
found = ["CPU"]
if torch.cuda.is_available(): found.append("CUDA (" + torch.cuda.get_device_name() + ")")
if torch.backends.mps.is_available(): found.append("MPS")
print(json.dumps([torch.__version__, found]))
"""


@dataclass(frozen=True)
class Finding:
    """The result of one check; ``ok`` is None where something is missing that one can do without."""

    name: str
    found: str
    needed: str
    remedy: str
    ok: bool | None

    def __str__(self) -> str:
        line = f"{MARKS[self.ok]} {self.name}: {self.found} (needed: {self.needed})"
        return line if self.ok else f"{line} → {self.remedy}"


def python() -> Finding:
    """The interpreter's version."""
    found = f"{platform.python_version()} at {sys.executable}"
    remedy = "install a newer Python, and the course with it"
    return Finding("Python", found, "3.11 or newer", remedy, sys.version_info >= (3, 11))


def packages() -> Finding:
    """Every dependency, in the range that the course names."""
    from packaging.requirements import Requirement

    wrong, count = [], 0
    for requirement in map(Requirement, metadata.requires("speech-course") or []):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        count += 1
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} is {version}, not {requirement.specifier}")
    found = "; ".join(wrong) or f"all {count} in range"
    return Finding("packages", found, "each in pyproject.toml's range", REINSTALL, not wrong)


def pair() -> Finding:
    """torch and torchaudio, which are built for each other."""
    releases, found = [], []
    for name in ("torch", "torchaudio"):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = "missing"
        found.append(f"{name} {version}")
        releases.append(version.split(".")[:2])
    same = releases[0] == releases[1] != ["missing"]
    return Finding("torch and torchaudio", " and ".join(found), "the same release", REINSTALL, same)


def computing() -> Finding:
    """What torch can compute on, asked in a process of its own, since a broken torch can end the process."""
    name, needed = "torch starts", "torch and torchaudio load"
    command = [sys.executable, "-c", PROBE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, cwd=tempfile.gettempdir())
    except subprocess.TimeoutExpired:
        return Finding(name, "no answer within 180 s", needed, "try again when the machine is less busy", False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
        return Finding(name, said[-1][:300], needed, REINSTALL, False)
    version, devices = json.loads(done.stdout.splitlines()[-1])
    return Finding(name, f"{version} computes on {', '.join(devices)}", needed, REINSTALL, True)


def sound_files() -> Finding:
    """soundfile with its own library, and the formats of the embedded speech."""
    import soundfile

    missing = {"OGG", "FLAC", "WAV"} - set(soundfile.available_formats())
    missing |= set() if "OGG" in missing or soundfile.check_format("OGG", "VORBIS") else {"Vorbis"}
    found = f"{soundfile.__libsndfile_version__}" + (f" without {', '.join(sorted(missing))}" if missing else "")
    return Finding("sound files", f"libsndfile {found}", "WAV, FLAC and Ogg Vorbis", REINSTALL, not missing)


def extensions() -> Finding:
    """JupyterLab, and its halves of ipywidgets and anywidget."""
    from jupyter_core.paths import jupyter_path

    wanted = {"ipywidgets": "@jupyter-widgets/jupyterlab-manager", "anywidget": "anywidget"}
    roots = [Path(root) for root in jupyter_path("labextensions")]
    missing = [name for name, where in wanted.items() if not any((root / where).is_dir() for root in roots)]
    found = f"JupyterLab {metadata.version('jupyterlab')}, " + (
        f"without {' and '.join(missing)}" if missing else "with ipywidgets and anywidget"
    )
    return Finding("interactive pictures", found, "both extensions in JupyterLab", REINSTALL, not missing)


def lessons() -> Finding:
    """The lessons as the course ships them."""
    folder = places.lessons_folder()
    count = len(list(folder.glob("[0-9][0-9]_*.ipynb")))
    return Finding("lessons", f"{count} in {folder}", "at least one", REINSTALL, count > 0)


def embedded_speech() -> Finding:
    """The corpora in data/, against their checksums."""
    from course_utils.data import download

    problems = [str(problem) for problem in download.verify()]
    found = "; ".join(problems) or "every checksum agrees"
    remedy = "in a clone: git checkout data; otherwise " + REINSTALL
    return Finding("embedded speech", found, "the files as they were made", remedy, not problems)


def home() -> Finding:
    """The learner's folder, where progress, downloads and checkpoints are kept."""
    remedy = "make room, or set COURSE_HOME to a folder that you may write to"
    try:
        folder = places.home_folder()
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"course")
    except OSError as error:
        return Finding("your folder", str(error), "a folder to write to", remedy, False)
    free = shutil.disk_usage(folder).free / GIB
    return Finding("your folder", f"{folder}, {free:.1f} GiB free", "0.2 GiB", remedy, free > 0.2)


def here() -> Finding:
    """Write access to where `course lab` would make a working folder."""
    remedy = "go to a folder of yours, or name one: course lab FOLDER"
    found, ok = str(Path.cwd()), True
    try:
        tempfile.TemporaryFile(dir=Path.cwd()).close()
    except OSError as error:
        found, ok = f"{found}: {error.strerror or error}", None
    return Finding("this folder", found, "to be writable", remedy, ok)


def memory() -> Finding:
    """The machine's memory."""
    import psutil

    free = psutil.virtual_memory().available / GIB
    return Finding("memory", f"{free:.1f} GiB available", "2 GiB", "close other programs", True if free > 2 else None)


def port() -> Finding:
    """A free port on this machine for JupyterLab."""
    from course_utils import server

    try:
        found, ok = str(server.choose_port()), True
    except (ValueError, OSError) as error:
        found, ok = str(error), False
    remedy = "end programs that listen there, or open the course with: course lab --port NUMBER"
    return Finding("free port", found, "one from 8888 on", remedy, ok)


def real_speech() -> Finding:
    """Human speakers, which the lessons can do without."""
    chosen = os.environ.get("COURSE_REAL_SPEECH")
    folder = Path(chosen) if chosen else places.home_folder() / "speech" / "fsdd"
    count = sum(1 for _ in (folder / "recordings").glob("*.wav"))
    found = f"{count} recordings in {folder}" if count else f"none in {folder}"
    return Finding("real speech", found, "nothing; it is optional", "course data get fsdd", True if count else None)


def browser() -> Finding:
    """A browser for the project's own tests."""
    names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "msedge"]
    found = next(filter(None, map(shutil.which, names)), None)
    remedy = "only `course test --all` wants it: install Chromium"
    return Finding("browser for tests", found or "none on the path", "nothing; optional", remedy, bool(found) or None)


def ears() -> Finding:
    """What only a person can test."""
    remedy = "lesson 00 tests them: course lab"
    return Finding("sound and microphone", "can't be tested from here", "your ears and voice", remedy, None)


IN_A_LESSON = (python, packages, pair, computing, extensions, embedded_speech, home)
CHECKS = (*IN_A_LESSON, sound_files, lessons, here, memory, port, real_speech, browser, ears)


def examine(checks: tuple[Callable[[], Finding], ...] = CHECKS) -> list[Finding]:
    """Return the finding of each check, in order."""
    return [examined(check) for check in checks]


def examined(check: Callable[[], Finding]) -> Finding:
    """Return a check's finding; one that says so if the check itself breaks."""
    try:
        return check()
    except Exception as error:  # whatever is wrong with a machine, the doctor says it and goes on
        name = getattr(check, "__name__", str(check)).replace("_", " ")
        found = f"{type(error).__name__}: {error}"
        return Finding(name, found, "a check that comes to its end", REINSTALL, False)


def in_a_lesson() -> None:
    """Print the findings that matter inside JupyterLab."""
    for finding in examine(IN_A_LESSON):
        print(finding)
