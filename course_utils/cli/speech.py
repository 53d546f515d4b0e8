"""Commands for the recogniser, and for the speech that it learns from."""

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from course_utils.cli.errors import fail, sentence, warn

data = typer.Typer(help="The embedded speech, and real speech to download.", no_args_is_help=True)


class Device(StrEnum):
    """What to compute on."""

    CPU = "cpu"
    CUDA = "cuda"


class On(StrEnum):
    """What to be judged on."""

    SYNTHETIC = "synthetic"
    NOISE = "noise"
    UNSEEN = "unseen"
    REAL = "real"
    ALL = "all"


Checkpoint = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A recogniser's file, if not the one that `course train` keeps.")
]


def train(
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Another file to keep the recogniser in (.safetensors).")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Of every random number.", min=0)] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="A quarter of the time, for a first look.")] = False,
    real: Annotated[
        bool, typer.Option("--real", help="Learn from people as well (first: course data get fsdd).")
    ] = False,
    updates: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Another number of training steps.", min=1)
    ] = None,
    device: Annotated[Device | None, typer.Option(help="What to compute on.", envvar="COURSE_DEVICE")] = None,
) -> None:
    """Train the recogniser of spoken digits, and measure it.

    It takes about two minutes; Ctrl-C stops it, and what was kept before stays.
    """
    from course_utils import corpora, evaluation, recogniser

    path = out or recogniser.default_path()
    _can_keep(path)
    chosen = _working(device)
    people = evaluation.real_strings("train") if real else None
    model, history = recogniser.train(seed=seed, quick=quick, updates=updates, real=people, device=chosen)
    if "by hand" in history.stopped:
        fail(f"stopped after {history.updates} updates; nothing is saved, and {path} is as it was", 130)
    print(history)
    if history.stopped:
        fail(f"the training did not come to its end; nothing is saved, and {path} is as it was")
    model.save(path)
    print(f"unseen voices: {recogniser.evaluate(model, corpora.load('digits', 'test'))}")
    print(f"kept in {path}")


def _can_keep(path: Path) -> None:
    """Refuse a place that can't hold the result before the work, not after it."""
    if path.suffix != ".safetensors":
        raise ValueError(f"--out {path} should end in .safetensors, so that no other file is overwritten by mistake")
    if path.is_dir():
        raise IsADirectoryError(f"--out {path} is a folder; name a file in it")
    path.parent.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=path.parent).close()


def _working(device: Device | None) -> str:
    import torch

    if device is Device.CUDA and not torch.cuda.is_available():
        raise ValueError("there is no CUDA device that torch can use; leave --device out, or see: course doctor")
    return (device or Device.CPU).value


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Sound files: WAV, FLAC, OGG, MP3, at any rate.")],
    checkpoint: Checkpoint = None,
) -> None:
    """Print what is said in sound files: a line for each."""
    from course_utils import audio, recogniser

    model = recogniser.Recogniser.from_checkpoint(checkpoint or recogniser.default_path())
    failed = False
    for file in files:
        try:
            text = recogniser.transcribe(model, [audio.read_audio(file)])[0]
        except Exception as error:  # one bad file does not keep the others from being heard
            said = sentence(error)
            warn(said if file.name in said else f"{file}: {said}")
            failed = True
        else:
            print(f"{file}: {text}", flush=True)
    raise typer.Exit(1 if failed else 0)


def evaluate(
    checkpoint: Checkpoint = None,
    on: Annotated[On, typer.Option(help="Voices, noise, a synthesiser or people that it did not learn from.")] = On.ALL,
) -> None:
    """Measure the recogniser on speech that it never heard.

    Prints word and character error rates, and the 95 % interval of the first over utterances.
    """
    from course_utils import corpora, evaluation, recogniser

    sets = evaluation.test_sets()
    model = recogniser.Recogniser.from_checkpoint(checkpoint or recogniser.default_path())
    for name in sets if on is On.ALL else [on.value]:
        try:
            print(f"{name + ':':<11}{sets[name](model)}", flush=True)
        except corpora.MissingCorpus as error:
            if on is not On.ALL:
                raise
            print(f"{name + ':':<11}left out: {error}")


@data.command("list")
def data_list() -> None:
    """Show every corpus: contents, licence, place.

    Where one is not on this machine, a line says how to get it.
    """
    from course_utils.data import corpora

    for name in corpora.names():
        found = corpora.info(name)
        counts = ", ".join(f"{part} {count:,}" for part, count in found.counts.items())
        print(f"{name}: {found.what}\n    {counts}; {found.hours:.2f} h, {found.megabytes:.1f} MB, {found.licence}")
        print(f"    in {found.where}" if found.where else f"    not here; to get it: {found.remedy}")


@data.command("get")
def data_get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What `course data list` calls it, such as fsdd.")],
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FOLDER", help="A folder that holds a copy already.")
    ] = None,
) -> None:
    """Fetch real speech.

    Stopped half way, the same command goes on where it stopped.
    """
    from tqdm import tqdm

    from course_utils.data import download

    with tqdm(desc=name, unit="B", unit_scale=True, leave=False, disable=None) as bar:

        def received(done: int, size: int | None) -> None:
            bar.total = size
            bar.update(done - bar.n)

        try:
            folder = download.get(name, source, received)
        except KeyboardInterrupt:
            bar.close()
            fail("stopped; the same command goes on where it stopped", 130)
    print(f"{name} is in {folder}")


@data.command("verify")
def data_verify() -> None:
    """Compare the speech here with its checksums."""
    from course_utils.data import download

    problems = download.verify()
    for problem in problems:
        print(f"✗ {problem}")
    if problems:
        fail(f"{len(problems)} of the course's files are not as they were made; see: course doctor")
    print("✓ every checksum agrees")
