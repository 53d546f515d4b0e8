"""Greedy and beam search against brute force over every text, on random models that remember all they wrote."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.algorithms.attention import dot
from course_utils.algorithms.beam import advance, beam_search, first_drafts, greedy, hypotheses, length_penalty
from course_utils.algorithms.encoders import RecurrentEncoder
from course_utils.algorithms.recurrent import LSTM
from course_utils.algorithms.seq2seq import Decoder, Seq2Seq

from .devices import devices

SOS, EOS = 0, 1
CASES = st.tuples(st.integers(2, 4), st.integers(1, 4), st.integers(0, 10_000))  # C, longest, seed
ALPHAS = st.sampled_from([0.0, 0.6, 1.0])


class Written:
    """A state that holds the seed of each row's model and all that was written."""

    def __init__(self, rows):
        self.rows, self.device = rows, torch.device("cpu")

    def __len__(self):
        return len(self.rows)

    def select(self, rows):
        return Written([self.rows[row] for row in rows.tolist()])


def model(C):
    """Return a step whose distributions are drawn anew for every text, and whose weights tell the last token."""

    def step(tokens, state):
        rows = [(*row, token) for row, token in zip(state.rows, tokens.tolist(), strict=True)]
        log_probs = torch.stack([distribution(row, C) for row in rows])
        return log_probs, torch.nn.functional.one_hot(tokens, C).double(), Written(rows)

    return step


