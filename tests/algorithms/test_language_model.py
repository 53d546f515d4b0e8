import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.algorithms import language_model as lm

SAID = [line.split() for line in ("a b a", "a a b c", "c", "b b b a a", "")]
TEXTS = st.lists(st.lists(st.sampled_from("abc"), max_size=6), min_size=1, max_size=6)
MAKERS = [lm.kneser_ney, lm.back_off, lm.add_k]


def test_counts_that_a_pencil_can_follow():
    unigrams, bigrams = lm.count_ngrams([["a", "b"], ["a"]], 2)
    assert unigrams == {("a",): 2, ("b",): 1, ("</s>",): 2}
    assert bigrams == {("<s>", "a"): 2, ("a", "b"): 1, ("b", "</s>"): 1, ("a", "</s>"): 1}


def test_add_k_that_a_pencil_can_follow():
    model = lm.add_k([["a", "b"], ["a"]], 2, k=0.5)  # four tokens: a, b, the end, the unknown
    assert math.exp(model.log_prob(("<s>",), "a")) == pytest.approx((2 + 0.5) / (2 + 4 * 0.5))
    assert math.exp(model.log_prob(("a",), "b")) == pytest.approx((1 + 0.5) / (2 + 4 * 0.5))
    assert math.exp(model.log_prob(("b",), "b")) == pytest.approx(0.5 / (1 + 4 * 0.5))
    assert math.exp(model.log_prob(("<unk>",), "b")) == pytest.approx(1 / 4)
    by_laplace = lm.add_k([["a", "b"], ["a"]], 2)
    assert math.exp(by_laplace.log_prob(("<s>",), "a")) == pytest.approx((2 + 1) / (2 + 4))
    counted = lm.add_k([["a", "b"], ["a"]], 2, k=0)
    assert counted.log_prob(("a",), "a") == -math.inf
    assert {counted.log_prob(("<unk>",), token) for token in counted.vocabulary} == {-math.inf}
    assert lm.perplexity(counted, [["b"]]) == math.inf


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@settings(max_examples=12, deadline=None)
@given(sentences=TEXTS, more=st.sampled_from([(), ("d", "e")]))
def test_probabilities_sum_to_one_after_every_history(make, order, sentences, more):
    model = make(sentences, order, vocabulary=more)
    assert {"</s>", "<unk>", *more} <= set(model.vocabulary)
    assert "<s>" not in model.vocabulary
    for length in range(order):
        for history in product(["<s>", "a", "b", "c", "<unk>"], repeat=length):
            log_probs = [model.log_prob(history, token) for token in model.vocabulary]
            assert max(log_probs) <= 0
            assert math.fsum(map(math.exp, log_probs)) == pytest.approx(1, abs=1e-9)


class Formula:
    """Chen and Goodman 1999, equation 21, with each count taken from the padded sentences when it is wanted."""

    def __init__(self, sentences, order, discount=None):
        self.order, self.padded = order, [["<s>", *sentence, "</s>"] for sentence in sentences]
        lines = self.padded
        self.grams = {(*line[i:j],) for line in lines for i in range(len(line)) for j in range(i + 1, len(line) + 1)}
        self.D = {n: discount or self.estimate(n) for n in range(1, order + 1)}

    def count(self, gram):
        if len(gram) == self.order or gram[0] == "<s>":
            return sum(tuple(line[i : i + len(gram)]) == gram for line in self.padded for i in range(len(line)))
        return sum(len(longer) == len(gram) + 1 and longer[1:] == gram for longer in self.grams)

    def estimate(self, n):
        counts = [self.count(gram) for gram in self.grams if len(gram) == n and gram != ("<s>",)]
        once, twice = counts.count(1), counts.count(2)
        return once / (once + 2 * twice) if once and twice else 0.5

    def prob(self, history, token, vocabulary):
        counts, D = {word: self.count((*history, word)) for word in vocabulary}, self.D[len(history) + 1]
        total, seen = sum(counts.values()), sum(value > 0 for value in counts.values())
        lower = self.prob(history[1:], token, vocabulary) if history else 1 / len(vocabulary)
        return max(counts[token] - D, 0) / total + D * seen / total * lower if total else lower


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("sentences", [SAID, SAID[:1], [["a"], ["a", "c", "a"]] * 3])
@pytest.mark.parametrize("discount", [0.6, None])
def test_kneser_ney_follows_the_formula(order, sentences, discount):
    model, formula = lm.kneser_ney(sentences, order, discount), Formula(sentences, order, discount)
    words = [word for word in model.vocabulary if word != "</s>"]
    for history in product(["<s>", *words], repeat=order - 1):
        if "<s>" in history[1:]:
            continue
        for token in model.vocabulary:
            expected = formula.prob(history, token, model.vocabulary)
            assert math.exp(model.log_prob(history, token)) == pytest.approx(expected)


