import math
import random

import pytest
from flashlight.lib.text.decoder.kenlm import KenLM
from flashlight.lib.text.dictionary import Dictionary

from course_utils.algorithms import language_model as lm
from course_utils.algorithms.arpa import read_arpa, write_arpa

SAID = [line.split() for line in ("a b a", "a a b c", "c", "b b b a a")]
BY_HAND = """A comment may stand before the data.
\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-99\t<s>\t-0.3
-0.6\t</s>
-0.4\tone\t-0.1
-1.0\t<unk>

\\2-grams:
-0.2\t<s> one
-0.5\tone </s>

\\end\\
"""


@pytest.mark.parametrize("make", [lm.kneser_ney, lm.back_off])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_what_is_written_is_read_back(tmp_path, make, order):
    model = make(SAID, order)
    write_arpa(model, tmp_path / "model.arpa")
    again = read_arpa(tmp_path / "model.arpa")
    assert again.order == order
    assert again.log_probs == pytest.approx(model.log_probs, rel=1e-8)
    assert again.backoffs == pytest.approx(model.backoffs, rel=1e-8)
    assert [path.name for path in tmp_path.iterdir()] == ["model.arpa"]


@pytest.mark.parametrize("make", [lm.kneser_ney, lm.back_off])
@pytest.mark.parametrize("order", [2, 3, 4])  # KenLM reads bigrams and longer
def test_kenlm_gives_the_same_scores(tmp_path, make, order, capfd):
    model = make(SAID, order)
    write_arpa(model, tmp_path / "model.arpa")
    dictionary = Dictionary(["a", "b", "c", "zebra"])
    theirs = KenLM(str(tmp_path / "model.arpa"), dictionary)
    draw = random.Random(order)
    for _ in range(30):
        state, ours = theirs.start(False), model.start()
        for token in draw.choices(["a", "b", "c", "zebra"], k=draw.randint(0, 6)):
            ours, log_prob = model.score(ours, token)
            state, score = theirs.score(state, dictionary.get_index(token))
            assert score * math.log(10) == pytest.approx(log_prob, abs=1e-5)
        assert theirs.finish(state)[1] * math.log(10) == pytest.approx(model.finish(ours), abs=1e-5)


def test_a_file_by_hand(tmp_path):
    (tmp_path / "model.arpa").write_text(BY_HAND)
    model = read_arpa(tmp_path / "model.arpa")
    assert model.vocabulary == ["</s>", "<unk>", "one"]
    assert model.sentence_log_prob(["one"]) / math.log(10) == pytest.approx(-0.2 - 0.5)
    # <s> two: back-off of <s>, then <unk>; <unk> </s> costs no back-off
    assert model.sentence_log_prob(["two"]) / math.log(10) == pytest.approx(-0.3 - 1.0 - 0.6)
    assert model.log_prob(("one",), "one") / math.log(10) == pytest.approx(-0.1 - 0.4)
    (tmp_path / "closed.arpa").write_text(BY_HAND.replace("-1.0\t<unk>\n", "").replace("1=4", "1=3"))
    assert read_arpa(tmp_path / "closed.arpa").sentence_log_prob(["two"]) == -math.inf


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n", "\r\n"),
        ("\t", "  "),
        ("-0.1\n", "-0.1 \t\n"),
        ("<unk>", "<UNK>"),
        ("-99\t<s>", "-inf\t<s>"),
        ("-99\t<s>", "0\t<s>"),  # as KenLM's lmplz writes it
        ("A comment may stand before the data.\n", ""),
        ("\n\n\\end\\\n", "\n\\end\\"),
        ("ngram 1=4", "ngram 1 = 4"),
    ],
)
def test_toolkits_write_it_in_their_ways(tmp_path, old, new):
    (tmp_path / "plain.arpa").write_text(BY_HAND)
    assert old in BY_HAND
    (tmp_path / "other.arpa").write_bytes(BY_HAND.replace(old, new).encode())
    assert read_arpa(tmp_path / "other.arpa") == read_arpa(tmp_path / "plain.arpa")


