"""The embedded corpora and FSDD: promises of the data card, each line of the index, splits that leak nothing."""

import re
import shutil
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from course_utils import places
from course_utils.data import corpora
from course_utils.data.audio import AudioError
from course_utils.data.corpora import DIGITS, MissingCorpus, Utterance

SPLITS = [(task, split) for task in corpora.TASKS for split in corpora.SPLITS]


@pytest.mark.parametrize(("task", "split"), SPLITS)
def test_every_utterance_is_audible_speech_of_a_likely_length_with_silence_around(task, split):
    utterances = corpora.load(task, split)
    assert len({utterance.name for utterance in utterances}) == len(utterances)
    for utterance in utterances:
        samples = utterance.samples
        assert samples.dtype == torch.float32
        assert torch.isfinite(samples).all()
        assert 0.01 < samples.abs().max() <= 1, utterance
        words = utterance.text.split()
        assert 0.2 + 0.09 * len(words) < utterance.seconds < 1 + 1.3 * len(words), utterance
        loud = samples.abs().max()
        edges = torch.cat([samples[:320], samples[-320:]])  # 40 ms; the card says 50 or more
        assert edges.abs().max() < 0.2 * loud, utterance


def test_words_are_spoken_where_the_index_says():
    """Neighbours in a packed file are not shifted: the loudest 100 ms lie inside, and silence at each joint."""
    utterances = corpora.load("digits", "test")
    inside = torch.stack([u.samples[400:-400].square().mean() for u in utterances])
    joints = torch.stack([torch.cat([u.samples[:240], u.samples[-240:]]).square().mean() for u in utterances])
    assert (joints < 0.01 * inside).float().mean() > 0.99


def test_texts_are_digit_strings_and_sentences_of_a_small_grammar():
    lengths, digits = set(), []
    for split in corpora.SPLITS:
        for utterance in corpora.load("digits", split):
            words = utterance.text.split()
            assert set(words) <= set(DIGITS)
            lengths.add(len(words))
            digits += words
    assert lengths == set(range(1, 8))
    assert all(0.09 < digits.count(digit) / len(digits) < 0.11 for digit in DIGITS)
    texts = [utterance.text for split in corpora.SPLITS for utterance in corpora.load("home", split)]
    assert all(re.fullmatch(r"[a-z]+( [a-z]+)*", text) for text in texts)
    assert 50 <= len({word for text in texts for word in text.split()}) <= 70


@pytest.mark.parametrize("task", corpora.TASKS)
def test_no_voice_is_in_two_splits_and_the_unseen_synthesiser_is_only_in_its_own(task):
    voices = {split: {u.voice for u in corpora.load(task, split)} for split in corpora.SPLITS}
    for one in corpora.SPLITS:
        for other in corpora.SPLITS:
            assert one == other or not voices[one] & voices[other]
    assert len(voices["train"]) >= 60
    assert all(voice.startswith(("rms", "slt")) for voice in voices["test_unseen"])
    assert not any("slt" in v or "rms" in v for split in ("train", "valid", "test") for v in voices[split])


def test_at_most_twenty_megabytes_and_two_a_file():
    sizes = [path.stat().st_size for path in places.data_folder().rglob("*") if "__pycache__" not in path.parts]
    assert sum(sizes) <= 20e6
    assert max(sizes) <= 2e6


