"""What recognisers are judged on, and whether one is better: planted differences, and none."""

import pytest
import torch

from course_utils.algorithms import metrics
from course_utils.data import corpora
from course_utils.experiments import judging

SAID = ["one two", "three", "four five six", "seven eight"] * 10


def test_the_sets_hold_what_their_names_say(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_REAL_SPEECH", str(tmp_path))
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    sets = judging.sets(4)
    assert list(sets) == ["unseen voices", "in noise, 10 dB", "unseen synthesiser"]
    clean, noisy, unseen = sets.values()
    assert [one.text for one in clean] == [one.text for one in noisy]
    signal = torch.cat([one.samples for one in clean])
    noise = torch.cat([one.samples for one in noisy]) - signal
    assert 10 * torch.log10(signal.square().mean() / noise.square().mean()) == pytest.approx(10, abs=2)
    assert {one.engine for one in unseen} == {"flite"}
    trained = {one.voice for one in corpora.load("digits", "train", 500)}
    assert not trained & {one.voice for one in clean + unseen}
    with pytest.raises(ValueError, match="count is 0"):
        judging.sets(0)


def test_a_rate_lies_in_its_interval():
    written = [text.replace("three", "nine") for text in SAID]
    value, low, high = judging.rate(SAID, written)
    assert value == pytest.approx(100 / 8) == 100 * metrics.wer(SAID, written)
    assert low < value < high


def test_a_planted_difference_is_found():
    worse = [text.replace("five", "nine") for text in SAID]
    value, low, high = judging.paired(SAID, worse, SAID)
    assert value == pytest.approx(100 / 8)
    assert 0 < low < value < high
    turned = judging.paired(SAID, SAID, worse)
    assert turned == pytest.approx((-value, -high, -low), abs=1e-4)


def test_where_there_is_none_none_is_found():
    one = [text if k % 2 else text.replace("one", "nine") for k, text in enumerate(SAID)]
    other = [text if k % 2 else text.replace("two", "nine") for k, text in enumerate(SAID)]
    assert judging.paired(SAID, one, other) == (0.0, 0.0, 0.0)  # the same number wrong in each: pairing sees it
    shifted = other[2:] + other[:2]
    value, low, high = judging.paired(SAID, one, shifted)
    assert low <= value <= high


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="2 texts said and 1 written"):
        judging.paired(["one", "two"], ["one"], ["one", "two"])
    with pytest.raises(ValueError, match="0 draws"):
        judging.paired(["one"], ["one"], ["one"], draws=0)
