"""The speech that the course learns from: embedded synthetic corpora, and real speech (FSDD) once it is fetched.

>>> from course_utils import corpora
>>> one = corpora.load("digits", "valid", limit=3)[0]
>>> one.text.split()[0] in corpora.DIGITS
True
"""

from __future__ import annotations

import csv
import os
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils import places

if TYPE_CHECKING:
    from torch import Tensor

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TASKS = ("digits", "home")
SPLITS = ("train", "valid", "test", "test_unseen")
SAMPLE_RATE = 8000  # Hz, of every corpus; the featured utterance alone has 16,000
FSDD_NAME = "{digit}_{speaker}_{take}.wav"


class MissingCorpus(FileNotFoundError):
    """A corpus that is not there; the message says where it was looked for and how to get it."""


@dataclass(frozen=True)
class Utterance:
    """A piece of speech with its words.

    ``name`` is unique within its corpus; ``samples`` is ``(N,)``, float32 in [-1, 1]; ``text`` holds lower-case words
    separated by blanks; ``voice`` is who speaks, ``engine`` the synthesiser, or "human"; ``sample_rate`` is in Hz.
    """

    name: str
    samples: Tensor
    text: str
    voice: str
    engine: str
    sample_rate: int = SAMPLE_RATE

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return len(self.samples) / self.sample_rate

    def __repr__(self) -> str:
        return f"Utterance({self.name!r}, {self.text!r}, {self.seconds:.2f} s, {self.voice!r})"


