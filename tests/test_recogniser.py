import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from course_utils import recogniser
from course_utils.algorithms import features
from course_utils.data.corpora import Utterance
from course_utils.recogniser import CheckpointError, Recogniser

PITCHES = {"one": 300, "two": 700, "three": 1500}


def say(text, voice="beeper"):
    """A language of beeps, one pitch a word: enough to test a recogniser in seconds."""
    time = torch.arange(1600) / 8000
    quiet = torch.zeros(800)
    beeps = [torch.cat([0.3 * torch.sin(2 * math.pi * PITCHES[word] * time), quiet]) for word in text.split()]
    noise = torch.randn(2400 * len(beeps) + 800, generator=torch.Generator().manual_seed(len(text)))
    return Utterance(text, torch.cat([quiet, *beeps]) + 1e-3 * noise, text, voice, "beeps")


FOUR = [say("one two three"), say("three three"), say("two"), say("three one two one")]


@pytest.fixture(scope="module")
def trained():
    return recogniser.train(FOUR, updates=150, augment=False, progress=False)


@pytest.fixture
def untrained():
    torch.manual_seed(0)
    return Recogniser(["·", "one", "two", "three"], hidden=16).eval()


def test_overfits_four_utterances(trained):
    model, history = trained
    assert recogniser.transcribe(model, [u.samples for u in FOUR]) == [u.text for u in FOUR]
    assert history.updates == 150
    assert history.losses[-1] < 0.5 < history.losses[0]
    assert model.vocabulary == ["·", "one", "two", "three"]


def test_the_score_is_that_of_the_transcripts(trained):
    model, _ = trained
    wrong = [replace(FOUR[0], text="one two two"), *FOUR[1:]]
    score = recogniser.evaluate(model, wrong)
    assert score.wer == 1 / 10
    assert score.low <= score.wer <= score.high
    assert score.utterances == 4
    assert str(score).startswith("WER 10.0 % (0.0 to ")
    assert recogniser.evaluate(model, FOUR).wer == 0
    assert recogniser.evaluate(model, FOUR, snr=-30).wer > 0


def test_same_seed_same_recogniser():
    losses = [recogniser.train(FOUR, seed=s, updates=4, progress=False)[1].losses for s in (3, 3, 4)]
    assert losses[0] == losses[1] != losses[2]


def test_a_seed_leaves_torchs_own_chance_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    recogniser.train(FOUR, updates=1, progress=False)
    assert torch.equal(torch.rand(1), expected)


def test_padding_and_order_change_nothing(untrained):
    waves = [u.samples for u in FOUR]
    one_by_one = [recogniser.posteriors(untrained, [wave])[0] for wave in waves]
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        together = recogniser.posteriors(untrained, [waves[number] for number in order])
        for number, found in zip(order, together, strict=True):
            assert torch.allclose(found, one_by_one[number], atol=1e-5)


def test_gradients_do_not_come_from_padding(untrained):
    inputs = torch.randn(2, 41, features.N_MELS, requires_grad=True)
    log_probs, lengths = untrained(inputs, torch.tensor([41, 20]))
    assert lengths.tolist() == [6, 3]
    (gradient,) = torch.autograd.grad(log_probs[1, :3].sum(), inputs)
    assert gradient[0].abs().max() == 0
    assert gradient[1, 20:].abs().max() == 0
    assert gradient[1, :20].abs().max() > 0


def test_both_directions_are_read(untrained):
    inputs = torch.randn(1, 80, features.N_MELS)
    before, _ = untrained(inputs, torch.tensor([80]))
    for changed, seen in ((0, -1), (79, 0)):
        other = inputs.clone()
        other[0, changed] += 5
        assert not torch.equal(untrained(other, torch.tensor([80]))[0][0, seen], before[0, seen])


def test_frame_posteriors_are_probabilities_every_80_ms(trained):
    model, _ = trained
    found = recogniser.frame_posteriors(model, FOUR[0].samples)
    assert found.shape == (math.ceil(features.frame_count(len(FOUR[0].samples)) / 8), 4)
    assert torch.allclose(found.sum(1), torch.ones(len(found)), atol=1e-5)
    assert model.frame_seconds == 0.08
    # each word lights up while it sounds: beeps of 0.2 s, 0.3 s apart, from 0.1 s on
    for number, word in enumerate(FOUR[0].text.split()):
        peak = found[:, model.vocabulary.index(word)].argmax() * model.frame_seconds
        assert abs(peak - (0.2 + 0.3 * number)) < 0.2


