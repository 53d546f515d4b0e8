"""The `course` command as a learner meets it: its help, its results, and one clear line for whatever goes wrong."""

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import psutil
import pytest
import torch
from typer.testing import CliRunner

from course_utils import audio, corpora, doctor, evaluation, headless, places, recogniser, server
from course_utils.cli import app
from course_utils.cli.errors import sentence
from course_utils.data import download
from course_utils.teaching import progress
from course_utils.training import History

COMMANDS = [
    *(
        [name]
        for name in ["lab", "progress", "reset", "run", "train", "transcribe", "evaluate", "doctor", "test", "data"]
    ),
    *(["data", name] for name in ["list", "get", "verify"]),
]
COURSE = [sys.executable, "-m", "course_utils.cli"]


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Call the command in a folder of its own; return its result, whose error must be a line if there is one."""
    monkeypatch.chdir(tmp_path)

    def call(*words, status: int = 0):
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == status, result.output + repr(result.exception)
        if status in (1, 130):
            assert isinstance(result.exception, SystemExit)
        return result

    return call


def error(result) -> str:
    """Return the one line that the command wrote on the error stream."""
    (line,) = result.stderr.splitlines()
    assert line.startswith("course: ")
    return line.removeprefix("course: ")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help(course, command):
    said = course(*command, "--help").output
    assert "Usage:" in said
    assert course(*command, "-h").output == said
    for line in said.partition("Options:")[2].splitlines():
        assert not re.fullmatch(r"\s*--[\w-]+( [A-Z]+)?", line), f"no help for {line.strip()}"


def test_the_list_of_commands_is_whole(course):
    said = course("--help").output
    listed = re.findall(r"^  (\w+)  +\S", said.partition("Commands:")[2], re.M)
    assert listed == [command[0] for command in COMMANDS if len(command) == 1]
    assert "..." not in said.partition("Commands:")[2]


def test_the_command_starts_without_what_it_does_not_need():
    code = "import sys; from course_utils.cli import main; sys.argv = ['course', '--help']\ntry: main()\n"
    code += "except SystemExit: print({'torch', 'numpy', 'nbconvert', 'tqdm', 'psutil'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_version(course):
    assert course("--version").output == "course 0.1.0\n"


@pytest.mark.parametrize(
    "words",
    [
        ["nosuch"],
        ["lab", "--port", "70000"],
        ["lab", "--port", "zero"],
        ["reset"],
        ["transcribe"],
        ["train", "--updates", "0"],
        ["train", "--seed", "-1"],
        ["train", "--device", "abacus"],
        ["evaluate", "--on", "the moon"],
        ["data", "get"],
        ["doctor", "--nosuch"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line(course, words):
    said = course(*words, status=2).stderr
    assert "--help" in said
    assert "Traceback" not in said


# What goes wrong


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (ValueError("two\nlines"), "two lines"),
        (audio.AudioError("a.wav is silent"), "a.wav is silent"),
        (download.DownloadError("no network"), "no network"),
        (corpora.MissingCorpus("fetch it"), "fetch it"),
        (LookupError("no such lesson"), "no such lesson"),
        (OSError("in our own words"), "in our own words"),
        (
            OSError(errno.ENOSPC, "No space left on device", "a/b"),
            "a/b: No space left on device; make room on this disk",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), "a/b: Permission denied; choose a place"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a/b"), "a/b: No such file or directory"),
        (ModuleNotFoundError("No module named 'torch'"), "does not load (No module named 'torch'); see: course doctor"),
        (KeyError("x"), "KeyError: x; with COURSE_DEBUG=1 set"),
        (RuntimeError("CUDA out of memory"), "RuntimeError: CUDA out of memory; with COURSE_DEBUG=1"),
    ],
    ids=lambda case: case[:20] if isinstance(case, str) else type(case).__name__,
)
def test_an_error_is_one_line(course, monkeypatch, problem, line):
    def fail():
        raise problem

    monkeypatch.setattr(corpora, "names", fail)
    assert line in error(course("data", "list", status=1))
    monkeypatch.setenv("COURSE_DEBUG", "1")
    result = CliRunner().invoke(app, ["data", "list"])
    assert result.exception is problem


def test_an_error_without_words_has_its_name():
    assert sentence(ValueError()) == "ValueError"
    assert sentence(AssertionError()).startswith("AssertionError: no more is known; with COURSE_DEBUG=1")


def test_ctrl_c_is_130(course, monkeypatch):
    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr(corpora, "names", stop)
    assert error(course("data", "list", status=130)) == "stopped; nothing is half written"


def test_a_home_that_can_not_be(course, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setattr(server, "serve", lambda *_: 0)
    assert "COURSE_HOME" in error(course("lab", status=1))
    assert "COURSE_HOME" in error(course("train", status=1))


# The lessons


@pytest.fixture
def served(monkeypatch):
    """What `course lab` would start JupyterLab with."""
    calls = []
    monkeypatch.setattr(server, "serve", lambda *arguments: calls.append(arguments) or 0)
    return calls


def test_lab_makes_a_folder_and_opens_it(course, served, tmp_path):
    assert f"The lessons are in {tmp_path / 'my-course'}." in course("lab").output
    ((folder, port, browser),) = served
    assert (folder, browser) == (Path("my-course"), True)
    assert server.is_free(port)
    assert (tmp_path / "my-course" / server.FIRST_LESSON).is_file()
    assert (places.home_folder() / "folder.txt").read_text() == str(tmp_path / "my-course")


def test_lab_in_a_folder_of_ones_choice(course, served):
    course("lab", "a folder/mine", "--no-browser", "--port", 9999)
    assert served == [(Path("a folder/mine"), 9999, False)]


def test_lab_says_what_it_updated_and_kept(course, served, tmp_path, monkeypatch):
    shipped = tmp_path / "shipped"
    (shipped / "figures").mkdir(parents=True)
    names = ["00_start.ipynb", "01_rnn.ipynb", "figures/wave.svg"]
    for text in ("first", "second"):
        for name in names:
            (shipped / name).write_text(text)
        monkeypatch.setattr(places, "lessons_folder", lambda: shipped)
        said = course("lab", "mine").output
        (tmp_path / "mine" / "01_rnn.ipynb").write_text("my work")
        (tmp_path / "mine" / "figures/wave.svg").write_text("my drawing")
    assert "00_start.ipynb is brought up to date." in said
    assert 'is kept. To get the new one: course reset 01 --folder "mine"' in said
    assert "figures/wave.svg is newer in the course" in said
    course("reset", "01", "--folder", "mine")
    assert (tmp_path / "mine" / "01_rnn.ipynb").read_text() == "second"


def test_lab_in_place_is_for_clones(course, served, monkeypatch):
    course("lab", "--in-place")
    assert served[0][0] == places.lessons_folder()
    monkeypatch.setattr(places, "clone_folder", lambda: None)
    assert "leave it out" in error(course("lab", "--in-place", status=1))


def test_lab_where_it_can_not_write(course, served, tmp_path):
    (tmp_path / "file").write_text("precious")
    assert "file is a file; name a folder" in error(course("lab", "file", status=1))
    assert "name another folder" in error(course("lab", "file/mine", status=1))
    assert not served


@pytest.fixture
def busy():
    """A port that another program holds."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_busy_port(course, served, busy, monkeypatch, tmp_path):
    assert f"port {busy} is taken" in error(course("lab", "--port", busy, status=1))
    assert not (tmp_path / "my-course").exists()
    monkeypatch.setattr(server, "FIRST_PORT", busy)
    course("lab")
    assert busy < served[0][1] < busy + 100


