"""The small recogniser by attention: its batches, its looks and their measures, and the strings that upset it."""

import pytest
import torch

from course_utils.algorithms import attention
from course_utils.data.corpora import Utterance
from course_utils.experiments import listening, readers


def utterance(text: str, seconds: float = 0.4, voice: str = "a") -> Utterance:
    noise = torch.randn(round(8000 * seconds), generator=torch.Generator().manual_seed(len(text)))
    return Utterance(f"{voice}-{text}", 0.1 * noise, text, voice, "none")


@pytest.fixture(scope="module")
def batch():
    return listening.one_batch([utterance("three one four", 1.0), utterance("two")])


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return listening.model_with(attention.scaled_dot, units=8).eval()


def test_a_batch_holds_frames_and_digits(batch):
    assert batch.inputs.shape == (2, 101, 40)
    assert batch.lengths.tolist() == [101, 41]
    assert batch.targets.tolist() == [[6, 4, 7, readers.EOS], [5, readers.EOS, 0, 0]]
    assert batch.target_lengths.tolist() == [4, 2]


def test_batches_go_from_short_to_long():
    rows = [utterance("one", s) for s in (0.9, 0.3, 0.6)]
    assert [b.lengths.tolist() for b in listening.in_batches(rows, 2)] == [[31, 61], [91]]


def test_the_penalty_is_added_to_the_loss(batch, model):
    plain, guided, twice = (listening.loss(model, batch, guide) for guide in (0.0, 1.0, 2.0))
    assert guided > plain
    torch.testing.assert_close(twice - guided, guided - plain)


def test_each_look_has_the_size_of_its_utterance(batch, model):
    long, short = listening.looks(model, batch)
    assert (long.shape, short.shape) == ((3, 26), (1, 11))
    torch.testing.assert_close(long.sum(1), torch.ones(3))
    with pytest.raises(ValueError, match="build it with a score"):
        listening.looks(listening.model_with(None, units=8), batch)


def test_straight_looks_have_1_and_others_less():
    steps = torch.eye(9)[[0, 4, 8]]
    assert listening.straightness([steps]) == pytest.approx(1.0)
    assert listening.straightness([steps.flip(0)]) == pytest.approx(-1.0)
    assert listening.straightness([torch.full((4, 9), 1 / 9)]).abs() < 1e-3
    assert listening.straightness([steps, steps.flip(0), torch.eye(2)]) == pytest.approx(0.0)
    with pytest.raises(ValueError, match="three rows"):
        listening.straightness([torch.eye(2)])


def test_sharp_looks_have_1():
    assert listening.sharpness([torch.eye(3), torch.full((3, 2), 0.5)]) == pytest.approx(0.75)


def test_it_learns_four_utterances_by_heart():
    rows = [utterance("one", 0.3), utterance("two two", 0.5), utterance("three", 0.7), utterance("nine one", 0.9)]
    batches, seen = listening.in_batches(rows, 4), []
    model = listening.train(readers.sounds(rows), 0, updates=100, watch=lambda model, update: seen.append(update))
    said, found = listening.transcripts(model, batches)
    assert said == ["one", "two two", "three", "nine one"]
    assert found == said
    assert seen == [50, 100]
    assert listening.tokens_right(model, batches, 1.0) == 1.0
    assert listening.tokens_right(model, batches, 0.0) == 1.0
    written, scores = listening.hear(model, rows[3])
    assert written == ["nine", "one", "<eos>"]
    weights = attention.masked_softmax(scores[None])[0]
    torch.testing.assert_close(weights[:2], listening.looks(model, listening.one_batch([rows[3]]))[0])


def test_strings_are_made_of_one_voice():
    words = [utterance(w, 0.2, voice) for voice in "ab" for w in ("one", "two", "three", "four")]
    others = [utterance("five", 0.2, "c"), utterance("six six", 0.4, "a")]
    mixed = listening.strings(words + others, 3, seed=0, pause=0.5, count=8)
    assert sum(len(batch.inputs) for batch in mixed) == 8
    assert mixed[0].lengths.tolist() == [1 + 160] * 8  # 3 · 0.2 + 2 · 0.5 s
    assert (mixed[0].targets < readers.TOKENS.index("5")).all()
    same = listening.strings(words, 3, seed=0, repeat=True, count=8)[0].targets
    assert (same[:, 0] == same[:, 1]).logical_and(same[:, 1] == same[:, 2]).all()
    with pytest.raises(ValueError, match="four different single words"):
        listening.strings(others, 3, seed=0)
