#!/usr/bin/env python3
"""Make the embedded corpora: spoken digit strings and a small home-control task, from speech synthesisers.

    python3 data/make_corpora.py                      # the whole, as committed (about ten minutes on two cores)
    python3 data/make_corpora.py --folder /tmp/some --only digits/test_unseen --first 2

Every utterance has a random generator of its own, seeded by the task, its voice and its number: the same
synthesisers give the same corpora, in any order, whole or in part. Nothing in the folder changes before all is made.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import tqdm
from synthesisers import HERE, Phrase, Voice, as_flac, bend, read_voices, speak, versions

SEED = 2
SAMPLE_RATE = 8000
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
COUNTS = {
    "digits": {"train": 4000, "valid": 300, "test": 300, "test_unseen": 200},
    "home": {"train": 1400, "valid": 150, "test": 200, "test_unseen": 100},
}
WEIGHT = {"espeak-ng": 2, "flite": 4, "festival": 3}  # voices from a human being's recordings speak more often
LENGTHS = [3, 4, 4, 4, 3, 2, 2]  # weights of digit strings of 1 to 7
FEATURED = "three one four"
FILE_SECONDS = 1000  # of speech in one packed file, which keeps it under 2 MB
QUALITY = 1.0  # Vorbis compression level, 0 (best) to 1 (smallest)


def digits(chance: random.Random) -> list[str]:
    """Return a digit string cut into the groups that are said in one breath."""
    words = [chance.choice(DIGITS) for _ in range(chance.choices(range(1, 8), LENGTHS)[0])]
    pause = chance.choices([0.0, 0.3, 1.0], [45, 25, 30])[0]
    groups = [words[:1]]
    for word in words[1:]:
        groups.append([word]) if chance.random() < pause else groups[-1].append(word)
    return [" ".join(group) for group in groups]


def home(chance: random.Random) -> list[str]:
    """Return one sentence of the home-control grammar."""
    pick = chance.choice
    hour = pick(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"])
    clock = pick(
        [f"half past {hour}", f"{pick(['quarter', 'ten', 'five', 'twenty'])} {pick(['past', 'to'])} {hour}", hour]
    )
    day = pick(["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"])
    room = pick(["kitchen", "bedroom", "bathroom", "hall", "garden"])
    action = pick(["call the office", "call my mother", "water the plants", "feed the cat"])
    when = pick([f"at {clock}", f"on {day}", f"on {day} at {clock}", "tomorrow"])
    return [
        pick(
            [
                f"set the {pick(['alarm', 'timer'])} for {clock}" + pick(["", f" on {day}", " tomorrow"]),
                f"turn {pick(['on', 'off'])} the {pick(['lamp', 'light', 'radio', 'heating'])} in the {room}",
                f"remind me to {action} {when}",
                pick(
                    [
                        f"play some music in the {room}",
                        f"what is the weather {pick([f'on {day}', 'today', 'tomorrow'])}",
                    ]
                ),
            ]
        )
    ]


GRAMMAR = {"digits": digits, "home": home}


def trim(samples: np.ndarray, rate: int, below: float = 40) -> np.ndarray:
    """Return the samples from the first to the last 10 ms that are within ``below`` dB of the loudest."""
    frame = rate // 100
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    power = (frames**2).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (-below / 10))
    return samples[max(0, loud[0] - 1) * frame : (loud[-1] + 2) * frame]


def finish(groups: list[tuple[np.ndarray, int]], voice: Voice, chance: random.Random) -> np.ndarray:
    """Return one utterance at 8 kHz from its spoken groups: silence around and between, a level of its own."""
    rate = groups[0][1]
    pieces = [np.zeros(round(chance.uniform(0.05, 0.2) * rate), np.float32)]
    for number, (samples, _) in enumerate(groups):
        gap = chance.uniform(0.05, 0.2) if number == len(groups) - 1 else chance.uniform(0.03, 0.3)
        gain = np.float32(10 ** (chance.uniform(-6, 3) / 20))
        pieces += [trim(samples, rate) * gain, np.zeros(round(gap * rate), np.float32)]
    samples = bend(np.concatenate(pieces), rate, voice.warp, SAMPLE_RATE)
    level = 10 ** (chance.uniform(-32, -16) / 20)
    gain = level / np.sqrt((samples**2).mean())
    return samples * min(gain, 0.95 / np.abs(samples).max())


def utterances(task: str, voice: Voice, count: int) -> list[tuple[str, np.ndarray]]:
    """Return a voice's first ``count`` utterances of a task as (text, samples)."""
    plans = []
    for number in range(count):
        chance = random.Random(f"{SEED} {task} {voice.name} {number}")
        groups = GRAMMAR[task](chance)
        alone = len(groups) > 1 or " " not in groups[0]  # words with pauses between are said more slowly
        pitch, spread = chance.uniform(0.9, 1.12), chance.uniform(0.5, 1.8)
        stretch = chance.uniform(0.8, 1.35) if alone else chance.uniform(0.72, 1.1)
        phrases = [
            Phrase(
                group,
                pitch * chance.uniform(0.96, 1.04),
                spread,
                stretch * chance.uniform(0.92, 1.08),
                f"{chance.random()}",
            )
            for group in groups
        ]
        plans.append((chance, phrases))
    spoken = iter(speak(voice, [phrase for _, phrases in plans for phrase in phrases]))
    return [
        (" ".join(p.text for p in phrases), finish([next(spoken) for _ in phrases], voice, chance))
        for chance, phrases in plans
    ]