def test_a_port_of_the_system(monkeypatch):
    def refuse(self, address):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(ValueError, match="port 80 is kept for the system; choose another"):
        server.choose_port(80)


@pytest.mark.parametrize(("family", "code"), [(socket.AF_INET6, errno.EADDRNOTAVAIL), (socket.AF_INET6, errno.EINVAL)])
def test_a_machine_that_only_names_ipv6(monkeypatch, family, code):
    def bind(self, address):
        if self.family == family:
            raise OSError(code, "no such address")

    monkeypatch.setattr(socket.socket, "bind", bind)
    addresses = [(kind, socket.SOCK_STREAM, 0, "", ("::1", 8888)) for kind in (family, socket.AF_INET)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    assert server.is_free(8888)


def test_windows_waits_for_jupyterlab_through_ctrl_c(monkeypatch, tmp_path, capsys):
    waits = iter([KeyboardInterrupt(), KeyboardInterrupt(), 0])

    class Lab:
        def __init__(self, command, env):
            assert command[1:3] == ["-m", "jupyterlab"]
            assert env["JUPYTER_TOKEN"] in capsys.readouterr().out

        def wait(self):
            if isinstance(found := next(waits), BaseException):
                raise found
            return found

    monkeypatch.setattr(server.os, "name", "nt")
    monkeypatch.setattr(server.subprocess, "Popen", Lab)
    folder = type(tmp_path)(tmp_path)
    assert server.serve(folder, 8888) == 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal for one process")
def test_a_real_jupyterlab_opens_and_ends_with_one_ctrl_c(tmp_path):
    port = free_port()
    command = [*COURSE, "lab", "mine", "--no-browser", "--port", str(port)]
    lab = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        address, until = f"http://127.0.0.1:{port}/api", time.monotonic() + 60
        while True:
            assert lab.poll() is None, lab.communicate()[0]
            assert time.monotonic() < until
            try:
                assert urllib.request.urlopen(address, timeout=5).status == 200
                break
            except OSError:
                time.sleep(0.1)
        children = psutil.Process(lab.pid).children(recursive=True)
        lab.send_signal(signal.SIGINT)
        said = lab.communicate(timeout=30)[0]
    finally:
        lab.kill()
    assert lab.returncode == 0, said
    assert re.search(rf"go to http://localhost:{port}/lab/tree/00_start_here\.ipynb\?token=\w+", said)
    assert len(said.splitlines()) == 3, "JupyterLab says more than a learner needs"
    assert psutil.wait_procs(children, timeout=5)[1] == []


def test_reset(course, served, tmp_path):
    course("lab", "mine")
    lesson = tmp_path / "mine" / "01_rnn_basics.ipynb"
    assert "is as the course has it" in course("reset", "1").output
    lesson.write_text("my work")
    progress.record("01", "opened")
    said = course("reset", "01").output
    (backup,) = (tmp_path / "mine").glob("01_rnn_basics.20*.ipynb")
    assert backup.name in said
    assert backup.read_text() == "my work"
    assert lesson.read_bytes() == (places.lessons_folder() / lesson.name).read_bytes()
    assert progress.events("01")
    course("reset", "01", "--progress")
    assert not progress.events("01")
    assert "there are 00_start_here, 01_rnn_basics" in error(course("reset", "77", status=1))
    assert "course lab" in error(course("reset", "01", "--folder", tmp_path, status=1))


def test_progress(course):
    progress.record("01", "opened")
    progress.record("01", "hint", "one_hot")
    said = course("progress").output.splitlines()
    assert said[0].split() == ["lesson", "solved", "hints", "solutions", "last", "opened"]
    (line,) = (line for line in said[1:] if line.startswith("01"))
    row = line.split()
    assert (row[1:3], row[4:6]) == (["0", "of"], ["1", "0"])
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d$", line)


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """Two lessons that take no time, and fail where they say so."""
    for name, code in [("00_good", "print('seed')"), ("01_bad", "1 / 0")]:
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code, id="the-cell")])
        (tmp_path / "lessons").mkdir(exist_ok=True)
        nbformat.write(made, tmp_path / "lessons" / f"{name}.ipynb")
    monkeypatch.setattr(places, "lessons_folder", lambda: tmp_path / "lessons")
    return tmp_path / "lessons"


