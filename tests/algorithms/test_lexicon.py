import math
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.algorithms import decoding, language_model
from course_utils.algorithms.lexicon import Lexicon

from .test_decoding import labellings

TOKENS = ["-", " ", "a", "b"]
SENTENCES = [line.split() for line in ("a ab", "ab b", "a b a", "ab ab", "ba ab a", "b")]
WORDS = ["a", "ab", "abba", "b", "ba"]
MODELS = [
    language_model.kneser_ney(SENTENCES, 3),
    language_model.back_off(SENTENCES, 2),
    language_model.add_k(SENTENCES, 1),
]


@pytest.mark.parametrize("model", MODELS)
def test_letters_cost_together_what_the_words_cost(model):
    lexicon = Lexicon(WORDS, model)
    for length in range(4):
        for words in product(WORDS, repeat=length):
            assert lexicon.sentence_log_prob(" ".join(words)) == pytest.approx(model.sentence_log_prob(words))


@pytest.mark.parametrize("model", MODELS)
def test_no_letter_gains(model):
    lexicon = Lexicon(WORDS, model)
    state = lexicon.start()
    for letter in "ab abba b":
        state, log_prob = lexicon.score(state, letter)
        assert -math.inf < log_prob <= 1e-12


def test_a_beginning_is_as_likely_as_the_best_word_that_it_can_become():
    model = MODELS[0]
    lexicon = Lexicon(WORDS, model)
    assert lexicon.continuations["a"] == ["a", "ab", "abba"]
    state, first = lexicon.score(lexicon.start(), "a")
    assert first == max(model.score(model.start(), word)[1] for word in ("a", "ab", "abba"))
    _, third = lexicon.score(lexicon.score(state, "b")[0], "b")
    assert third < -1  # only the rare "abba" goes on like this


@pytest.mark.parametrize("text", ["bb", " a", "a ", "a  b", "abb", "c", " "])
def test_nothing_else_is_spelt(text):
    assert Lexicon(WORDS, MODELS[0]).sentence_log_prob(text) == -math.inf


def test_a_word_that_the_model_does_not_know_is_its_unknown():
    model = MODELS[0]
    lexicon = Lexicon([*WORDS, "bab"], model)
    assert lexicon.sentence_log_prob("bab a") == pytest.approx(model.sentence_log_prob(["bab", "a"]))
    assert model.sentence_log_prob(["bab", "a"]) == model.sentence_log_prob(["<unk>", "a"])


def test_a_word_that_the_model_rules_out_is_impossible_and_not_nan():
    lexicon = Lexicon(["ab", "ba"], language_model.add_k([["ba"]], 2, k=0))
    assert lexicon.sentence_log_prob("ba") == 0
    assert lexicon.sentence_log_prob("ab") == lexicon.sentence_log_prob("ba ab") == -math.inf
    log_probs = torch.full((3, 4), 0.25).log()
    found = decoding.prefix_beam_search(log_probs, 5000, lexicon, alpha=0.0, tokens=TOKENS)
    assert {h.language for h in found} == {0.0, -math.inf}


def test_no_word_begins_like_this():
    lexicon = Lexicon(WORDS, MODELS[0])
    assert lexicon.look_ahead(MODELS[0].start(), "bb") == -math.inf
    assert "bb" not in lexicon.continuations
    assert lexicon.sentence_log_prob("bb") == -math.inf


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), alpha=st.sampled_from([0.5, 1.5]), beta=st.sampled_from([0.0, 2.0]))
def test_the_search_over_the_prefix_tree_equals_enumeration(seed, alpha, beta):
    generator = torch.Generator().manual_seed(seed)
    log_probs = torch.randn(6, 4, generator=generator, dtype=torch.float64).log_softmax(1)
    expected = {}
    for labels, acoustic in labellings(log_probs).items():
        words = "".join(TOKENS[label] for label in labels).split(" ") if labels else []
        if set(words) <= set(WORDS):
            language = MODELS[0].sentence_log_prob(words)
            expected[labels] = acoustic + alpha * language + beta * max(0, len(words) - 1)
    lexicon = Lexicon(WORDS, MODELS[0])
    found = decoding.prefix_beam_search(log_probs, 5000, lexicon, alpha, beta, tokens=TOKENS, counted=" ")
    assert {h.labels: h.score for h in found if h.score > -math.inf} == pytest.approx(expected, abs=1e-9)
    assert found[0].labels == max(expected, key=expected.__getitem__)


def test_look_ahead_keeps_the_word_that_a_narrow_beam_would_lose():
    """Three letters sound alike, and only one of the words that they make is ever said here."""
    tokens = ["-", " ", *"abc"]
    model = language_model.kneser_ney([["cab"], ["cab"], ["cab"], ["abc"]], 2)
    log_probs = torch.full((6, 5), -6.0)
    log_probs[1::2, 0] = 0
    log_probs[0, 2:] = log_probs[2, 2:] = log_probs[4, 2:] = 0
    log_probs = log_probs.log_softmax(1)
    words = ["".join(letters) for letters in product("abc", repeat=3)]
    found = decoding.prefix_beam_search(log_probs, 2, Lexicon(words, model), tokens=tokens)
    assert found[0].text == "cab"

    class AtTheEnd(Lexicon):
        """The naive way: a word's probability comes when the word ends."""

        def look_ahead(self, history, begun):
            return 0.0

    assert decoding.prefix_beam_search(log_probs, 2, AtTheEnd(words, model), tokens=tokens)[0].text != "cab"


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="the word 'a b' cannot be spelled"):
        Lexicon(["a b"], MODELS[0])
    with pytest.raises(ValueError, match="no words"):
        Lexicon([], MODELS[0])