def shares(task: str, split: str, voices: list[Voice]) -> Iterator[tuple[Voice, int]]:
    """Yield each voice of a split with the number of utterances that it says."""
    mine = [voice for voice in voices if voice.split == split and voice.tasks in ("both", task)]
    total, given, weight = sum(WEIGHT[voice.engine] for voice in mine), 0, 0
    for voice in mine:
        weight += WEIGHT[voice.engine]
        share = round(COUNTS[task][split] * weight / total) - given
        given += share
        yield voice, share


def make_voice(first: int | None, job: tuple[str, str, Voice, int]) -> list[tuple[str, np.ndarray]]:
    """Return a job's utterances; for a pool of processes."""
    task, _, voice, count = job
    return utterances(task, voice, count if first is None else min(first, count))


def pack(folder: Path, name: str, entries: list[dict]) -> list[dict]:
    """Write the utterances one after another into Ogg Vorbis files, and return their lines of the index."""
    lines, part, block, start = [], 0, [], 0
    for entry in [*entries, None]:
        if block and (entry is None or start + len(entry["samples"]) > FILE_SECONDS * SAMPLE_RATE):
            write_ogg(folder / f"{name}-{part}.ogg", np.concatenate(block))
            part, block, start = part + 1, [], 0
        if entry is not None:
            samples = entry.pop("samples")
            lines.append({"file": f"{name}-{part}.ogg", "start": start, "length": len(samples), **entry})
            block.append(samples)
            start += len(samples)
    return lines


def write_ogg(path: Path, samples: np.ndarray) -> None:
    """Write samples as Ogg Vorbis whose bytes depend on the samples alone, and check that none is gained or lost."""
    with soundfile.SoundFile(
        path, "w", SAMPLE_RATE, 1, format="OGG", subtype="VORBIS", compression_level=QUALITY
    ) as file:
        for start in range(0, len(samples), SAMPLE_RATE):
            file.write(samples[start : start + SAMPLE_RATE])
    path.write_bytes(renumber(path.read_bytes(), serial=1))
    heard = soundfile.read(path, dtype="float32")[0]
    if len(heard) != len(samples):
        raise RuntimeError(f"{path.name}: {len(samples)} samples went in, {len(heard)} came out")