def test_a_missing_back_off_weight_costs_nothing(tmp_path):
    (tmp_path / "model.arpa").write_text(BY_HAND.replace("\t-0.3", "").replace("\t-0.1", ""))
    model = read_arpa(tmp_path / "model.arpa")
    assert model.backoffs == {}
    assert model.sentence_log_prob(["two"]) / math.log(10) == pytest.approx(-1.0 - 0.6)


def test_what_is_impossible_stays_so(tmp_path):
    """-99 stands for log 0, in what we write as in what we read."""
    (tmp_path / "model.arpa").write_text(BY_HAND.replace("-0.4\tone", "-99\tone"))
    model = read_arpa(tmp_path / "model.arpa")
    assert model.log_prob((), "one") == -math.inf
    write_arpa(model, tmp_path / "again.arpa")
    assert "\n-99\tone\t" in (tmp_path / "again.arpa").read_text()
    assert read_arpa(tmp_path / "again.arpa").log_probs == pytest.approx(model.log_probs)


@pytest.mark.parametrize("token", ["10\u00a0000", "\u3000", "a\u2028b"])
def test_a_token_may_hold_a_blank_of_unicode(tmp_path, token, capfd):
    """Toolkits part tokens by blanks and tabs alone; French writes a no-break space in its numbers."""
    model = lm.kneser_ney([[token, "b"], ["b"]], 2)
    write_arpa(model, tmp_path / "model.arpa")
    assert read_arpa(tmp_path / "model.arpa").log_probs == pytest.approx(model.log_probs, rel=1e-8)
    dictionary = Dictionary([token])
    theirs = KenLM(str(tmp_path / "model.arpa"), dictionary)
    _, score = theirs.score(theirs.start(False), dictionary.get_index(token))
    assert score * math.log(10) == pytest.approx(model.log_prob(("<s>",), token), abs=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "data", r"line 17: expected \\data\\ somewhere"),
        ("ngram 1=4", "ngram 2=4", r"line 3: expected the number of 1-grams"),
        ("ngram 1=4\nngram 2=2\n", "", r"line 4: expected 'ngram 1=…'"),
        ("ngram 1=4", "ngram 1=5", r"line 12: expected another 1-gram: the header announces 5, here are 4"),
        ("ngram 1=4", "ngram 1=3", r"line 10: expected \\2-grams: here"),
        ("-0.4\tone", "-0,4\tone", r"line 9: expected a log-probability, at most 0; got '-0,4"),
        ("-0.4\tone", "0.4\tone", r"line 9: expected a log-probability, at most 0"),
        ("-0.4\tone", "nan\tone", r"line 9: expected a log-probability, at most 0"),
        ("one\t-0.1", "one\tweight", r"line 9: expected a back-off weight"),
        ("-0.2\t<s> one", "-0.2\t<s>", r"line 13: expected a log-probability and 2 tokens; got '-0.2"),
        ("-0.2\t<s> one", "-0.2\t<s> one\t-0.3", r"line 13: expected a log-probability and 2 tokens"),
        ("-0.6\t</s>", "-0.4\tone", r"line 9: expected each 1-gram once"),
        ("-0.5\tone </s>\n\n\\end\\\n", "", r"line 14: expected another 2-gram: .* got 'the end of the file'"),
        ("\\end\\", "", r"expected \\end\\ after 2 2-grams; got 'the end of the file'"),
    ],
)
def test_a_damaged_file_names_the_line(tmp_path, old, new, message):
    assert old in BY_HAND
    (tmp_path / "model.arpa").write_text(BY_HAND.replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_arpa(tmp_path / "model.arpa")


def test_files_that_are_none(tmp_path):
    (tmp_path / "model.arpa").write_bytes(b"\\data\\\n\xff\xfe")
    with pytest.raises(ValueError, match="not text in UTF-8"):
        read_arpa(tmp_path / "model.arpa")
    with pytest.raises(FileNotFoundError, match=r"none\.arpa"):
        read_arpa(tmp_path / "none.arpa")
    with pytest.raises(ValueError, match=r"token ' ' holds a blank; write it as another sign"):
        write_arpa(lm.kneser_ney([["a", " ", "b"]], 2), tmp_path / "model.arpa")
