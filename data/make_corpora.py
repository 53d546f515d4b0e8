#!/usr/bin/env python3
"""Make the embedded corpora: spoken digit strings and a small home-control task, from speech synthesisers.

    python3 data/make_corpora.py                      # the whole, as committed (about ten minutes on two cores)
    python3 data/make_corpora.py --folder /tmp/some --only digits/test_unseen --first 2

Every utterance has a random generator of its own, seeded by the task, its voice and its number: the same
synthesisers give the same corpora, in any order, whole or in part. Nothing in the folder changes before all is made.
"""

import argparse
import os
import random
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import tqdm
from packing import SAMPLE_RATE, pack, write_index
from synthesisers import HERE, Phrase, Voice, bend, read_voices, speak, versions

SEED = 2
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
COUNTS = {
    "digits": {"train": 3900, "valid": 300, "test": 300, "test_unseen": 200},
    "home": {"train": 1200, "valid": 150, "test": 200, "test_unseen": 100},
}
WEIGHT = {"espeak-ng": 2, "festival": 3, "flite": 4}  # voices from a human being's recordings speak more often
LENGTHS = [3, 4, 4, 4, 3, 2, 2]  # weights of digit strings of 1 to 7
TRAIN_COMPRESSION, TEST_COMPRESSION = 1.0, 0.9  # the smallest (median SNR 16 dB), and what loses less (18 dB)
FEATURED, FEATURED_VOICE = "three one four", "awb-flite-100"


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


def featured(voice: Voice) -> tuple[np.ndarray, int]:
    """Return the utterance of the whole course at 16 kHz, with a tenth of a second of silence around it."""
    samples, rate = speak(voice, [Phrase(FEATURED, 1, 1, 1.1, "featured")])[0]
    quiet = np.zeros(rate // 10, np.float32)
    samples = bend(np.concatenate([quiet, trim(samples, rate), quiet]), rate, 1, 16000)
    return samples * 0.7 / np.abs(samples).max(), 16000


def make(folder: Path, only: list[str], first: int | None, workers: int | None) -> None:
    """Make the corpora in a temporary folder inside ``folder`` and move them up when all is done."""
    voices = read_voices()
    about = {"seed": SEED, "programs": versions(voices), "featured": {"text": FEATURED, "voice": FEATURED_VOICE}}
    wanted = [(task, split) for task in COUNTS for split in COUNTS[task] if not only or f"{task}/{split}" in only]
    jobs = [(task, split, voice, count) for task, split in wanted for voice, count in shares(task, split, voices)]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as name, ProcessPoolExecutor(workers) as pool:
        making = Path(name)
        packs: dict[str, list[dict]] = {}
        results = tqdm.tqdm(pool.map(partial(make_voice, first), jobs), total=len(jobs), unit="voice", desc="speaking")
        for (task, split, voice, _), spoken in zip(jobs, results, strict=True):
            who = {"task": task, "split": split, "voice": voice.name, "engine": voice.engine}
            pack_name = f"{task}-{split}" + ("-copyleft" if voice.licence == "copyleft" else "")
            entries = packs.setdefault(pack_name, [])
            entries += [{**who, "text": text, "samples": samples} for text, samples in spoken]
        lines = []
        for pack_name, entries in packs.items():
            lines += pack(making, pack_name, entries, TRAIN_COMPRESSION if "-train" in pack_name else TEST_COMPRESSION)
        speaker = next(voice for voice in voices if voice.name == FEATURED_VOICE)
        soundfile.write(making / "featured.flac", *featured(speaker), subtype="PCM_16")
        write_index(making, lines, about)
        for old in folder.glob("*.ogg"):
            old.unlink()
        for path in sorted(making.iterdir()):
            os.replace(path, folder / path.name)


def main() -> None:
    """Read the command line and make the corpora."""
    every = [f"{task}/{split}" for task in COUNTS for split in COUNTS[task]]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=HERE, help="where to write (default: data/)")
    parser.add_argument("--only", nargs="+", choices=every, default=[], metavar="TASK/SPLIT", help="these splits only")
    parser.add_argument("--first", type=int, metavar="N", help="each voice's first N utterances only")
    parser.add_argument("--workers", type=int, help="processes (default: one a core)")
    chosen = parser.parse_args()
    if (chosen.only or chosen.first) and chosen.folder.resolve() == HERE:
        parser.error("--only and --first make a part; give a --folder for it, so that it does not replace the whole")
    make(chosen.folder, chosen.only, chosen.first, chosen.workers)


if __name__ == "__main__":
    main()
