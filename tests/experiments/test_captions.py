"""Captions: planted words are found where they were put, players show what was heard, and WebVTT says it in text."""

import re

import pytest
import torch

from course_utils.data.batches import EDGE
from course_utils.data.corpora import Utterance
from course_utils.experiments import captions
from course_utils.experiments.captions import Caption
from course_utils.recogniser import BLANK, Recogniser

TIMES = [(0.3, 0.7), (0.82, 1.1), (1.2, 1.65)]  # seconds of three sounds, in two seconds of near silence


def spoken(rate: int = 8000) -> Utterance:
    samples = 1e-4 * torch.randn(2 * rate, generator=torch.Generator().manual_seed(0))
    for start, end in TIMES:
        time = torch.arange(round(start * rate), round(end * rate))
        samples[time] += 0.3 * torch.sin(2 * torch.pi * 300 * time / rate)
    return Utterance("planted", samples, "one two two", "nobody", "none", rate)


def spikes(labels, at, classes: int = 4, subsampling: int = Recogniser.subsampling) -> torch.Tensor:
    """Posteriors that are sure of a label for one frame at each of these seconds, and of the blank elsewhere."""
    probs = torch.full(((200 + 2 * EDGE) // subsampling, classes), 0.01)
    probs[:, 0] = 0.97
    for label, seconds in zip(labels, at, strict=True):
        frame = round((100 * seconds + EDGE) / subsampling)
        probs[frame, 0], probs[frame, label] = 0.01, 0.97
    return probs.log()


@pytest.mark.parametrize("at", [(0.5, 1.0, 1.4), (0.32, 0.84, 1.2), (0.68, 1.04, 1.6)])
def test_planted_words_are_found(at):
    found = captions.timed(spoken(), ["one", "two", "two"], [1, 2, 2], spikes([1, 2, 2], at))
    assert [caption.word for caption in found] == ["one", "two", "two"]
    assert found[0].start == pytest.approx(TIMES[0][0], abs=0.04)
    assert found[-1].end == pytest.approx(TIMES[-1][1], abs=0.04)
    for (_, end), (start, _), left, right in zip(TIMES, TIMES[1:], found, found[1:], strict=False):
        assert left.end == right.start
        assert end - 0.04 < left.end < start + 0.04  # in the silence between the two
    assert all(caption.score == pytest.approx(torch.tensor(0.97).log().item()) for caption in found)


def test_words_without_a_pause_part_at_the_quietest_moment():
    samples = torch.cat([0.5 * torch.ones(4000), 0.2 * torch.ones(800), 0.4 * torch.ones(3200)])
    ((_, cut), _) = captions.boundaries(samples, 8000, [(0.1, 0.2), (0.8, 0.9)])
    assert 0.5 <= cut <= 0.6
    assert captions.boundaries(samples, 8000, [(-0.2, -0.1), (0.0, 0.0)])[0][0] == 0.0  # labels in the added silence
    with pytest.raises(ValueError, match=re.escape("samples have the shape (10,)")):
        captions.boundaries(samples[:10], 8000, [(0, 1)])


def test_no_words_have_no_captions():
    assert captions.timed(spoken(), [], [], spikes([], [])) == []


@pytest.fixture
def model(monkeypatch):
    """A recogniser whose posteriors are planted: it hears "one three"."""
    monkeypatch.setattr(captions, "posteriors", lambda model, samples: [spikes([1, 3], [0.5, 1.4])])
    torch.manual_seed(0)
    return Recogniser([BLANK, "one", "two", "three"], hidden=4)


def test_the_player_puts_truth_over_what_was_heard(model):
    widget = captions.player(model, spoken())
    rows = widget.data["rows"]
    assert [row[0] for row in rows] in (["equal", "substitute", "delete"], ["equal", "delete", "substitute"])
    assert [row[1][0] for row in rows] == ["one", "two", "two"]
    assert [row[2][0] for row in rows if row[2]] == ["one", "three"]
    assert "“one two two”, heard as “one three”, 2 errors" in widget.caption()
    other = captions.player(model, spoken(), "one two two three")
    assert [row[0] for row in other.data["rows"]].count("insert") == 1
    assert "heard right" in captions.player(model, spoken(), "one two two").caption()
    assert [row[0] for row in captions.player(model, spoken(), "").data["rows"]] == ["delete"] * 3


def test_words_of_the_text_or_of_another(model):
    assert [caption.word for caption in captions.words(model, spoken())] == ["one", "two", "two"]
    assert [caption.word for caption in captions.words(model, spoken(), "three")] == ["three"]
    with pytest.raises(ValueError, match="four"):
        captions.words(model, spoken(), "four")


def test_frames_are_as_long_as_the_model_says(model, monkeypatch):
    """Lesson 12's network reads eight frames as one."""
    expected = captions.words(model, spoken(), "one three")
    planted = spikes([1, 3], [0.5, 1.4], subsampling=8)
    monkeypatch.setattr(captions, "posteriors", lambda model, samples: [planted])
    model.frame_seconds = 0.08
    found = captions.words(model, spoken(), "one three")
    for one, other in zip(found, expected, strict=True):
        assert (one.start, one.end) == pytest.approx((other.start, other.end), abs=0.05)
    rows = captions.player(model, spoken(), "one three").data["rows"]
    assert rows[0][2][2] == pytest.approx(expected[0].end, abs=0.05)


SAID = [Caption("one", 0.3, 0.7604, -0.1), Caption("<&>", 0.7604, 61.5, -0.2), Caption("two", 3661.0, 3661.25, -0.3)]


def test_webvtt_times_each_word():
    assert captions.to_webvtt(SAID, most_words=2) == (
        "WEBVTT\n\n"
        "00:00:00.300 --> 00:01:01.500\n<00:00:00.300><c>one</c> <00:00:00.760><c>&lt;&amp;&gt;</c>\n\n"
        "01:01:01.000 --> 01:01:01.250\n<01:01:01.000><c>two</c>\n"
    )
    assert captions.to_webvtt([]) == "WEBVTT\n"
    assert captions.to_webvtt(SAID).count("-->") == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: captions.to_webvtt(SAID, 0), "most_words is 0"),
        (lambda: captions.to_webvtt(SAID[::-1]), "'<&>' at 0.76 s comes before 'two' has ended, 3661.25 s"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
