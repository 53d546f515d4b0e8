import random
import unicodedata

import jiwer
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

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
    with pytest.raises(ValueError, match="the reference is empty"):
        _ = metrics.edit_counts("", "one two").rate


@given(WORDS, WORDS)
def test_edits_are_the_fewest(left, right):
    assert metrics.edit_counts(" ".join(left), " ".join(right)).edits == _fewest(tuple(left), tuple(right))


def _fewest(left, right):
    if not left or not right:
        return len(left) + len(right)
    same = _fewest(left[1:], right[1:]) + (left[0] != right[0])
    return min(same, 1 + _fewest(left[1:], right), 1 + _fewest(left, right[1:]))


def test_a_table_that_a_pencil_can_follow():
    assert metrics.edit_table("sunday", "saturday")[-1][-1] == 3
    assert metrics.edit_table("ab", "acb") == [[0, 1, 2, 3], [1, 0, 1, 2], [2, 1, 1, 1]]
    assert metrics.align("ab", "acb") == [("equal", "a", "a"), ("insert", None, "c"), ("equal", "b", "b")]
    # on the way back a deletion comes before an insertion
    assert [operation for operation, _, _ in metrics.align("aba", "bab")] == ["insert", "equal", "equal", "delete"]
    assert metrics.align(["one", "two"], []) == [("delete", "one", None), ("delete", "two", None)]
    assert metrics.align([], []) == []


@given(WORDS, WORDS)
def test_each_entry_of_the_table_is_the_fewest(left, right):
    table = metrics.edit_table(left, right)
    assert table == [
        [_fewest(tuple(left[:i]), tuple(right[:j])) for j in range(len(right) + 1)] for i in range(len(left) + 1)
    ]


@given(st.lists(st.sampled_from("abcd"), max_size=80), st.lists(st.sampled_from("abcd"), max_size=80))
def test_the_distance_is_rapidfuzzs(left, right):
    expected = Levenshtein.distance(left, right)
    assert metrics.edit_distance(left, right) == expected
    assert metrics.edit_table(left, right)[-1][-1] == expected
    assert metrics.edit_distance(right, left) == expected


def test_the_distance_of_long_sequences():
    source = random.Random(0)
    left = [source.choice("abcdefgh") for _ in range(700)]
    right = [letter for letter in left if source.random() < 0.9] + ["z"] * 30
    for ours in (metrics.edit_distance(left, right), metrics.edit_table(left, right)[-1][-1]):
        assert ours == Levenshtein.distance(left, right)
    assert metrics.edit_distance(left, left) == 0
    assert metrics.edit_distance([], left) == metrics.edit_distance(left, []) == 700


@given(WORDS, WORDS)
def test_an_alignment_makes_the_one_of_the_other_with_the_fewest_edits(left, right):
    edits = metrics.align(left, right)
    assert [said for _, said, _ in edits if said is not None] == left
    assert [heard for _, _, heard in edits if heard is not None] == right
    for operation, said, heard in edits:
        kinds = {"insert": said is None, "delete": heard is None, "equal": said == heard}
        assert [kind for kind, holds in kinds.items() if holds] == ([operation] if operation != "substitute" else [])
    counts = metrics.count_edits(edits)
    assert counts.edits == metrics.edit_distance(left, right)
    assert counts.length == len(left)
    assert counts.deletions - counts.insertions == len(left) - len(right)


@given(WORDS, WORDS)
def test_counts_agree_with_jiwers(left, right):
    """The sum is the same; between a substitution and an insertion with a deletion, libraries choose on their own."""
    ours = metrics.count_edits(metrics.align(left, right))
    if left and right:
        theirs = jiwer.process_words(" ".join(left), " ".join(right))
        assert ours.edits == theirs.substitutions + theirs.deletions + theirs.insertions
        assert ours.rate == theirs.wer
    assert ours.edits == metrics.edit_counts(" ".join(left), " ".join(right)).edits


def test_tokens_may_be_numbers():
    assert metrics.edit_distance((1, 2, 3), [2, 3, 4]) == 2
    assert metrics.count_edits(metrics.align((1, 2), (1, 0))).substitutions == 1