def distribution(row, C):
    seed = hash(row) % 2**31  # numbers in a tuple: the same hash in every run
    drawn = torch.randn(C, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (2 * drawn).log_softmax(0)


def every_text(C, longest, seed, alpha):
    """Return {tokens: (score, log_prob, ended)} of all texts that end by then, and of all unfinished ones."""
    texts = {}
    for length in range(1, longest + 1):
        for text in itertools.product(range(C), repeat=length):
            ended = text[-1] == EOS
            if EOS in text[:-1] or (length < longest and not ended):
                continue
            total = sum(distribution((seed, SOS, *text[:u]), C)[text[u]].item() for u in range(length))
            texts[text[: length - ended]] = (total / ((5 + length) / 6) ** alpha, total, ended)
    return texts


@given(CASES, ALPHAS)
@settings(max_examples=25)
def test_a_wide_beam_is_brute_force(case, alpha):
    C, longest, seed = case
    texts = every_text(C, longest, seed, alpha)
    assert math.fsum(math.exp(total) for _, total, _ in texts.values()) == pytest.approx(1)
    found = beam_search(model(C), Written([(seed,)]), C**longest, SOS, EOS, longest, alpha)[0]
    assert len(found) == len(texts)
    assert [text.score for text in found] == sorted((text.score for text in found), reverse=True)
    for text in found:
        got = (text.score, text.log_prob)
        assert got == pytest.approx(texts[tuple(text.tokens.tolist())][:2], rel=1e-12)
        assert text.ended == texts[tuple(text.tokens.tolist())][2]
        read = [SOS, *text.tokens.tolist()][: len(text.tokens) + text.ended]
        assert text.weights is not None
        assert text.weights.argmax(-1).tolist() == read
    assert found[0].score == pytest.approx(max(texts.values())[0])


@given(CASES, ALPHAS)
@settings(max_examples=25)
def test_a_beam_of_one_is_greedy(case, alpha):
    C, longest, seed = case
    state = Written([(seed,), (seed + 1,), (seed + 2,)])
    found = beam_search(model(C), state, 1, SOS, EOS, longest, alpha)
    for text, [best] in zip(greedy(model(C), state, SOS, EOS, longest), found, strict=True):
        assert text.tokens.tolist() == best.tokens.tolist()
        assert text.ended == best.ended
        assert text.log_prob == pytest.approx(best.log_prob)
        torch.testing.assert_close(text.weights, best.weights)


@given(st.integers(2, 40), st.integers(0, 10_000))
@settings(max_examples=50)
def test_a_tie_ends_as_in_a_beam_of_one(C, seed):
    """Few different scores, so that most tokens tie with others."""
    table = torch.randint(0, 2, (C, C), generator=torch.Generator().manual_seed(seed)).float().log_softmax(-1)

    def step(tokens, state):
        return table[tokens], None, state

    [[best]], [text] = beam_search(step, Written([()]), 1, SOS, EOS, 5), greedy(step, Written([()]), SOS, EOS, 5)
    assert text.tokens.tolist() == best.tokens.tolist()


@given(CASES)
@settings(max_examples=25)
def test_greedy_takes_the_likeliest_each_time(case):
    C, longest, seed = case
    text, row = [], (seed, SOS)
    while len(text) < longest and EOS not in text:
        text.append(int(distribution(row, C).argmax()))
        row = (*row, text[-1])
    [found] = greedy(model(C), Written([(seed,)]), SOS, EOS, longest)
    assert [*found.tokens.tolist(), *[EOS] * found.ended] == text
    assert found.score == found.log_prob


@given(CASES, st.integers(1, 5), ALPHAS)
@settings(max_examples=25)
def test_inputs_are_searched_one_by_one_and_in_any_order(case, width, alpha):
    C, longest, seed = case
    seeds = [seed, seed + 7, seed + 1, seed + 3]
    together = beam_search(model(C), Written([(s,) for s in seeds]), width, SOS, EOS, longest, alpha)
    for s, found in zip(seeds, together, strict=True):
        [alone] = beam_search(model(C), Written([(s,)]), width, SOS, EOS, longest, alpha)
        assert [text.tokens.tolist() for text in found] == [text.tokens.tolist() for text in alone]
        assert [text.score for text in found] == pytest.approx([text.score for text in alone])


def planted(table):
    """Return a step whose probabilities are given for each last token, from <sos> and <eos> on."""
    rows = torch.tensor([table[token] for token in range(len(table))], dtype=torch.float64).log()

    def step(tokens, state):
        return rows[tokens], None, state

    return step


# a (0.6) leads to nothing likely, b (0.4) ends for sure
LURE = planted({SOS: [0, 0, 0.6, 0.4], EOS: [0.25] * 4, 2: [0, 0.5, 0.25, 0.25], 3: [0, 1, 0, 0]})


def test_a_beam_finds_what_greed_misses():
    state = Written([()])
    [lured] = greedy(LURE, state, SOS, EOS, 5)
    [[best, *_]] = beam_search(LURE, state, 2, SOS, EOS, 5)
    assert lured.tokens.tolist() == [2]
    assert lured.log_prob == pytest.approx(math.log(0.3))
    assert best.tokens.tolist() == [3]
    assert best.log_prob == pytest.approx(math.log(0.4))
    assert best.weights is None


def test_a_wider_beam_is_better_on_the_whole():
    def total(width):
        found = beam_search(model(4), Written([(seed,) for seed in range(100)]), width, SOS, EOS, 5)
        return sum(best.score for best, *_ in found)

    assert total(1) < total(2) < total(4)


def test_a_wider_beam_can_be_worse():
    """Two ways on from b, each likelier than the one from a, push it out, and then lead to nothing."""
    a, b, c, d, e = range(2, 7)
    table = {SOS: {a: 0.4, b: 0.35, EOS: 0.25}, EOS: {EOS: 1.0}, a: {c: 0.3, d: 0.25, e: 0.25, a: 0.2}}
    table |= {b: {d: 0.5, e: 0.5}, c: {EOS: 1.0}, d: dict.fromkeys(range(7), 1 / 7), e: dict.fromkeys(range(7), 1 / 7)}
    step = planted({last: [row.get(token, 0.0) for token in range(7)] for last, row in table.items()})
    best = {width: beam_search(step, Written([()]), width, SOS, EOS, 3)[0][0] for width in (1, 2, 20)}
    assert best[1].tokens.tolist() == [a, c]
    assert best[1].log_prob == pytest.approx(math.log(0.12))
    assert best[2].log_prob < best[1].log_prob < best[20].log_prob == pytest.approx(math.log(0.25))


def test_length_normalisation_forgives_length():
    flat = planted({SOS: [0, 0.3, 0.7, 0], EOS: [0.25] * 4, 2: [0, 0.4, 0.0, 0.6], 3: [0, 0.7, 0.3, 0]})
    assert [best[0].tokens.tolist() for best in beam_search(flat, Written([()]), 4, SOS, EOS, 6)] == [[]]
    assert [best[0].tokens.tolist() for best in beam_search(flat, Written([()]), 4, SOS, EOS, 6, 1.0)] == [[2, 3]]
    torch.testing.assert_close(length_penalty(torch.tensor([1, 7]), 2.0), torch.tensor([1.0, 4.0]))
    torch.testing.assert_close(length_penalty(torch.tensor([1, 7]), 0.0), torch.tensor([1.0, 1.0]))


def test_a_search_can_be_followed_step_by_step():
    drafts = first_drafts(Written([()]), 2)
    assert hypotheses(drafts, EOS)[0][0].tokens.tolist() == []
    drafts = advance(LURE, drafts, SOS, EOS)
    assert drafts.tokens.tolist() == [[[2], [3]]]
    drafts = advance(LURE, drafts, SOS, EOS)
    assert drafts.tokens.tolist() == [[[3, EOS], [2, EOS]]]
    assert drafts.parents.tolist() == [[1, 0]]
    assert drafts.ended.tolist() == [[True, True]]
    torch.testing.assert_close(drafts.log_probs.exp(), torch.tensor([[0.4, 0.3]], dtype=torch.float64))
    assert [math.exp(text.score) for text in hypotheses(drafts, EOS)[0]] == pytest.approx([0.4, 0.3])
    penalised = [text.score for text in hypotheses(drafts, EOS, 2.0)[0]]  # two steps: divided by (7 / 6)²
    assert penalised == pytest.approx([math.log(p) / (7 / 6) ** 2 for p in (0.4, 0.3)])


def test_texts_that_do_not_end_are_cut():
    endless = planted({SOS: [0, 0, 0.6, 0.4], EOS: [0.25] * 4, 2: [0, 0, 1, 0], 3: [0, 0, 0, 1.0]})
    [found] = beam_search(endless, Written([()]), 5, SOS, EOS, 3)
    assert [(text.tokens.tolist(), text.ended) for text in found] == [([2, 2, 2], False), ([3, 3, 3], False)]
    [cut] = greedy(endless, Written([()]), SOS, EOS, 3)
    assert (cut.tokens.tolist(), cut.ended) == ([2, 2, 2], False)


@pytest.mark.parametrize("device", devices())
def test_the_decoder_of_a_batch_is_that_of_each_input(device):
    torch.manual_seed(0)
    reader = RecurrentEncoder(3, 4, LSTM)
    writer = Seq2Seq(reader, Decoder(5, 3, 8, 8, LSTM, dot)).double().to(device).eval()
    x = torch.randn(3, 6, 3, dtype=torch.float64).to(device)
    lengths = torch.tensor([6, 2, 4], device=device)
    step, state = writer.decoder.step, writer.start(x, lengths)
    for search in (
        lambda state: [[text] for text in greedy(step, state, 3, 4, 8)],
        lambda state: beam_search(step, state, 4, 3, 4, 8, 0.6),
    ):
        for b, found in enumerate(search(state)):
            [alone] = search(writer.start(x[b : b + 1, : lengths[b]]))
            assert [text.tokens.tolist() for text in found] == [text.tokens.tolist() for text in alone]
            for text, same in zip(found, alone, strict=True):
                assert text.log_prob == pytest.approx(same.log_prob)
                assert text.weights is not None
                assert same.weights is not None
                torch.testing.assert_close(text.weights[:, : same.weights.shape[1]], same.weights)
                given = torch.cat([torch.tensor([3], device=device), text.tokens])
                logits = writer.decoder(given[None], writer.start(x[b : b + 1, : lengths[b]]))[0][0].log_softmax(-1)
                told = [*text.tokens.tolist(), *[4] * text.ended]
                assert text.log_prob == pytest.approx(sum(logits[u, token].item() for u, token in enumerate(told)))


@pytest.mark.parametrize("score", [None, dot])
def test_a_batch_of_none_has_no_texts(score):
    decoder = Decoder(5, 3, 8, 8, LSTM, score)
    state = Seq2Seq(RecurrentEncoder(3, 4, LSTM), decoder).start(torch.zeros(0, 6, 3))
    assert greedy(decoder.step, state, 3, 4, 8) == beam_search(decoder.step, state, 2, 3, 4, 8) == []


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="longest 0 and width 2"):
        beam_search(LURE, Written([()]), 2, SOS, EOS, 0)
    with pytest.raises(ValueError, match="width 0"):
        beam_search(LURE, Written([()]), 0, SOS, EOS, 3)
    with pytest.raises(ValueError, match="longest 0"):
        greedy(LURE, Written([()]), SOS, EOS, 0)
