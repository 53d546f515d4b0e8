"""The doctor: every check on a healthy machine, and on one with the fault that it looks for."""

import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from importlib import metadata

import psutil
import pytest

from course_utils import doctor, places, server
from course_utils.data import download


def sick(finding: doctor.Finding, *words: str) -> None:
    """Demand a ✗ with a remedy, which says these words."""
    assert finding.ok is False
    assert finding.remedy
    assert str(finding).startswith("✗")
    for word in words:
        assert word in str(finding)


def dispensable(finding: doctor.Finding) -> None:
    assert finding.ok is None
    assert str(finding).startswith("!")
    assert finding.remedy in str(finding)


@pytest.mark.parametrize("check", [check for check in doctor.CHECKS if check is not doctor.computing])
def test_nothing_is_wrong_here(check, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    finding = check()
    assert finding.ok is not False, finding
    assert "\n" not in str(finding)
    assert finding.found
    assert finding.needed


def test_old_python():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor.sys, "version_info", (3, 10, 12, "final", 0))
        finding = doctor.python()
    sick(finding, "3.11 or newer")


def versions(monkeypatch, **wrong: str | None) -> None:
    """Let some packages have other versions, or be missing."""

    def version(name, true=metadata.version):
        if name in wrong and wrong[name] is None:
            raise metadata.PackageNotFoundError(name)
        return wrong.get(name) or true(name)

    monkeypatch.setattr(metadata, "version", version)


def test_packages_outside_their_range(monkeypatch):
    versions(monkeypatch, jupyterlab="3.6.1", tqdm=None)
    sick(doctor.packages(), "jupyterlab is 3.6.1, not <5,>=4.4", "tqdm is missing", "course_utils install")


def test_packages_of_other_systems_do_not_count(monkeypatch):
    lines = ['nowhere>=1; sys_platform == "nowhere"', 'extra-thing; extra == "all"', "tqdm>=4"]
    monkeypatch.setattr(metadata, "requires", lambda name: lines)
    assert doctor.packages().found == "all 1 in range"


def test_a_course_that_was_never_installed(monkeypatch):
    def requires(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)
    sick(doctor.examined(doctor.packages), "speech-course", "course_utils install")


@pytest.mark.parametrize(
    ("torch", "torchaudio"), [("2.11.0", "2.12.0"), ("2.11.0", None), (None, "2.11.0"), (None, None), ("2.1.1", "2.11")]
)
def test_torch_and_torchaudio_of_different_releases(monkeypatch, torch, torchaudio):
    versions(monkeypatch, torch=torch, torchaudio=torchaudio)
    sick(doctor.pair(), f"torch {torch or 'missing'} and torchaudio {torchaudio or 'missing'}", "the same release")


@pytest.mark.parametrize(("torch", "torchaudio"), [("2.11.0+cpu", "2.11.1"), ("2.11.0", "2.11.0")])
def test_torch_and_torchaudio_of_one_release(monkeypatch, torch, torchaudio):
    versions(monkeypatch, torch=torch, torchaudio=torchaudio)
    assert doctor.pair().ok


TORCH = """
class cuda:
    is_available = staticmethod(lambda: True)
    get_device_name = staticmethod(lambda: "Toy 9")
class backends:
    class mps:
        is_available = staticmethod(lambda: False)
__version__ = "2.11.0"
"""


@pytest.mark.parametrize(
    ("torch", "torchaudio", "said"),
    [
        ("raise OSError('libc10_cuda.so: cannot open shared object file')", "", "OSError: libc10_cuda.so"),
        (TORCH, "raise ImportError('undefined symbol: torch_library')", "undefined symbol"),
        ("import os; os.kill(os.getpid(), 9)" if hasattr(sys, "abiflags") else "exit(9)", "", "ended with status"),
    ],
)
def test_a_broken_torch(monkeypatch, tmp_path, torch, torchaudio, said):
    (tmp_path / "torch.py").write_text(torch)
    (tmp_path / "torchaudio.py").write_text(torchaudio)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    sick(doctor.computing(), said, "course_utils install")