def test_a_limit_spreads_over_the_voices():
    whole, some = corpora.load("digits", "valid"), corpora.load("digits", "valid", limit=24)
    assert [u.name for u in some] == [whole[i * len(whole) // 24].name for i in range(24)]
    assert {u.voice for u in some} == {u.voice for u in whole}
    assert len(corpora.load("digits", "valid", limit=10**6)) == len(whole)
    some.clear()  # the caller's own list
    assert len(corpora.load("digits", "valid")) == len(whole)


def test_the_featured_utterance_is_lossless_and_says_three_one_four():
    featured = corpora.featured()
    low = corpora.featured(8000)
    assert (low.sample_rate, 2 * len(low.samples)) == (8000, pytest.approx(len(featured.samples), abs=2))
    raw, rate = soundfile.read(places.data_folder() / "featured.flac", dtype="float32")
    assert (featured.text, featured.sample_rate, rate) == ("three one four", 16000, 16000)
    torch.testing.assert_close(featured.samples, torch.from_numpy(raw), atol=0, rtol=0)
    assert 0.8 < featured.seconds < 3
    assert "three one four" in repr(featured)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("digit",), "task 'digit' is none of digits, home"),
        (("digits", "dev"), "split 'dev' is none of train, valid, test, test_unseen"),
        (("digits", "test", 0), "limit must be a whole number from 1 on, or None for all; got 0"),
        (("digits", "test", True), "got True"),
    ],
)
def test_a_wrong_name_or_limit_is_refused(arguments, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        corpora.load(*arguments)


def test_missing_and_damaged_files_name_themselves(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "data_folder", lambda: tmp_path)
    with pytest.raises(MissingCorpus, match=r"index.tsv belongs to the course and is missing; `course data verify`"):
        corpora.load("home", "test_unseen")
    with pytest.raises(MissingCorpus, match=r"featured.flac"):
        corpora.featured()
    monkeypatch.undo()
    for name in ("index.tsv", "digits-test_unseen-0.ogg"):
        shutil.copy(places.data_folder() / name, tmp_path)
    monkeypatch.setattr(places, "data_folder", lambda: tmp_path)
    with pytest.raises(MissingCorpus, match=r"home-test_unseen-0.ogg"):
        corpora.load("home", "test_unseen")
    sound = tmp_path / "digits-test_unseen-0.ogg"
    whole = sound.read_bytes()
    sound.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MissingCorpus, match=r"digits-test_unseen-0.ogg is shorter than the index says"):
        corpora.load("digits", "test_unseen")
    sound.write_bytes(b"no sound")
    with pytest.raises(MissingCorpus, match=r"digits-test_unseen-0.ogg is damaged"):
        corpora.load("digits", "test_unseen")


