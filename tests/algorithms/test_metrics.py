import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.algorithms import metrics

WORDS = st.lists(st.sampled_from(["one", "two", "three"]), max_size=5)


def test_rates_that_a_pencil_can_follow():
    assert metrics.wer(["three one four", "one"], ["three four", "one"]) == 1 / 4
    assert metrics.wer(["one"], ["one two three"]) == 2
    assert metrics.wer(["one two"], [""]) == 1
    assert metrics.cer(["abc"], ["abd"]) == 1 / 3
    assert metrics.cer(["a b"], ["ab"]) == 1 / 3  # the blank is a character


def test_counts_say_which_edits():
    counts = metrics.edit_counts("one two three four five", "one too four five six")
    assert (counts.substitutions, counts.deletions, counts.insertions, counts.length) == (1, 1, 1, 5)
    assert counts.edits == 3
    assert counts.rate == 3 / 5
    assert metrics.edit_counts("", "one two").insertions == 2


@given(WORDS, WORDS)
def test_edits_are_the_fewest(left, right):
    assert metrics.edit_counts(" ".join(left), " ".join(right)).edits == _fewest(tuple(left), tuple(right))


def _fewest(left, right):
    if not left or not right:
        return len(left) + len(right)
    same = _fewest(left[1:], right[1:]) + (left[0] != right[0])
    return min(same, 1 + _fewest(left[1:], right), 1 + _fewest(left, right[1:]))


def test_case_punctuation_and_spaces_do_not_count():
    assert metrics.normalise_text("  It’s  HALF-past\nseven! ") == "it's half past seven"
    assert metrics.wer(["Three, one."], ["three ONE"]) == 0
    assert metrics.normalise_text("人生，就像") == "人生 就像"


def test_the_interval_holds_the_rate_and_narrows_with_more_utterances():
    said, heard = ["one two", "three four"] * 5, ["one two", "three"] * 5
    low, high = metrics.bootstrap_interval(said, heard)
    closer = metrics.bootstrap_interval(said * 20, heard * 20)
    assert 0 <= low < closer[0] < 0.25 < closer[1] < high
    assert metrics.bootstrap_interval(said, heard) == (low, high)
    assert metrics.bootstrap_interval(["one"], ["one"]) == (0, 0)


def test_the_interval_is_the_binomials_where_each_utterance_is_a_word():
    hypotheses = ["one"] * 160 + ["two"] * 40
    low, high = metrics.bootstrap_interval(["one"] * 200, hypotheses, draws=4000)
    spread = 1.96 * (0.2 * 0.8 / 200) ** 0.5
    assert low == pytest.approx(0.2 - spread, abs=0.01)
    assert high == pytest.approx(0.2 + spread, abs=0.01)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="2 references and 1 hypotheses"):
        metrics.wer(["one", "two"], ["one"])
    with pytest.raises(ValueError, match="put a single text into a list"):
        metrics.wer("one", "one")
    with pytest.raises(ValueError, match="hold no words"):
        metrics.wer(["!"], ["one"])
    with pytest.raises(ValueError, match="hold no words"):
        metrics.wer([], [])
    with pytest.raises(ValueError, match=r"level 2 must lie"):
        metrics.bootstrap_interval(["one"], ["one"], level=2)
