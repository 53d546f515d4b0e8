"""The script behind the embedded corpora: it makes again what is committed, whole or not at all."""

import importlib
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from course_utils import places
from course_utils.data import corpora

DATA = Path(__file__).parents[2] / "data"
PROGRAMS = ("espeak-ng", "flite", "festival", "sox")


@pytest.fixture
def script(monkeypatch):
    """data/make_corpora.py, imported as its own folder has it."""
    monkeypatch.syspath_prepend(str(DATA))
    return importlib.import_module("make_corpora")


@pytest.fixture
def synthesisers(script):
    """The synthesisers, where this machine has those that made what is committed."""
    if missing := [program for program in PROGRAMS if not shutil.which(program)]:
        pytest.skip(f"needs {', '.join(missing)}, which only making the corpora needs")
    module = importlib.import_module("synthesisers")
    try:
        found = module.versions(module.read_voices())
    except SystemExit as lacking:
        pytest.skip(str(lacking))
    made_with = json.loads((DATA / "about.json").read_text())["programs"]
    if found != made_with:
        pytest.skip(f"other synthesisers here ({found}) than made the corpora ({made_with})")
    return module


def committed(task: str, split: str, voice: str) -> list[corpora.Utterance]:
    """What data/ holds of a voice."""
    return [utterance for utterance in corpora.load(task, split) if utterance.voice == voice]


@pytest.mark.parametrize(
    ("task", "split", "name"),
    [
        ("digits", "test", "annie-en-us"),
        ("digits", "test_unseen", "slt-flite-100"),
        ("digits", "train", "lp-93"),
        ("digits", "train", "nsh-92"),
        ("home", "train", "ked-110-german"),
    ],
)
def test_a_voice_says_again_what_is_committed(script, synthesisers, task, split, name):
    voices = synthesisers.read_voices()
    names = [voice.name for voice in voices if voice.name.startswith(name.split("_")[0])]
    voice = next(voice for voice in voices if voice.name == names[0])
    made = script.utterances(task, voice, 2)
    for (text, samples), utterance in zip(made, committed(task, split, voice.name), strict=False):
        assert text == utterance.text
        assert len(samples) == len(utterance.samples)
        kept = utterance.samples.numpy()
        # What Vorbis at 12 kbit/s loses is a tenth of the energy or less; a shift by one sample would lose far more.
        assert np.square(samples - kept).sum() < 0.15 * np.square(samples).sum()
        shifted = np.square(samples[1:] - kept[:-1]).sum()
        assert np.square(samples - kept).sum() < shifted


def test_a_part_is_made_by_the_command_as_it_is_in_the_whole(synthesisers, tmp_path):
    command = [sys.executable, str(DATA / "make_corpora.py"), "--folder", str(tmp_path), "--first", "1"]
    done = subprocess.run([*command, "--only", "home/test_unseen"], capture_output=True, text=True, check=True)
    assert "2/2" in done.stderr  # the progress bar
    assert {path.name for path in tmp_path.iterdir()} == {
        "SHA256SUMS",
        "about.json",
        "featured.flac",
        "home-test_unseen-0.ogg",
        "index.tsv",
    }
    assert (tmp_path / "about.json").read_text() == (DATA / "about.json").read_text()
    assert (tmp_path / "featured.flac").read_bytes() == (DATA / "featured.flac").read_bytes()
    rows = [line.split("\t") for line in (tmp_path / "index.tsv").read_text().splitlines()[1:]]
    whole = [line.split("\t") for line in (DATA / "index.tsv").read_text().splitlines()[1:]]
    firsts = {row[5]: row for row in reversed(whole) if row[3:5] == ["home", "test_unseen"]}
    assert [row[2:] for row in rows] == [row[2:] for row in firsts.values()][::-1]
    fresh, kept = (set((folder / "SHA256SUMS").read_text().splitlines()) for folder in (tmp_path, DATA))
    assert {line.split()[1] for line in fresh & kept} == {"about.json", "featured.flac"}


def test_the_index_has_as_many_lines_as_the_script_promises(script):
    for task, splits in script.COUNTS.items():
        assert {split: len(corpora.load(task, split)) for split in splits} == splits
    about = json.loads((places.data_folder() / "about.json").read_text())
    assert (about["seed"], about["sample_rate"]) == (script.SEED, corpora.SAMPLE_RATE)


