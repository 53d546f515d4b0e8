import time
from dataclasses import replace

import pytest
import torch

from course_utils.algorithms import features
from course_utils.data.batches import EDGE, SpeechBatches, padded, silence, with_silence
from course_utils.data.corpora import Utterance


def encode(text):
    return [int(word) for word in text.split()]


def hum(number, length, voice="a"):
    wave = 0.1 * torch.sin(torch.arange(800 * length) * 0.3) * (1 + 0.1 * number)
    return Utterance(f"{voice}{number}", wave, " ".join([str(number)] * length), voice, "hum")


MANY = [hum(number, 1 + number % 3, "ab"[number % 2]) for number in range(1, 11)]


def test_a_pass_gives_every_utterance_once_with_its_own_features():
    batches = SpeechBatches(MANY, encode, size=2, augment=False)
    found = {}
    for batch in batches:
        rows = zip(batch.inputs, batch.lengths, batch.targets.split(batch.target_lengths.tolist()), strict=True)
        for inputs, length, target in rows:
            found[" ".join(map(str, target.tolist()))] = inputs[:length]
    assert len(batches) == 5
    assert found.keys() == {utterance.text for utterance in MANY}
    for utterance in MANY:
        expected = features.level(with_silence(features.log_mel(utterance.samples)))
        assert torch.allclose(found[utterance.text], expected, atol=1e-3)


def test_joins_utterances_of_one_voice_up_to_so_many_words():
    voice_of = {number: utterance.voice for number, utterance in enumerate(MANY, 1)}
    seen = set()
    batches = SpeechBatches(MANY, encode, size=5, join=1.0, most_words=6)
    for _ in range(5):
        for batch in batches:
            for target in batch.targets.split(batch.target_lengths.tolist()):
                said = target.tolist()
                assert len(said) <= 6
                assert len({voice_of[number] for number in said}) == 1
                seen.add(len(set(said)))
    assert seen >= {1, 2, 3}


def test_no_two_passes_are_alike_and_a_seed_repeats_them():
    batches, again = (SpeechBatches(MANY, encode, size=10, seed=3) for _ in range(2))
    first, second = next(iter(batches)), next(iter(batches))
    assert first.inputs.shape != second.inputs.shape or not torch.equal(first.inputs, second.inputs)
    assert torch.equal(first.inputs, next(iter(again)).inputs)


def test_how_busy_the_machine_is_changes_nothing(monkeypatch):
    """The next batch is made in a second thread, now before and now after what the first thread draws."""
    many = [hum(number, 1 + number % 3) for number in range(160)]

    def three_pools(pause, level=features.level):
        def slow(*given):
            time.sleep(pause)
            return level(*given)

        monkeypatch.setattr(features, "level", slow)
        found = []
        for batch in SpeechBatches(many, encode, size=4, seed=5):
            found.append(batch.inputs)
            time.sleep(0.01 - pause)
        return found

    busy, idle = three_pools(0.01), three_pools(0.0)
    assert len(busy) == len(idle) == 40
    assert all(one.shape == other.shape and torch.equal(one, other) for one, other in zip(busy, idle, strict=True))


def test_utterances_of_about_one_length_stand_together():
    batches = SpeechBatches([hum(1, 1 + n % 9) for n in range(256)], encode, size=8, augment=False)
    spread = [int(batch.lengths.max() - batch.lengths.min()) for batch in batches]
    assert max(spread) <= 20  # two words' length, of nine


def test_the_first_pass_and_no_other_may_begin_with_the_shortest():
    batches = SpeechBatches([hum(1, 1 + n % 9) for n in range(256)], encode, size=8, augment=False, shortest_first=True)
    passes = [[int(batch.lengths.max()) for batch in batches] for _ in range(3)]
    assert passes[0] == sorted(passes[0])
    assert passes[1] != sorted(passes[1]) != passes[2]


def test_silence_is_that_of_zeros():
    assert torch.allclose(silence(3), features.log_mel(torch.zeros(160)), atol=1e-5)
    x = torch.randn(7, features.N_MELS)
    assert torch.equal(with_silence(x)[EDGE:-EDGE], x)


def test_padded():
    inputs, lengths = padded([torch.ones(3, 2), torch.ones(1, 2)])
    assert lengths.tolist() == [3, 1]
    assert inputs.sum(2).tolist() == [[2, 2, 2], [2, 0, 0]]


def test_a_foreign_rate_is_named():
    with pytest.raises(ValueError, match=r"'a1' has 16000 samples a second, .* 8000; resample"):
        SpeechBatches([replace(hum(1, 1), sample_rate=16000)], encode)
