"""The speller of lesson 11: letters and back, frames, batches, and the search with a model of words."""

import math
import re
from itertools import pairwise

import pytest
import torch

from course_utils.algorithms import decoding, language_model
from course_utils.data import corpora
from course_utils.experiments import home_commands as home

SENTENCES = [["call", "my", "mother"], ["call", "the", "office"]]


def certain(words: str, doubt: float = 1e-3) -> torch.Tensor:
    """Frames (T, 28) that spell the words, each letter in one frame and a blank after it."""
    path = [symbol for label in home.encode(words) for symbol in (label, 0)]
    frames = torch.full((len(path), len(home.SYMBOLS)), doubt)
    frames[range(len(path)), path] = 1.0
    return (frames / frames.sum(1, keepdim=True)).log()


def test_letters_and_back():
    assert home.spell(home.encode("call my mother")) == "call my mother"
    with pytest.raises(ValueError, match=re.escape("'Call' has 'C', which is no letter from a to z")):
        home.encode("Call")


def test_a_batch_holds_each_utterance_clean_and_in_noise():
    some = corpora.load("home", "valid", limit=5)
    batches = home.batches(some, torch.Generator().manual_seed(0), size=2)
    assert len(batches) == 6
    targets = [home.spell(row[:U].tolist()) for _, _, y, sizes in batches for row, U in zip(y, sizes, strict=True)]
    assert sorted(targets) == sorted([one.text for one in some] * 2)
    clean = {home.inputs(one.samples).sum().item() for one in some}
    drawn = [row[:T].sum().item() for x, lengths, *_ in batches for row, T in zip(x, lengths, strict=True)]
    assert sum(any(math.isclose(value, other, abs_tol=0.05) for other in clean) for value in drawn) >= 5


def test_the_speller_hears_nearby_frames_only():
    torch.manual_seed(0)
    model = home.Speller(hidden=8).eval()
    x = torch.randn(1, 40, 160)
    y = x.clone()
    y[:, 20] += 1
    moved = (model(x) - model(y)).abs().amax(2)[0] > 1e-7
    assert moved[11:30].any()
    assert not moved[:11].any()
    assert not moved[30:].any()
    torch.testing.assert_close(model(x).exp().sum(2), torch.ones(1, 40))


def test_it_learns_in_a_few_updates():
    some = corpora.load("home", "valid", limit=2)
    batch = home.batches(some, torch.Generator().manual_seed(0), size=2)[0]
    torch.manual_seed(0)
    model = home.Speller(hidden=16)
    step = torch.optim.AdamW(model.parameters(), 0.01)
    losses = []
    for _ in range(12):
        step.zero_grad()
        loss = home.loss(model, batch)
        loss.backward()
        step.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2


def test_a_search_reads_certain_frames():
    heard = [certain("call my mother")]
    words = home.AtWordEnds(language_model.kneser_ney(SENTENCES, 2))
    assert home.greedy(heard) == home.search(heard) == home.search(heard, words, 0.5) == ["call my mother"]


def test_words_are_asked_about_where_they_end():
    words = language_model.kneser_ney(SENTENCES, 2)
    asked = home.AtWordEnds(words)
    whole = words.sentence_log_prob(["call", "my", "mother"])
    assert asked.sentence_log_prob("call my mother") == pytest.approx(whole)
    state = asked.start()
    for letter in "cal":
        state, log_prob = asked.score(state, letter)
        assert log_prob == 0
    blanks = words.sentence_log_prob([language_model.UNKNOWN, "call"])
    assert asked.sentence_log_prob(" call") == pytest.approx(blanks)


def test_the_weights_are_those_with_the_fewest_errors():
    frames = certain("call my mother", doubt=0.02)
    frames[0] = torch.full((28,), 0.5 / 26).index_fill(0, torch.tensor(home.encode("cb")), 0.25).log()
    frames[0, home.encode("b")] += 1.0  # sounds more like "ball"
    utterance = corpora.Utterance("one", torch.zeros(8), "call my mother", "nobody", "none")
    words = home.AtWordEnds(language_model.kneser_ney(SENTENCES, 2))
    assert home.search([frames])[0].startswith("ball")
    assert home.tuned([utterance], [frames], words, (0.0, 0.9), (0.0,)) == (0.9, 0.0)
    low, high = home.errors([utterance], ["ball my mother"])[1:]
    assert low == high == pytest.approx(100 / 3)


def test_the_table_of_letters_is_the_models():
    model = language_model.kneser_ney([list("cab"), list("bad")], 2)
    table = home.bigram_table(model)
    a, b = home.encode("ab")
    assert table[a][b] == model.log_prob(("a",), "b")
    assert table[0][a] == model.log_prob(("<s>",), "a")
    assert table[b][0] == model.log_prob(("b",), "</s>")
    found = decoding.prefix_beam_search(certain("cab"), 4, model, 0.5, tokens=home.SYMBOLS)[0]
    labels = [0, *found.labels, 0]
    assert found.language == pytest.approx(sum(table[one][other] for one, other in pairwise(labels)))