def test_every_voice_is_one_line_with_known_engine_accent_and_licence(script):
    module = importlib.import_module("synthesisers")
    voices, book = module.read_voices(), module.accents()
    assert len({voice.name for voice in voices}) == len(voices)
    for voice in voices:
        assert voice.engine in script.WEIGHT
        assert voice.accent == "-" or voice.accent in {**book["respelling"], **book["phones"]}, voice
        assert voice.tasks == "digits" or voice.accent not in book["respelling"], voice  # only digits are respelt
        assert voice.licence in ("generated", "permissive", "copyleft")
    for speaker in {voice.speaker for voice in voices if voice.engine != "espeak-ng"}:
        assert len({voice.split for voice in voices if voice.speaker == speaker}) == 1, speaker
    assert all(set(spelling) == set(script.DIGITS) for spelling in book["respelling"].values())


def test_packed_utterances_come_back_at_their_very_sample(script, tmp_path, monkeypatch):
    packing = importlib.import_module("packing")
    monkeypatch.setattr(packing, "FILE_SECONDS", 4)
    noise = np.random.default_rng(0)
    slow = [
        np.convolve(noise.normal(size=n), np.ones(8) / 8, "same").astype("f4") * 0.3 for n in (9000, 77, 20000, 12345)
    ]
    entries = [{"text": str(number), "samples": samples} for number, samples in enumerate(slow)]
    lines = packing.pack(tmp_path, "some", entries, 1.0)
    assert [(line["file"], line["start"], line["length"]) for line in lines] == [
        ("some-0.ogg", 0, 9000),
        ("some-0.ogg", 9000, 77),
        ("some-0.ogg", 9077, 20000),
        ("some-1.ogg", 0, 12345),
    ]
    for line, samples in zip(lines, slow, strict=True):
        heard = soundfile.read(tmp_path / line["file"], start=line["start"], frames=line["length"])[0]
        assert len(heard) == len(samples)
        errors = [np.square(np.roll(heard, shift) - samples).sum() for shift in (-2, -1, 0, 1, 2)]
        assert np.argmin(errors) == 2


def test_the_same_samples_give_the_same_bytes(script, tmp_path):
    packing = importlib.import_module("packing")
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, 30000).astype("f4")
    for name in ("a.ogg", "b.ogg"):
        packing.write_ogg(tmp_path / name, samples, 1.0)
    assert (tmp_path / "a.ogg").read_bytes() == (tmp_path / "b.ogg").read_bytes()
    stream = (tmp_path / "a.ogg").read_bytes()
    other = packing.renumber(stream, serial=77)
    assert other != stream
    assert packing.renumber(other, serial=1) == stream


def test_trimming_keeps_the_word_and_takes_the_silence(script):
    word = np.sin(np.arange(800))
    given = np.concatenate([np.full(1600, 1e-4), word, np.zeros(2400)]).astype("f4")
    kept = script.trim(given, 8000)
    assert len(word) <= len(kept) <= len(word) + 320
    assert np.square(kept).sum() == pytest.approx(np.square(word).sum(), rel=1e-3)


def test_shares_add_up_and_favour_voices_from_recordings(script):
    voices = importlib.import_module("synthesisers").read_voices()
    for task, splits in script.COUNTS.items():
        for split, count in splits.items():
            given = list(script.shares(task, split, voices))
            assert sum(share for _, share in given) == count
            assert all(share > 0 for _, share in given)
    train = list(script.shares("digits", "train", voices))
    mean = {kind: np.mean([n for v, n in train if (v.engine == "espeak-ng") == kind]) for kind in (True, False)}
    assert mean[False] > mean[True]


def test_the_grammar_says_the_time_and_repeats_itself_with_its_seed(script):
    sentences = {script.home(random.Random(seed))[0] for seed in range(500)}
    assert sentences == {script.home(random.Random(seed))[0] for seed in range(500)}
    starts = ("set the alarm for", "turn off the lamp in the", "remind me to call the office", "play some music in the")
    assert all(any(sentence.startswith(start) for sentence in sentences) for start in starts)


def test_a_missing_synthesiser_is_named_with_its_package(script, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="needs espeak-ng, which is not installed; on Debian: apt install"):
        script.make(tmp_path / "out", [], None, 1)
    assert not (tmp_path / "out").exists()


def test_a_failure_half_way_leaves_the_old_corpora_alone(script, monkeypatch, tmp_path):
    (tmp_path / "digits-test-0.ogg").write_bytes(b"old")
    monkeypatch.setattr(script, "versions", lambda voices: {})
    monkeypatch.setenv("PATH", str(tmp_path))  # so that the first voice fails, in its process
    with pytest.raises(FileNotFoundError):
        script.make(tmp_path, ["digits/test"], 1, 1)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"digits-test-0.ogg": b"old"}


def test_a_part_does_not_replace_the_whole():
    command = [sys.executable, str(DATA / "make_corpora.py"), "--only", "digits/test"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": ""})
    assert done.returncode == 2
    assert "give a --folder for it" in done.stderr