def load(task: str = "digits", split: str = "train", limit: int | None = None) -> list[Utterance]:
    """Return the utterances of one split of an embedded corpus, decoded once a process.

    Args:
        task: "digits" (strings of 1 to 7 digits) or "home" (commands to a house, with a grammar).
        split: "train", "valid", "test" (no voice is in two of them), or "test_unseen" (speakers
            recorded for another synthesiser's voices, of whom training has nothing).
        limit: at most so many, spread evenly over the split and so over its voices.

    Raises:
        ValueError: no such task or split, or a limit below 1.
        MissingCorpus: the files are not there.
    """
    if task not in TASKS:
        raise ValueError(f"task {task!r} is none of {', '.join(TASKS)}")
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is none of {', '.join(SPLITS)}")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise ValueError(f"limit must be a whole number from 1 on, or None for all; got {limit!r}")
    whole = _decoded(places.data_folder(), task, split)
    if limit is None or limit >= len(whole):
        return list(whole)
    return [whole[place * len(whole) // limit] for place in range(limit)]


def featured(sample_rate: int = 16000) -> Utterance:
    """Return the utterance of the whole course, "three one four", at 16 kHz or another rate."""
    from course_utils.data.audio import read_audio

    path = _there(places.data_folder() / "featured.flac")
    return Utterance("featured", read_audio(path, sample_rate), "three one four", "awb", "flite", sample_rate)


def _there(path: Path) -> Path:
    if not path.is_file():
        raise MissingCorpus(f"{path} belongs to the course and is missing; `course data verify` lists what else is")
    return path


@lru_cache
def _index(folder: Path) -> tuple[dict[str, str], ...]:
    with _there(folder / "index.tsv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file, delimiter="\t"))


@lru_cache
def _decoded(folder: Path, task: str, split: str) -> tuple[Utterance, ...]:
    lines = [line for line in _index(folder) if (line["task"], line["split"]) == (task, split)]
    files = sorted({line["file"] for line in lines})
    with ThreadPoolExecutor(2) as threads:  # the decoder lets other threads run
        sound = dict(zip(files, threads.map(partial(_read_packed, folder), files), strict=True))
    utterances = []
    for number, line in enumerate(lines):
        start, length = int(line["start"]), int(line["length"])
        samples = sound[line["file"]][start : start + length]
        if len(samples) < length:
            raise MissingCorpus(f"{folder / line['file']} is shorter than the index says; run `course data verify`")
        utterances.append(
            Utterance(f"{task}-{split}-{number:04d}", samples, line["text"], line["voice"], line["engine"])
        )
    return tuple(utterances)


def _read_packed(folder: Path, name: str) -> Tensor:
    import soundfile
    import torch

    try:
        samples, _ = soundfile.read(_there(folder / name), dtype="float32")
    except soundfile.LibsndfileError as error:
        raise MissingCorpus(f"{folder / name} is damaged ({error}); run `course data verify`") from error
    return torch.from_numpy(samples).clamp_(-1, 1)


def fsdd_recordings(folder: str | os.PathLike | None = None) -> list[Utterance]:
    """Return the isolated digits of the Free Spoken Digit Dataset, each an utterance of one word.

    Args:
        folder: the dataset, or its folder ``recordings``; where None, ``$COURSE_REAL_SPEECH``, then the learner's own
            folder, where ``course data get fsdd`` puts it.

    Raises:
        MissingCorpus: it is in none of these places.
        AudioError: a recording cannot be read.
    """
    return list(_fsdd(fsdd_folder(folder)))


def fsdd_folder(folder: str | os.PathLike | None = None) -> Path:
    """Return the folder that holds FSDD's recordings, or raise MissingCorpus; for the order see fsdd_recordings."""
    named = folder or os.environ.get("COURSE_REAL_SPEECH")
    places_to_look = [Path(named).expanduser()] if named else [places.home_folder() / "speech" / "fsdd"]
    if named and folder is None:
        places_to_look.append(places.home_folder() / "speech" / "fsdd")
    for place in places_to_look:
        for candidate in (place / "recordings", place):
            if next(candidate.glob("[0-9]_*_*.wav"), None):
                return candidate.resolve()
    looked = " and ".join(map(str, places_to_look))
    raise MissingCorpus(
        f"no recordings of the Free Spoken Digit Dataset in {looked}; fetch them with `course data get fsdd`, or point "
        "to a copy: `course data get fsdd --from FOLDER`, or the environment variable COURSE_REAL_SPEECH"
    )


@lru_cache(maxsize=2)
def _fsdd(folder: Path) -> tuple[Utterance, ...]:
    from course_utils.data.audio import read_audio

    utterances = []
    for path in sorted(folder.glob("[0-9]_*_*.wav"), key=_fsdd_order):
        digit, speaker, _ = path.stem.split("_")
        utterances.append(Utterance(path.stem, read_audio(path), DIGITS[int(digit)], speaker, "human"))
    return tuple(utterances)


def _fsdd_order(path: Path) -> tuple[str, str, int]:
    digit, speaker, take = path.stem.split("_")
    return speaker, digit, int(take)


def fsdd_official(recordings: Iterable[Utterance]) -> tuple[list[Utterance], list[Utterance]]:
    """Return (train, test) as the dataset's authors split it: takes 0 to 4 of each digit and speaker are the test."""
    train, test = [], []
    for recording in recordings:
        (test if int(recording.name.rsplit("_", 1)[1]) < 5 else train).append(recording)
    return train, test


def fsdd_held_out(recordings: Sequence[Utterance], speakers: Iterable[str]) -> tuple[list[Utterance], list[Utterance]]:
    """Return (train, test) with everything that the named speakers say in the test: the honest split.

    Raises:
        ValueError: a speaker is not in the recordings, or nobody is left to train on.
    """
    there, held_out = {recording.voice for recording in recordings}, set(speakers)
    if not held_out or not held_out <= there or held_out == there:
        raise ValueError(
            f"hold out some, and not all, of the speakers {', '.join(sorted(there)) or '(none)'}; "
            f"got {', '.join(sorted(held_out)) or 'none'}"
        )
    train = [recording for recording in recordings if recording.voice not in held_out]
    return train, [recording for recording in recordings if recording.voice in held_out]


def fsdd_strings(
    recordings: Sequence[Utterance], count: int, seed: int, max_digits: int = 7, gap: tuple[float, float] = (0.05, 0.2)
) -> list[Utterance]:
    """Return strings of 1 to ``max_digits`` isolated digits of one speaker each, joined with short random silences.

    Args:
        recordings: what to draw from, as `fsdd_recordings` or a split of it gives them.
        count: how many strings; each draws a speaker, a length, and recordings, evenly and with replacement.
        seed: equal seeds give equal strings.
        max_digits: the longest string.
        gap: shortest and longest silence in seconds, before, between and after the digits.

    Raises:
        ValueError: no recordings, or a count, max_digits or gap out of range.
    """
    if not recordings:
        raise ValueError("fsdd_strings needs at least one recording to draw from; got none")
    if count < 1 or max_digits < 1 or not 0 <= gap[0] <= gap[1]:
        raise ValueError(f"need count >= 1, max_digits >= 1, 0 <= gap[0] <= gap[1]; got {count}, {max_digits}, {gap}")
    import torch

    chance = random.Random(seed)
    speakers: dict[str, list[Utterance]] = {}
    for recording in recordings:
        speakers.setdefault(recording.voice, []).append(recording)
    strings = []
    for number in range(count):
        voice = chance.choice(sorted(speakers))
        said = [chance.choice(speakers[voice]) for _ in range(chance.randint(1, max_digits))]
        pieces = [torch.zeros(round(chance.uniform(*gap) * SAMPLE_RATE))]
        for recording in said:
            pieces += [recording.samples, torch.zeros(round(chance.uniform(*gap) * SAMPLE_RATE))]
        text = " ".join(recording.text for recording in said)
        strings.append(Utterance(f"fsdd-string-{number:04d}", torch.cat(pieces), text, voice, "human"))
    return strings


def names() -> list[str]:
    """Return the names of all corpora, embedded ones first."""
    return [*TASKS, "fsdd"]


@dataclass(frozen=True)
class Info:
    """What ``course data list`` says of a corpus: ``where`` is its folder or None, ``remedy`` how to get it then."""

    name: str
    what: str
    counts: dict[str, int]
    hours: float
    megabytes: float
    licence: str
    where: Path | None
    remedy: str = ""


def info(name: str) -> Info:
    """Return what is known of a corpus without decoding it.

    Raises:
        ValueError: no corpus has this name.
    """
    if name not in names():
        raise ValueError(f"no corpus is called {name!r}; there are {', '.join(names())}")
    return _fsdd_info() if name == "fsdd" else _embedded_info(name)


def _embedded_info(task: str) -> Info:
    folder = places.data_folder()
    lines = [line for line in _index(folder) if line["task"] == task]
    hours = sum(int(line["length"]) for line in lines) / SAMPLE_RATE / 3600
    size = sum(_there(folder / name).stat().st_size for name in {line["file"] for line in lines})
    what = "synthetic strings of 1 to 7 digits" if task == "digits" else "synthetic commands to a house, with a grammar"
    licence = "CC BY 4.0; files named copyleft: see the data card"
    return Info(task, what, dict(Counter(line["split"] for line in lines)), hours, size / 1e6, licence, folder)


def _fsdd_info() -> Info:
    what, licence = "isolated digits of six people (Free Spoken Digit Dataset)", "CC BY-SA 4.0"
    try:
        folder = fsdd_folder()
    except MissingCorpus:
        return Info("fsdd", what, {"all": 3000}, 0.36, 21.0, licence, None, "course data get fsdd")
    files = sorted(folder.glob("[0-9]_*_*.wav"), key=_fsdd_order)
    size = sum(path.stat().st_size for path in files)
    hours = (size - 44 * len(files)) / 2 / SAMPLE_RATE / 3600  # 16-bit mono after a header of 44 bytes
    return Info("fsdd", what, dict(Counter(_fsdd_order(path)[0] for path in files)), hours, size / 1e6, licence, folder)