def test_a_checkpoint_brings_everything_back(trained, tmp_path):
    model, _ = trained
    path = tmp_path / "deep" / "digits.safetensors"
    model.save(path)
    again = Recogniser.from_checkpoint(path)
    assert again.vocabulary == model.vocabulary
    assert again.facts == model.facts
    assert again.facts["updates"] == 150
    waves = [u.samples for u in FOUR]
    for ours, theirs in zip(recogniser.posteriors(model, waves), recogniser.posteriors(again, waves), strict=True):
        assert torch.equal(ours, theirs)
    assert [file.name for file in path.parent.iterdir()] == ["digits.safetensors"]


def test_a_save_that_fails_leaves_the_old_checkpoint(untrained, tmp_path, monkeypatch):
    path = tmp_path / "digits.safetensors"
    untrained.save(path)
    before = path.read_bytes()

    def full(self, content):
        with self.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        untrained.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def _cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def _flip_header(path):
    data = bytearray(path.read_bytes())
    data[3] ^= 0xFF
    path.write_bytes(data)


def _foreign(path):
    save_file({"weight": torch.zeros(3)}, path)


def _other_format(path):
    save_file({"weight": torch.zeros(3)}, path, {"recogniser": json.dumps({"format": "another 9"})})


def _other_shapes(path):
    about = {"format": recogniser.FORMAT, "hidden": 16, "vocabulary": ["·", "one"], "facts": {}}
    save_file({"weight": torch.zeros(3)}, path, {"recogniser": json.dumps(about)})


def _not_finite(path):
    model = Recogniser(["·", "one"], hidden=16)
    torch.nn.init.constant_(model.output.bias, torch.nan)
    model.save(path)


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        _flip_header,
        _foreign,
        _other_format,
        _other_shapes,
        _not_finite,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("not a model"),
        lambda path: torch.save({"weight": torch.zeros(3)}, path),
    ],
)
def test_a_damaged_or_foreign_checkpoint_is_named(untrained, tmp_path, damage):
    path = tmp_path / "digits.safetensors"
    untrained.save(path)
    damage(path)
    with pytest.raises(CheckpointError, match=r"digits\.safetensors is damaged or is no .*course train"):
        Recogniser.from_checkpoint(path)


def test_a_missing_checkpoint_says_how_to_get_one(tmp_path):
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*none\.safetensors.*course train"):
        Recogniser.from_checkpoint(tmp_path / "none.safetensors")


def test_load_or_train_trains_once(home):
    assert recogniser.default_path() == home / "checkpoints" / "digits.safetensors"
    first = recogniser.load_or_train(utterances=FOUR, updates=2, progress=False)
    assert recogniser.default_path().is_file()
    second = recogniser.load_or_train()
    assert torch.equal(first.output.weight, second.output.weight)


def test_training_stopped_by_hand_is_not_kept_for_good(home, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(recogniser, "ctc_of", interrupted)
    model = recogniser.load_or_train(utterances=FOUR, updates=2, progress=False)
    assert isinstance(model, Recogniser)
    assert not recogniser.default_path().exists()


def test_a_target_too_long_for_its_sound_is_named():
    short = replace(FOUR[0], samples=FOUR[0].samples[:1000])
    with pytest.raises(ValueError, match=r"'one one two .* 2 output frames .* at least 9"):
        recogniser.train([*FOUR, replace(short, text="one one two two three three")], updates=1, progress=False)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: recogniser.train([], progress=False), "no utterances to learn from"),
        (lambda m: recogniser.train([replace(FOUR[0], text="")], progress=False), "no words"),
        (lambda m: recogniser.train([replace(FOUR[0], sample_rate=16000)], progress=False), "16000 .* 8000"),
        (lambda m: recogniser.evaluate(m, []), "no utterances to score"),
        (lambda m: recogniser.evaluate(m, [replace(FOUR[0], sample_rate=16000)]), "16000 .* 8000"),
        (lambda m: recogniser.transcribe(m, torch.zeros(900)), "into a list"),
        (lambda m: recogniser.transcribe(m, [torch.zeros(0)]), "too short"),
        (lambda m: recogniser.transcribe(m, [torch.full((900,), torch.nan)]), "NaN"),
        (lambda m: recogniser.frame_posteriors(m, torch.zeros(2, 900)), r"\(N,\)"),
        (lambda m: m.encode("one five"), r"\['five'\] are not in the vocabulary"),
        (lambda m: Recogniser(["one", "two"]), "'·'"),
        (lambda m: Recogniser(["·", "two", "two"]), "each once"),
        (lambda m: m(torch.zeros(1, 20, 13), torch.tensor([20])), r"\(B, T, 40\)"),
        (lambda m: m(torch.zeros(1, 20, 40), torch.tensor([21])), "between 1 and 20"),
    ],
)
def test_bad_input_is_named(untrained, call, message):
    with pytest.raises(ValueError, match=message):
        call(untrained)


def test_nothing_to_transcribe_is_nothing(untrained):
    assert recogniser.transcribe(untrained, []) == []