def test_bleu():
    said = ["the cat sat on the mat .", "life is like a box of chocolates ."]
    assert metrics.bleu(said, said) == pytest.approx(100)
    assert metrics.bleu(said, ["a dog ran", "so what"]) < 2
    heard = ["the cat sat on a mat .", "life is a box of chocolates ."]
    assert metrics.bleu(said, heard) == sacrebleu.corpus_bleu(heard, [said]).score
    # shared runs of one to four tokens: 9 of 9, 7 of 8, 6 of 7, 5 of 6; and one token short of ten
    expected = 100 * (9 / 9 * 7 / 8 * 6 / 7 * 5 / 6) ** 0.25 * 2.718281828 ** (1 - 10 / 9)
    assert metrics.bleu(["a b c d e f g h i j"], ["a b c d e f g h j"]) == pytest.approx(expected)


def test_bleu_of_chinese_needs_its_tokens():
    said, heard = ["人生就像一盒巧克力"], ["人生就像一盒糖果"]
    assert metrics.bleu(said, heard) == 0  # one long word, and wrong
    assert 40 < metrics.bleu(said, heard, "zh") < 80
    assert metrics.bleu(said, heard, "zh") == pytest.approx(metrics.bleu(said, heard, "char"))


def test_rouge():
    said, heard = ["the cat sat on the mat"], ["the cat on the mat lay"]
    assert metrics.rouge(said, said) == 1
    assert metrics.rouge(said, heard, "rouge1") == pytest.approx(5 / 6)
    assert metrics.rouge(said, heard, "rouge2") == pytest.approx(3 / 5)
    assert metrics.rouge(said, heard) == pytest.approx(5 / 6)
    assert metrics.rouge(said * 2, heard + said) == pytest.approx((5 / 6 + 1) / 2)
    assert metrics.rouge(["人生就像"], ["人生像"]) == 0
    assert metrics.rouge(["人生就像"], ["人生像"], characters=True) == pytest.approx(2 * 3 / (3 + 4))


def test_case_punctuation_and_spaces_do_not_count():
    assert metrics.normalise_text("  It’s  HALF-past\nseven! ") == "it's half past seven"
    assert metrics.wer(["Three, one."], ["three ONE"]) == 0
    assert metrics.normalise_text("人生，就像") == "人生 就像"
    assert metrics.normalise_text("ταΐζω") == metrics.normalise_text("ταΐζω".upper()) == "ταΐζω"


@given(st.text())
def test_what_is_normal_stays_as_it_is(text):
    normal = metrics.normalise_text(text)
    assert metrics.normalise_text(normal) == normal
    assert metrics.normalise_text(unicodedata.normalize("NFD", text)) == normal


def test_the_interval_holds_the_rate_and_narrows_with_more_utterances():
    said, heard = ["one two", "three four"] * 5, ["one two", "three"] * 5
    low, high = metrics.bootstrap_interval(said, heard)
    closer = metrics.bootstrap_interval(said * 20, heard * 20)
    assert 0 <= low < closer[0] < 0.25 < closer[1] < high
    assert metrics.bootstrap_interval(said, heard) == (low, high)
    assert metrics.bootstrap_interval(["one"], ["one"]) == (0, 0)
    assert metrics.bootstrap_interval(["one"], ["two"]) == (1, 1)


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
    with pytest.raises(ValueError, match="1 references and 2 hypotheses"):
        metrics.bleu(["one"], ["one", "two"])
    with pytest.raises(ValueError, match="nothing to compare"):
        metrics.rouge([], [])
    with pytest.raises(ValueError, match="nothing to compare"):
        metrics.bleu([], [])
    with pytest.raises(ValueError, match=r"no tokenizer 'words'; there are none, zh, 13a"):
        metrics.bleu(["one"], ["one"], "words")
    with pytest.raises(ValueError, match=r"rouge9.*rouge1, rouge2 or rougeL"):
        metrics.rouge(["one"], ["one"], "rouge9")
    with pytest.raises(ValueError, match=r"level 2 must lie"):
        metrics.bootstrap_interval(["one"], ["one"], level=2)
