"""The ``course`` command. What a command needs is imported inside it, so that ``course --help`` answers at once."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from course_utils import __version__

app = typer.Typer(
    help="From a first recurrent step to a speech recogniser: open the lessons, check the machine, train, transcribe.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="The embedded speech, and real speech to download.", no_args_is_help=True)
app.add_typer(data_app, name="data")

Seed = Annotated[int, typer.Option(help="Of every random number.", min=0)]
Checkpoint = Annotated[Path | None, typer.Option(help="A recogniser's file; without it, the one `course train` keeps.")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]


def main(arguments: list[str] | None = None) -> int:
    """Run the command, and return its exit status: 0, 1 after an error in one line, 2 for misuse, 130 for Ctrl-C."""
    try:
        return app(arguments, standalone_mode=False) or 0
    except typer.Abort:
        return _failed("stopped", 130)
    except KeyboardInterrupt:
        return _failed("stopped; nothing is half written", 130)
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")):  # misuse: an unknown option, a missing argument
            show = getattr(error, "show", None)
            if show is not None:
                show()
            return getattr(error, "exit_code", 1)
        if os.environ.get("COURSE_DEBUG") or not isinstance(error, (ValueError, OSError, LookupError, RuntimeError)):
            raise
        return _failed(_sentence(error), 1)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error.args[0]) if isinstance(error, LookupError) and error.args else str(error)


def _failed(sentence: str, status: int) -> int:
    print(f"course: {sentence}", file=sys.stderr)
    return status


def _version(wanted: bool) -> None:
    if wanted:
        print(f"course {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None:
    return None


@app.command()
def lab(
    folder: Annotated[Path, typer.Argument(help="Where your copy of the lessons is, or will be.")] = Path("my-course"),
    port: Annotated[int | None, typer.Option(help="On which JupyterLab listens; without it, a free one.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
) -> int:
    """Open the course in JupyterLab, in a working copy of the lessons that is yours."""
    from course_utils import working_folder

    if port is not None:
        _port_must_be_free(port)
    done = working_folder.refresh(folder)
    working_folder.remember(folder)
    for name in done.updated:
        print(f"{name}: brought up to date")
    for name in done.kept:
        print(f"{name}: the course has a newer one; yours is kept. To get it: course reset {Path(name).stem[:2]}")
    print(f"Your lessons are in {folder.resolve()}. To stop JupyterLab, press Ctrl-C here.", flush=True)
    return _serve(folder, port, browser)


def _port_must_be_free(port: int) -> None:
    with socket.socket() as probe:
        if os.name != "nt":  # where it would let two programs share a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = f"port {port} is taken or not allowed ({getattr(error, 'strerror', None) or error})"
            raise ValueError(f"{reason}; choose another, or leave --port out for a free one") from error


def _serve(folder: Path, port: int | None, browser: bool) -> int:
    options = ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    options += [f"--ServerApp.root_dir={folder.resolve()}", "--LabApp.default_url=/lab/tree/00_start_here.ipynb"]
    options += [] if port is None else [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    options += [] if browser else ["--no-browser"]
    options += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # as in a container
    options += ["--ServerApp.answer_yes=True"]
    lab = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options])

    def end(*_):  # JupyterLab would answer Ctrl-C with a question; a plain end stops its kernels, too
        lab.terminate()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    status = lab.wait()
    return 0 if status in (0, -signal.SIGTERM) else status


@app.command()
def doctor() -> int:
    """Check everything that the course needs: a line each, with the remedy."""
    from course_utils import doctor as checks

    findings = checks.examine()
    for finding in findings:
        print(finding, flush=True)
    wrong = sum(finding.ok is False for finding in findings)
    print("Everything that is needed is here." if not wrong else f"{wrong} of {len(findings)} need mending.")
    return 1 if wrong else 0


@app.command()
def progress() -> int:
    """Show which exercises you solved."""
    from course_utils.teaching import progress as kept

    for lesson in kept.summary().values():
        print(lesson)
    return 0


@app.command()
def reset(
    lesson: Annotated[str, typer.Argument(help="Its number, as 01.")],
    folder: Annotated[Path | None, typer.Option(help="Your working folder, if not the one opened last.")] = None,
) -> int:
    """Put a fresh copy of a lesson in place; yours is kept beside it under another name."""
    from course_utils import working_folder
    from course_utils.teaching import progress as kept

    there, backup = working_folder.reset(folder or working_folder.last_opened(), lesson)
    kept.reset(there.name[:2])
    print(f"{there} is fresh" + (f"; yours is {backup.name}, beside it" if backup else ""))
    return 0


@app.command()
def run(
    lessons: Annotated[list[str] | None, typer.Argument(help="Numbers, as 00 01; all if none is given.")] = None,
    out: Annotated[Path, typer.Option(help="Where the pages go.")] = Path("pages"),
    seed: Annotated[int | None, typer.Option(help="Overrides the lessons' own.", min=0)] = None,
    html: Annotated[bool, typer.Option(help="Write a page for each.")] = True,
) -> int:
    """Execute lessons without a browser, into pages that hold their results."""
    from tqdm import tqdm

    from course_utils import headless, working_folder

    names = lessons or [name for name in working_folder.lesson_files() if name.endswith(".ipynb")]
    failed = 0
    for path in [working_folder.find_lesson(name)[1] for name in names]:
        with tqdm(desc=path.stem, unit="cell", leave=False) as bar:

            def cell_done(done: int, cells: int, bar: tqdm = bar) -> None:
                bar.total = cells
                bar.update(done - bar.n)

            try:
                page, seconds = headless.run(path, out, seed, html, cell_done)
            except headless.LessonFailed as error:
                failed = _failed(str(error), 1)
                continue
        print(f"✓ {path.stem}: {seconds:.0f} s" + (f", {page}" if page else ""), flush=True)
    return failed


@app.command()
def train(
    out: Annotated[Path | None, typer.Option(help="The file to keep the recogniser in.")] = None,
    seed: Seed = 0,
    quick: Annotated[bool, typer.Option("--quick", help="A third of the updates.")] = False,
    real: Annotated[bool, typer.Option("--real", help="Learn from real speakers, too (course data get fsdd).")] = False,
    updates: Annotated[int | None, typer.Option(help="Another number of updates.", min=1)] = None,
    device: Device = "cpu",
) -> int:
    """Train the recogniser of spoken digits, and say how good it is on voices that it never heard."""
    from course_utils import corpora, evaluation, recogniser

    path = out or recogniser.default_path()
    spoken = evaluation.real_strings("train") if real else None
    model, history = recogniser.train(seed=seed, quick=quick, updates=updates, real=spoken, device=device)
    print(history)
    if "by hand" in history.stopped:
        return _failed(f"stopped; nothing is saved, and {path} is as it was", 130)
    model.save(path)
    print(f"unseen voices: {recogniser.evaluate(model, corpora.load('digits', 'test'))}")
    print(f"kept in {path}")
    return 0


@app.command()
def transcribe(
    files: Annotated[list[Path], typer.Argument(help="Sound files: WAV, FLAC, OGG, MP3, at any rate.")],
    checkpoint: Checkpoint = None,
) -> int:
    """Say what is said in sound files: a line for each."""
    from course_utils import audio, recogniser

    model = recogniser.Recogniser.from_checkpoint(checkpoint or recogniser.default_path())
    status = 0
    for file in files:
        try:
            print(f"{file}: {recogniser.transcribe(model, [audio.read_audio(file)])[0]}", flush=True)
        except (ValueError, OSError) as error:
            status = _failed(str(error), 1)
    return status


@app.command()
def evaluate(
    checkpoint: Checkpoint = None,
    on: Annotated[str, typer.Option(help="synthetic, noise, unseen, real or all.")] = "all",
) -> int:
    """Measure the recogniser: word and character error rates, with a 95 % interval over utterances."""
    from course_utils import evaluation, recogniser

    sets = evaluation.test_sets()
    if on != "all" and on not in sets:
        raise ValueError(f"--on {on!r} is none of {', '.join(sets)}, all")
    model = recogniser.Recogniser.from_checkpoint(checkpoint or recogniser.default_path())
    for name in sets if on == "all" else [on]:
        try:
            print(f"{name + ':':<11}{sets[name](model)}", flush=True)
        except FileNotFoundError as error:
            if on != "all":
                raise
            print(f"{name + ':':<11}{error}")
    return 0


@data_app.command("list")
def data_list() -> int:
    """Show every corpus: what it holds, its licence, where it is or how to get it."""
    from course_utils.data import corpora

    for name in corpora.names():
        found = corpora.info(name)
        counts = ", ".join(f"{part} {count:,}" for part, count in found.counts.items())
        print(f"{name}: {found.what}\n    {counts}; {found.hours:.2f} h, {found.megabytes:.1f} MB, {found.licence}")
        print(f"    in {found.where}" if found.where else f"    not here; to get it: {found.remedy}")
    return 0


@data_app.command("get")
def data_get(
    name: Annotated[str, typer.Argument(help="As `course data list` calls it: fsdd.")],
    source: Annotated[Path | None, typer.Option("--from", help="A folder that holds a copy already.")] = None,
) -> int:
    """Fetch real speech. Stopped half way, the same command goes on where it stopped."""
    from tqdm import tqdm

    from course_utils.data import download

    with tqdm(desc=name, unit="B", unit_scale=True, leave=False) as bar:

        def received(done: int, size: int | None) -> None:
            bar.total = size
            bar.update(done - bar.n)

        folder = download.get(name, source, received)
    print(f"{name} is in {folder}")
    return 0


@data_app.command("verify")
def data_verify() -> int:
    """Compare the speech on this machine with its checksums."""
    from course_utils.data import download

    problems = download.verify()
    for problem in problems:
        print(f"✗ {problem}", file=sys.stderr)
    if not problems:
        print("✓ every checksum agrees")
    return 1 if problems else 0


@app.command("test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_tests(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also the browser, the wheel, the fresh clone.")] = False,
) -> int:
    """Pass the course's own tests (in a clone): lint, format, types, tests. Other options go to pytest."""
    from course_utils import testing

    return testing.run(everything, context.args)


if __name__ == "__main__":
    sys.exit(main())
