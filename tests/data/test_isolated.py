import pytest
import torch

from course_utils.data import corpora, isolated
from course_utils.data.corpora import Utterance


def sound(seconds, height=0.5, rate=8000):
    return height * torch.sin(torch.arange(round(seconds * rate)) * 0.5)


def silence(seconds, rate=8000):
    return torch.zeros(round(seconds * rate))


def said(text, *parts):
    return Utterance("made", torch.cat(parts), text, "nobody", "none")


def test_spans_begin_and_end_with_the_sound():
    found = isolated.spans(torch.cat([silence(0.2), sound(0.3), silence(0.2), sound(0.4, 0.1), silence(0.3)]), 8000)
    assert len(found) == 2
    for (start, end), (first, last) in zip(found, [(0.2, 0.5), (0.7, 1.1)], strict=True):
        assert start == pytest.approx(first, abs=0.03)
        assert end == pytest.approx(last, abs=0.03)


def test_a_short_silence_is_inside_a_word_and_a_soft_sound_is_silence():
    six = torch.cat([sound(0.2), silence(0.06), sound(0.2), silence(0.3), sound(0.2, 0.01)])
    assert len(isolated.spans(six, 8000)) == 1
    assert len(isolated.spans(six, 8000, pause=0.02)) == 2
    assert len(isolated.spans(six, 8000, depth=50)) == 2
    assert isolated.spans(silence(0.5), 8000) == []


def test_words_are_cut_where_there_are_as_many_pieces():
    apart = said("one two", silence(0.1), sound(0.3), silence(0.2), sound(0.4), silence(0.1))
    one, two = isolated.cut([apart])
    assert (one.name, one.text, two.name, two.text) == ("made-0", "one", "made-1", "two")
    assert one.voice == "nobody"
    assert one.seconds == pytest.approx(0.36, abs=0.05)
    assert two.samples.abs().max() == pytest.approx(0.5, abs=1e-3)
    one_breath = said("one two", sound(0.6))
    too_long = said("one", sound(1.5))
    assert isolated.cut([one_breath, too_long]) == []


def test_real_utterances():
    strings = corpora.load("digits", "valid", limit=60)
    words = isolated.cut(strings)
    assert len(words) > 30
    assert {word.text for word in words} <= set(corpora.DIGITS)
    single = [string for string in strings if " " not in string.text]
    assert len(isolated.cut(single)) > 0.9 * len(single)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"\(10,\); give \(N,\), at least 200"):
        isolated.spans(torch.zeros(10), 8000)
    with pytest.raises(ValueError, match=r"\(2, 900\)"):
        isolated.spans(torch.zeros(2, 900), 8000)
