"""Any folder of speech with its texts, as the utterances that the rest of the course understands.

Two layouts are read, and may be mixed. As LibriSpeech has it (Panayotov et al. 2015): a file ``….trans.txt`` whose
lines hold the name of a sound file beside it, a blank, and the text. Or a text file for each sound file: ``hello.wav``
and ``hello.txt``.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from course_utils.algorithms.metrics import normalise_text
from course_utils.data.audio import SAMPLE_RATE, read_audio
from course_utils.data.corpora import MissingCorpus, Utterance

SOUNDS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff")
TABLE = ".trans.txt"


def load(folder: str | os.PathLike, limit: int | None = None, max_seconds: float = 60.0) -> list[Utterance]:
    """Return what is said in a folder and the folders in it, in the order of the files' names.

    The folder that a sound lies in is its voice: LibriSpeech has one for each speaker and chapter. Texts are put into
    lower case and lose their punctuation; sound is brought to 8,000 samples a second.

    Args:
        folder: where to look.
        limit: read at most so many.
        max_seconds: refuse longer sounds.

    Raises:
        MissingCorpus: no such folder, no sound with a text in it, or a text whose sound is missing.
        AudioError: a sound cannot be read.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise MissingCorpus(f"there is no folder {root}; give one that holds sound files and their texts")
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}; give a whole number from 1 on, or None for all")
    found = []
    for path, said in _pairs(root):
        voice = path.parent.relative_to(root).as_posix()
        name = path.relative_to(root).with_suffix("").as_posix()
        samples = read_audio(path, SAMPLE_RATE, max_seconds)
        found.append(Utterance(name, samples, normalise_text(said), voice, "human"))
        if len(found) == limit:
            break
    if not found:
        raise MissingCorpus(
            f"{root} holds no sound with a text: put hello.txt beside hello.wav, or a file ending in {TABLE} whose "
            "lines are a sound's name, a blank and its text"
        )
    return found


def _pairs(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield sound files with their texts."""
    for path in sorted(root.rglob("*.txt")):
        if path.name.endswith(TABLE):
            lines = path.read_text(encoding="utf-8").splitlines()
            for name, _, said in (line.strip().partition(" ") for line in lines if line.strip()):
                yield _sound(path.with_name(name), f"{path} names {name}"), said
        elif sound := _beside(path.with_suffix("")):
            yield sound, path.read_text(encoding="utf-8")


def _beside(stem: Path) -> Path | None:
    candidates = (stem.with_name(stem.name + ending) for ending in SOUNDS)
    return next(filter(Path.is_file, candidates), None)


def _sound(stem: Path, wanted: str) -> Path:
    found = _beside(stem)
    if found is None:
        raise MissingCorpus(f"{wanted}, and no such sound ({', '.join(SOUNDS)}) lies beside it")
    return found