def test_run_goes_on_after_a_lesson_that_fails(course, toys, tmp_path):
    result = course("run", status=1)
    assert error(result) == "01_bad, cell the-cell: ZeroDivisionError: division by zero"
    assert re.fullmatch(rf"✓ 00_good: \d+\.\d s, {re.escape(str(Path('pages/00_good.html')))}\n", result.stdout)
    assert [page.name for page in (tmp_path / "pages").iterdir()] == ["00_good.html"]


@pytest.mark.parametrize("lesson", ["0", "00", "00_good", "lessons/00_good.ipynb"])
def test_run_of_one_lesson(course, toys, monkeypatch, lesson):
    calls = []
    monkeypatch.setattr(headless, "run", lambda *arguments: calls.append(arguments) or (None, 1.0))
    course("run", lesson, "--no-html", "--seed", 3)
    ((path, _, seed, html, _),) = calls
    assert (path.resolve(), seed, html) == (toys / "00_good.ipynb", 3, False)


def test_run_of_an_unknown_lesson(course, toys, tmp_path):
    assert "there are 00_good, 01_bad" in error(course("run", "05", status=1))
    assert "no notebook elsewhere" in error(course("run", "elsewhere/00_good.ipynb", status=1))
    (tmp_path / "file").touch()
    assert "file" in error(course("run", "00", "--out", "file", status=1))