def renumber(stream: bytes, serial: int) -> bytes:
    """Return an Ogg stream with a serial number of our choice (the writer draws one at random), checksums mended."""
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    pages, at = [], 0
    while at < len(stream):
        segments = stream[at + 26]
        size = 27 + segments + sum(stream[at + 27 : at + 27 + segments])
        page = bytearray(stream[at : at + size])
        page[14:18], page[22:26] = serial.to_bytes(4, "little"), bytes(4)
        check = 0
        for byte in page:
            check = ((check << 8) & 0xFFFFFFFF) ^ table[(check >> 24) ^ byte]
        page[22:26] = check.to_bytes(4, "little")
        pages.append(bytes(page))
        at += size
    return b"".join(pages)


def featured(voice: Voice) -> tuple[np.ndarray, int]:
    """Return the utterance of the whole course at 16 kHz, with a tenth of a second of silence around it."""
    samples, rate = speak(voice, [Phrase(FEATURED, 1, 1, 1.1, "featured")])[0]
    quiet = np.zeros(rate // 10, np.float32)
    samples = bend(np.concatenate([quiet, trim(samples, rate), quiet]), rate, 1, 16000)
    return samples * 0.7 / np.abs(samples).max(), 16000


def make(folder: Path, only: list[str], first: int | None, workers: int) -> None:
    """Make the corpora in a temporary folder beside ``folder`` and move them in when all is done."""
    voices = read_voices()
    found = versions(voices)
    wanted = [(task, split) for task in COUNTS for split in COUNTS[task] if not only or f"{task}/{split}" in only]
    jobs = [(task, split, voice, count) for task, split in wanted for voice, count in shares(task, split, voices)]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as name, ProcessPoolExecutor(workers) as pool:
        making = Path(name)
        packs: dict[tuple[str, str], list[dict]] = {}
        results = pool.map(partial(make_voice, first), jobs)
        for (task, split, voice, _), spoken in zip(
            jobs, tqdm.tqdm(results, total=len(jobs), unit="voice", desc="speaking"), strict=True
        ):
            licence = "-copyleft" if voice.licence == "copyleft" else ""
            packs.setdefault((f"{task}-{split}{licence}", task), []).extend(
                {
                    "task": task,
                    "split": split,
                    "voice": voice.name,
                    "engine": voice.engine,
                    "text": text,
                    "samples": samples,
                }
                for text, samples in spoken
            )
        lines = [line for (name, _), entries in packs.items() for line in pack(making, name, entries)]
        best = next(voice for voice in voices if voice.name == "awb-flite-100")
        (making / "featured.flac").write_bytes(as_flac(*featured(best)))
        write_index(making, lines, found, best.name)
        for old in [*folder.glob("*.ogg"), folder / "index.tsv"]:
            old.unlink(missing_ok=True)
        for path in sorted(making.iterdir()):
            shutil.move(path, folder / path.name)


def write_index(folder: Path, lines: list[dict], engines: dict[str, str], best: str) -> None:
    """Write index.tsv (a line an utterance), about.json (how it was made) and SHA256SUMS (of all that was written)."""
    columns = ["file", "start", "length", "task", "split", "voice", "engine", "text"]
    rows = ["\t".join(columns), *("\t".join(str(line[column]) for column in columns) for line in lines)]
    (folder / "index.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    about = {
        "seed": SEED,
        "sample_rate": SAMPLE_RATE,
        "programs": engines,
        "libsndfile": soundfile.__libsndfile_version__,
    }
    about["featured"] = {"text": FEATURED, "voice": best, "engine": "flite", "sample_rate": 16000}
    (folder / "about.json").write_text(json.dumps(about, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


def main() -> None:
    """Read the command line and make the corpora."""
    every = [f"{task}/{split}" for task in COUNTS for split in COUNTS[task]]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=HERE, help="where to write (default: data/)")
    parser.add_argument("--only", nargs="+", choices=every, default=[], metavar="TASK/SPLIT", help="these splits only")
    parser.add_argument("--first", type=int, metavar="N", help="each voice's first N utterances only")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: one a core)")
    chosen = parser.parse_args()
    if (chosen.only or chosen.first) and chosen.folder.resolve() == HERE:
        parser.error("--only and --first make a part; give a --folder for it, so that it does not replace the whole")
    make(chosen.folder, chosen.only, chosen.first, chosen.workers)


if __name__ == "__main__":
    main()