def test_the_list_of_corpora_agrees_with_what_is_loaded_and_wants_no_torch():
    for name in corpora.TASKS:
        found = corpora.info(name)
        loaded = {split: corpora.load(name, split) for split in corpora.SPLITS}
        assert found.counts == {split: len(utterances) for split, utterances in loaded.items()}
        seconds = sum(u.seconds for utterances in loaded.values() for u in utterances)
        assert found.hours == pytest.approx(seconds / 3600)
    code = (
        "import sys; from course_utils.data import corpora; "
        "[corpora.info(name) for name in corpora.names()]; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    with pytest.raises(ValueError, match="no corpus is called 'fsd'; there are digits, home, fsdd"):
        corpora.info("fsd")


@pytest.fixture
def people():
    """Recordings in which each sample tells digit and take, by two speakers: what is joined can be read off."""
    return [
        Utterance(
            f"{digit}_{voice}_{take}",
            torch.full((400 + digit,), (1 + take + 10 * digit) / 1000),
            DIGITS[digit],
            voice,
            "human",
        )
        for voice in ("ann", "bob")
        for digit in range(10)
        for take in range(8)
    ]


def test_strings_are_whole_recordings_of_one_speaker_with_silence_between(people):
    strings = corpora.fsdd_strings(people, 200, seed=3)
    for string in strings:
        values = torch.unique_consecutive(string.samples)
        heard = [round(float(value) * 1000 - 1) // 10 for value in values if value]
        assert [DIGITS[digit] for digit in heard] == string.text.split()
        assert values[0] == values[-1] == 0
        assert (values[::2] == 0).all()
        assert string.samples.count_nonzero() == sum(400 + digit for digit in heard)
        quiet = len(string.samples) - int(string.samples.count_nonzero())
        assert 0.05 <= quiet / 8000 / (len(heard) + 1) <= 0.2
    assert {len(string.text.split()) for string in strings} == set(range(1, 8))
    assert {string.voice for string in strings} == {"ann", "bob"}


def test_strings_depend_on_their_seed_alone(people):
    texts = [u.text for u in corpora.fsdd_strings(people, 20, seed=1)]
    assert texts == [u.text for u in corpora.fsdd_strings(people, 20, seed=1)]
    assert texts[:10] == [u.text for u in corpora.fsdd_strings(people, 10, seed=1)]
    assert texts != [u.text for u in corpora.fsdd_strings(people, 20, seed=2)]
    assert {len(u.text.split()) for u in corpora.fsdd_strings(people, 20, seed=1, max_digits=1)} == {1}
    wrongs: list[dict[str, Any]] = [{"count": 0}, {"count": 3, "max_digits": 0}, {"count": 3, "gap": (0.2, 0.1)}]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="need count >= 1"):
            corpora.fsdd_strings(people, seed=0, **wrong)
    with pytest.raises(ValueError, match="at least one recording"):
        corpora.fsdd_strings([], 3, seed=0)


def test_official_and_held_out_splits(people):
    train, test = corpora.fsdd_official(people)
    assert len(train) + len(test) == len(people)
    assert {u.name[-1] for u in test} == set("01234")
    assert {u.name[-1] for u in train} == set("567")
    train, test = corpora.fsdd_held_out(people, ["bob"])
    assert {u.voice for u in train} == {"ann"}
    assert {u.voice for u in test} == {"bob"}
    for wrong in ([], ["eve"], ["ann", "bob"]):
        with pytest.raises(ValueError, match="hold out some, and not all, of the speakers ann, bob; got"):
            corpora.fsdd_held_out(people, wrong)


def write_recordings(folder, names):
    folder.mkdir(parents=True)
    for name in names:
        soundfile.write(folder / f"{name}.wav", np.array([0.1, -0.2, 0.3]), 8000)


def test_fsdd_is_looked_for_where_told_then_in_the_environment_then_at_home(tmp_path, monkeypatch, home):
    monkeypatch.delenv("COURSE_REAL_SPEECH", raising=False)
    with pytest.raises(MissingCorpus, match="`course data get fsdd`"):
        corpora.fsdd_recordings()
    assert corpora.info("fsdd").remedy == "course data get fsdd"
    write_recordings(home / "speech" / "fsdd" / "recordings", ["3_theo_0"])
    write_recordings(tmp_path / "env" / "recordings", ["4_theo_10", "4_theo_9", "7_theo_1", "1_jackson_2"])
    write_recordings(tmp_path / "told", ["5_theo_0"])
    assert [u.text for u in corpora.fsdd_recordings()] == ["three"]
    for folder in ("env", "env/recordings"):
        monkeypatch.setenv("COURSE_REAL_SPEECH", str(tmp_path / folder))
        assert [u.name for u in corpora.fsdd_recordings()] == ["1_jackson_2", "4_theo_9", "4_theo_10", "7_theo_1"]
    assert [u.text for u in corpora.fsdd_recordings(tmp_path / "told")] == ["five"]
    assert corpora.info("fsdd").counts == {"jackson": 1, "theo": 3}
    with pytest.raises(MissingCorpus, match="nowhere"):
        corpora.fsdd_recordings(tmp_path / "nowhere")
    (tmp_path / "told" / "6_theo_0.wav").write_bytes(b"RIFF")
    corpora._fsdd.cache_clear()
    with pytest.raises(AudioError, match=r"6_theo_0.wav"):
        corpora.fsdd_recordings(tmp_path / "told")


def test_real_recordings_are_those_of_the_card(real_speech):
    recordings = corpora.fsdd_recordings(real_speech)
    counts = {voice: sum(u.voice == voice for u in recordings) for voice in {u.voice for u in recordings}}
    assert set(counts.values()) == {500}
    train, test = corpora.fsdd_official(recordings)
    assert (len(train), len(test)) == (450 * len(counts), 50 * len(counts))
    assert all(0.1 < u.seconds < 3 and u.samples.abs().max() > 0.01 for u in recordings)


@pytest.fixture
def real_speech():
    """The folder of real speech on this machine."""
    import os

    folder = os.environ.get("COURSE_REAL_SPEECH")
    if not folder:
        pytest.skip("no real speech here: set COURSE_REAL_SPEECH to a copy of FSDD")
    return folder