# The recogniser


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A recogniser that knows nothing, in a file."""
    path = tmp_path_factory.mktemp("checkpoint") / "untrained.safetensors"
    torch.manual_seed(0)
    recogniser.Recogniser([recogniser.BLANK, "one", "two"], hidden=8).save(path)
    return path


@pytest.fixture
def trained(monkeypatch):
    """What `course train` asks for; it gets a recogniser at once."""
    asked = []

    def train(**options):
        asked.append(options)
        return recogniser.Recogniser([recogniser.BLANK, "one"], hidden=8), History([1.0], seconds=7, peak_memory=2**28)

    monkeypatch.setattr(recogniser, "train", train)
    monkeypatch.setattr(recogniser, "evaluate", lambda *_: recogniser.Score(0.025, 0.02, 0.031, 0.01, 300, 1.0))
    monkeypatch.setattr(corpora, "load", lambda *_: [])
    return asked


def test_train(course, trained, home):
    said = course("train", "--seed", 4, "--quick").output
    assert "in 7 s" in said
    assert "256 MiB" in said
    assert "WER 2.5 % (2.0 to 3.1)" in said
    assert trained == [{"seed": 4, "quick": True, "updates": None, "real": None, "device": "cpu"}]
    assert recogniser.Recogniser.from_checkpoint(home / "checkpoints" / "digits.safetensors").hidden == 8


def test_train_on_people(course, trained, monkeypatch, tmp_path):
    monkeypatch.setattr(evaluation, "real_strings", lambda part: [part])
    course("train", "--real", "--updates", 5, "--out", "new/mine.safetensors")
    assert (trained[0]["real"], trained[0]["updates"]) == (["train"], 5)
    assert (tmp_path / "new" / "mine.safetensors").is_file()


def test_train_finds_faults_before_the_work(course, trained, tmp_path, monkeypatch):
    (tmp_path / "song.wav").write_text("precious")
    (tmp_path / "folder.safetensors").mkdir()
    monkeypatch.setenv("COURSE_REAL_SPEECH", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for words, said in [
        (["--out", "song.wav"], "should end in .safetensors"),
        (["--out", "folder.safetensors"], "is a folder"),
        (["--out", "song.wav/x.safetensors"], "song.wav"),
        (["--real"], "course data get fsdd"),
        (["--device", "cuda"], "course doctor"),
    ]:
        assert said in error(course("train", *words, status=1))
    assert not trained
    assert (tmp_path / "song.wav").read_text() == "precious"


def test_ctrl_c_in_training_keeps_the_old_recogniser(course, trained, monkeypatch, untrained, tmp_path):
    kept = tmp_path / "kept.safetensors"
    kept.write_bytes(untrained.read_bytes())
    model = recogniser.Recogniser.from_checkpoint(untrained)
    monkeypatch.setattr(recogniser, "train", lambda **_: (model, History([1.0], stopped="stopped by hand")))
    assert "after 1 updates; nothing is saved" in error(course("train", "--out", kept, status=130))
    monkeypatch.setattr(recogniser, "train", lambda **_: (model, History([1.0], stopped="the loss is not finite")))
    assert "nothing is saved" in error(course("train", "--out", kept, status=1))
    assert kept.read_bytes() == untrained.read_bytes()


def test_a_full_disk_after_training_keeps_the_old_recogniser(course, trained, monkeypatch, tmp_path, untrained):
    kept = tmp_path / "kept.safetensors"
    kept.write_bytes(untrained.read_bytes())

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", str(kept))

    monkeypatch.setattr(os, "replace", full)
    assert "make room on this disk" in error(course("train", "--out", kept, status=1))
    assert [path.name for path in tmp_path.glob("kept*")] == ["kept.safetensors"]
    assert kept.read_bytes() == untrained.read_bytes()


def test_transcribe_hears_the_good_files_among_bad_ones(course, untrained, tmp_path):
    noise = 0.1 * torch.randn(4000, generator=torch.Generator().manual_seed(0))
    audio.write_audio(tmp_path / "a.wav", noise, 8000)
    audio.write_audio(tmp_path / "b.flac", noise, 16000)
    (tmp_path / "bad.wav").write_text("not audio")
    (tmp_path / "empty.wav").touch()
    files = ["a.wav", "bad.wav", "missing.wav", "empty.wav", tmp_path, "b.flac"]
    result = course("transcribe", *files, "--checkpoint", untrained, status=1)
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == ["a.wav", "b.flac"]
    said = result.stderr.splitlines()
    for line, name in zip(said, ["bad.wav", "missing.wav", "empty.wav", tmp_path.name], strict=True):
        assert line.startswith("course: ")
        assert name in line
    assert course("transcribe", "b.flac", "--checkpoint", untrained).stderr == ""


@pytest.mark.parametrize("words", [["transcribe", "a.wav"], ["evaluate"]], ids=" ".join)
def test_without_a_recogniser(course, words):
    assert error(course(*words, status=1)).endswith("train one with: course train")


@pytest.mark.parametrize("words", [["transcribe", "a.wav"], ["evaluate"]], ids=" ".join)
def test_with_a_damaged_recogniser(course, words, tmp_path):
    (tmp_path / "bad.safetensors").write_text("not weights")
    assert "bad.safetensors is damaged" in error(course(*words, "--checkpoint", "bad.safetensors", status=1))


def test_evaluate(course, untrained, monkeypatch):
    def missing(model):
        raise corpora.MissingCorpus("fetch it with `course data get fsdd`")

    score = recogniser.Score(0.025, 0.02, 0.031, 0.01, 300, 1.0)
    monkeypatch.setattr(evaluation, "test_sets", lambda: {"synthetic": lambda model: score, "real": missing})
    said = course("evaluate", "--checkpoint", untrained).output.splitlines()
    assert said == [f"synthetic: {score}", "real:      left out: fetch it with `course data get fsdd`"]
    assert course("evaluate", "--checkpoint", untrained, "--on", "synthetic").output == f"synthetic: {score}\n"
    assert "course data get fsdd" in error(course("evaluate", "--checkpoint", untrained, "--on", "real", status=1))


# The data and the machine


def test_data_list(course, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_REAL_SPEECH", str(tmp_path))
    said = course("data", "list").output
    assert re.findall(r"^(\w+):", said, re.M) == ["digits", "home", "fsdd"]
    assert "not here; to get it: course data get fsdd" in said
    assert str(places.data_folder()) in said


def test_data_get(course, monkeypatch, tmp_path):
    def get(name, source, progress):
        progress(10, 100)
        progress(100, 100)
        return tmp_path / name / str(source)

    monkeypatch.setattr(download, "get", get)
    assert course("data", "get", "fsdd", "--from", "copy").stdout == f"fsdd is in {tmp_path / 'fsdd' / 'copy'}\n"


def test_data_get_goes_wrong(course, monkeypatch, tmp_path):
    assert "nosuch" in error(course("data", "get", "nosuch", status=1))
    assert "nowhere" in error(course("data", "get", "fsdd", "--from", "nowhere", status=1))

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "get", stop)
    assert error(course("data", "get", "fsdd", status=130)) == "stopped; the same command goes on where it stopped"


def test_data_verify(course, monkeypatch):
    monkeypatch.setattr(download, "verify", list)
    assert course("data", "verify").output == "✓ every checksum agrees\n"
    monkeypatch.setattr(download, "verify", lambda: ["a.ogg is damaged", "b.ogg is missing"])
    result = course("data", "verify", status=1)
    assert result.stdout == "✗ a.ogg is damaged\n✗ b.ogg is missing\n"
    assert error(result).startswith("2 ")


@pytest.mark.parametrize(
    ("ok", "status", "last"), [(True, 0, "Everything"), (None, 0, "Everything"), (False, 1, "1 of 2")]
)
def test_doctor(course, monkeypatch, ok, status, last):
    finding = doctor.Finding("toy", "found it", "that", "do this", ok)
    monkeypatch.setattr(doctor, "CHECKS", (lambda: finding, doctor.python))
    said = course("doctor", status=status).output.splitlines()
    assert said[:2] == [str(finding), str(doctor.python())]
    assert said[2].startswith(last)


def test_the_doctor_comes_to_an_end_without_torch(tmp_path):
    for name in ("torch", "torchaudio"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('libtorch.so is broken')")
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    done = subprocess.run(
        [*COURSE, "doctor"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 1
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("✗"))
    assert "libtorch.so is broken" in line
    assert "course_utils install" in line
    assert done.stderr == ""


def test_a_console_without_our_signs(tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*COURSE, "data", "verify"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "? every checksum agrees\n"), done.stderr