def test_a_torch_that_starts(monkeypatch, tmp_path):
    (tmp_path / "torch.py").write_text("print('a greeting that nobody asked for')\n" + TORCH)
    (tmp_path / "torchaudio.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert doctor.computing().found == "2.11.0 computes on CPU, CUDA (Toy 9)"


def test_a_torch_that_never_answers(monkeypatch):
    def run(command, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", run)
    sick(doctor.computing(), "no answer within 180 s")


def test_a_sound_library_that_does_not_load(monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    sick(doctor.examined(doctor.sound_files), "sound files", "soundfile", "course_utils install")


def test_a_sound_library_without_vorbis(monkeypatch):
    import soundfile

    monkeypatch.setattr(soundfile, "check_format", lambda *_: False)
    sick(doctor.sound_files(), "without Vorbis")
    monkeypatch.setattr(soundfile, "available_formats", lambda: {"WAV": "", "FLAC": ""})
    sick(doctor.sound_files(), "without OGG")


def test_extensions_that_jupyterlab_can_not_see(monkeypatch, tmp_path):
    from jupyter_core import paths

    monkeypatch.setattr(paths, "jupyter_path", lambda *_: [str(tmp_path)])
    sick(doctor.extensions(), "without ipywidgets and anywidget")
    (tmp_path / "anywidget").mkdir()
    sick(doctor.extensions(), "without ipywidgets (")


def test_lessons_that_are_not_there(monkeypatch, tmp_path):
    monkeypatch.setattr(places, "lessons_folder", lambda: tmp_path)
    sick(doctor.lessons(), f"0 in {tmp_path}")
    monkeypatch.undo()
    monkeypatch.setattr(places, "clone_folder", lambda: None)
    monkeypatch.setattr(places, "PACKAGE", tmp_path)
    sick(doctor.examined(doctor.lessons), str(tmp_path / "_course" / "lessons"))


def test_damaged_speech(monkeypatch):
    monkeypatch.setattr(download, "verify", lambda: ["digits.ogg is damaged", "index.tsv is missing"])
    sick(doctor.embedded_speech(), "digits.ogg is damaged; index.tsv is missing", "git checkout data")


def test_a_home_that_can_not_be(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "file" / "home"))
    sick(doctor.home(), str(tmp_path / "file" / "home"), "COURSE_HOME")


def test_a_home_on_a_full_disk(monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1000, 1000))
    sick(doctor.home(), "0.0 GiB free", "make room")


def test_a_home_that_takes_no_file(monkeypatch):
    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", unwritable)
    sick(doctor.home(), "Read-only file system", "COURSE_HOME")


def unwritable(*_, **__):
    raise OSError(30, "Read-only file system")


def test_a_folder_that_takes_no_file(monkeypatch):
    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", unwritable)
    dispensable(doctor.here())


def test_little_memory(monkeypatch):
    memory = namedtuple("memory", "available")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory(2**29))
    dispensable(doctor.memory())
    assert doctor.memory().found == "0.5 GiB available"


def test_no_free_port(monkeypatch):
    monkeypatch.setattr(server, "is_free", lambda port: False)
    sick(doctor.port(), "8888 to 8987", "--port")

    def refuse(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.undo()
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    sick(doctor.port(), "Name or service not known")


def test_real_speech_may_be_missing(monkeypatch, home):
    monkeypatch.delenv("COURSE_REAL_SPEECH", raising=False)
    dispensable(doctor.real_speech())
    assert "course data get fsdd" in str(doctor.real_speech())
    folder = home / "speech" / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    (folder / "0_theo_0.wav").touch()
    assert doctor.real_speech().ok
    monkeypatch.setenv("COURSE_REAL_SPEECH", str(home / "elsewhere"))
    assert str(home / "elsewhere") in doctor.real_speech().found


def test_a_browser_may_be_missing(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    dispensable(doctor.browser())
    monkeypatch.setattr(shutil, "which", lambda name: "/opt/msedge" if name == "msedge" else None)
    assert doctor.browser().found == "/opt/msedge"


def test_sound_is_left_to_lesson_00():
    dispensable(doctor.ears())
    assert "lesson 00" in str(doctor.ears())


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on():
    def odd_check():
        raise RuntimeError("of all things")

    findings = doctor.examine((odd_check, doctor.ears))
    sick(findings[0], "odd check", "RuntimeError: of all things")
    assert findings[1] == doctor.ears()


def test_a_lesson_prints_its_own_choice(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "IN_A_LESSON", (doctor.python, doctor.ears))
    doctor.in_a_lesson()
    assert capsys.readouterr().out == f"{doctor.python()}\n{doctor.ears()}\n"


def test_the_doctor_runs_without_torch_in_its_process():
    names = [check.__name__ for check in doctor.CHECKS if check is not doctor.computing]
    code = f"import sys; from course_utils import doctor\nfor name in {names}: getattr(doctor, name)()\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "print('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr
