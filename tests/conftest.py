"""What every test stands on: no network, nobody's own files, one thread, in CI the same examples each time."""

import json
import os
import runpy
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

OFFLINE = Path(__file__).parent / "offline"
SCRATCH = Path(tempfile.mkdtemp(prefix="speech-course-tests-"))

# Set before anything reads them, and inherited by every kernel and command that a test starts.
os.environ.update(
    PYTHONPATH=os.pathsep.join(filter(None, [str(OFFLINE), os.environ.get("PYTHONPATH")])),
    OMP_NUM_THREADS="1",  # two tests on two cores with two threads each take four times as long
    COURSE_HOME=str(SCRATCH / "home"),
    IPYTHONDIR=str(SCRATCH / "ipython"),
    JUPYTER_PLATFORM_DIRS="1",
    **{f"JUPYTER_{kind}_DIR": str(SCRATCH / "jupyter" / kind) for kind in ("CONFIG", "DATA", "RUNTIME")},
)
for chosen_by_the_user in ("COURSE_SEED", "COURSE_DEVICE"):
    os.environ.pop(chosen_by_the_user, None)
# A shell that starts the tests in the background has them, and all that they start, ignore Ctrl-C; some test just that.
signal.signal(signal.SIGINT, signal.default_int_handler)
if "COURSE_REAL_SPEECH" in os.environ:  # a folder that some tests also use from elsewhere
    os.environ["COURSE_REAL_SPEECH"] = str(Path(os.environ["COURSE_REAL_SPEECH"]).expanduser().resolve())
runpy.run_path(str(OFFLINE / "sitecustomize.py"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Under ``--dist loadgroup``: all tests of one page in one process, since to open a lesson is to run it.

    xdist's own groups are marks that pytest 9.2 no longer hands over (pytest-xdist, issue 1386).
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class OneProcessAPage(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module, _, test = nodeid.partition("::")
            pages = {"tests/browser/test_lessons.py": test.partition("[")[2], "tests/browser/test_road.py": "road"}
            return pages.get(module, nodeid)

    return OneProcessAPage(config, log)


def pytest_configure(config):
    from hypothesis import settings

    settings.register_profile("course", deadline=None)
    settings.register_profile("course-ci", deadline=None, derandomize=True, database=None, print_blob=True)
    settings.load_profile("course-ci" if os.environ.get("CI") else "course")


def pytest_unconfigure(config):
    shutil.rmtree(SCRATCH, ignore_errors=True)


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """A learner's folder that nobody has used, for each test its own."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("COURSE_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def same_numbers():
    """Chance, for the tests that draw without a generator of their own."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory) -> Path:
    """The folder for what tests leave to look at: ``$COURSE_ARTIFACTS``, or one that is thrown away."""
    chosen = os.environ.get("COURSE_ARTIFACTS")
    folder = Path(chosen).resolve() if chosen else tmp_path_factory.mktemp("artifacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def measured(record_property, artifacts):
    """Note figures that a test measured and does not judge: one line each in the summary and in a file."""

    def note(what: str, **figures):
        record_property("measured", [what, figures])
        with (artifacts / "measured.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"what": what, **figures}) + "\n")

    return note


def pytest_terminal_summary(terminalreporter):
    reports = [report for group in terminalreporter.stats.values() for report in group]
    reports = [report for report in reports if getattr(report, "when", "") == "call"]
    noted = [
        value for report in reports for name, value in getattr(report, "user_properties", ()) if name == "measured"
    ]
    if noted:
        terminalreporter.section("measured")
        for what, figures in sorted(noted, key=lambda line: line[0]):
            terminalreporter.write_line(f"{what}: " + ", ".join(f"{name} {value}" for name, value in figures.items()))