def test_san_francisco():
    """Frequent after one word only: as a unigram it counts once."""
    model = lm.kneser_ney([["san", "francisco"]] * 20 + [["my", "house"], ["your", "house"], ["a", "house"]], 2)
    after_new = [math.exp(model.log_prob(("<unk>",), token)) for token in ("francisco", "house")]
    assert after_new[0] < after_new[1]
    counted = lm.back_off([["san", "francisco"]] * 20 + [["my", "house"], ["your", "house"], ["a", "house"]], 2)
    assert counted.log_prob(("<unk>",), "francisco") > counted.log_prob(("<unk>",), "house")


def test_the_discount_is_estimated_for_each_order():
    sentences = [list("aab"), list("ab"), list("c")]
    # bigrams seen once: <s>c aa c</s>; twice: <s>a ab b</s>
    D = 3 / (3 + 2 * 3)
    model = lm.kneser_ney(sentences, 2)
    given_D = lm.kneser_ney(sentences, 2, discount=D)
    assert math.exp(model.backoffs["a",]) == pytest.approx(D * 2 / 3)  # after "a" came "a" once and "b" twice
    assert model.backoffs == pytest.approx(given_D.backoffs)


def test_back_off_follows_its_equation():
    model = lm.back_off(SAID, 2, discount=0.4)
    counts = lm.count_ngrams(SAID, 2)[1]
    total = sum(count for (first, _), count in counts.items() if first == "a")
    followers = {second: count for (first, second), count in counts.items() if first == "a"}
    left = 0.4 * len(followers) / total
    unseen = [token for token in model.vocabulary if token not in followers]
    share = sum(math.exp(model.log_prob((), token)) for token in unseen)
    for token in model.vocabulary:
        p = (
            (followers[token] - 0.4) / total
            if token in followers
            else left * math.exp(model.log_prob((), token)) / share
        )
        assert math.exp(model.log_prob(("a",), token)) == pytest.approx(p)


@pytest.mark.parametrize("make", MAKERS)
def test_states_walk_a_sentence(make):
    model = make(SAID, 3)
    state, first = model.score(model.start(), "a")
    assert (state, first) == (("<s>", "a"), model.log_prob(("<s>",), "a"))
    state, second = model.score(state, "zebra")
    assert (state, second) == (("a", "<unk>"), model.log_prob(("<s>", "a"), "<unk>"))
    total = first + second + model.finish(state)
    assert model.sentence_log_prob(["a", "zebra"]) == pytest.approx(total)
    alone = make(SAID, 1)  # it looks back at nothing
    assert alone.score(alone.start(), "a") == ((), alone.log_prob((), "a"))


def test_perplexity_of_equally_likely_tokens_is_their_number():
    model = lm.add_k([["a"]], 1, k=1e12, vocabulary=list("bcdef"))
    assert lm.perplexity(model, [["a", "f"], ["c"]]) == pytest.approx(8)  # six letters, the end, the unknown


@pytest.mark.parametrize("make", MAKERS)
def test_longer_histories_help_where_there_is_grammar(make):
    train = [["turn", "on", "the", light] for light in ("lamp", "fan")] * 5 + [["stop", "the", "music"]] * 5
    one, two, three = (lm.perplexity(make(train, order), train) for order in (1, 2, 3))
    assert one > two > three


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lm.count_ngrams([["a"]], 0), "order is 0"),
        (lambda: lm.kneser_ney([], 2), "no sentences"),
        (lambda: lm.add_k(["one two"], 2), r"'one two' is one string; give its tokens"),
        (lambda: lm.add_k([["a", "</s>"]], 2), "'</s>' cannot stand in a sentence"),
        (lambda: lm.add_k([[3]], 2), "token 3 cannot"),  # ty: ignore[invalid-argument-type]
        (lambda: lm.add_k([["a"]], 2, k=-1), "k is -1"),
        (lambda: lm.add_k([["a"]], 2, k=math.inf), "k is inf"),
        (lambda: lm.kneser_ney([["a"]], 2, discount=1.5), "discount is 1.5"),
        (lambda: lm.back_off([["a"]], 2, discount=0), "discount is 0"),
        (lambda: lm.perplexity(lm.add_k([["a"]], 1), []), "no sentences"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
