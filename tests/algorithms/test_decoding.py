import math
from itertools import product

import pytest
import torch
from flashlight.lib.text.decoder import CriterionType, LexiconFreeDecoder, LexiconFreeDecoderOptions, ZeroLM
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.algorithms import ctc, decoding, language_model

from .devices import devices

TOKENS = ["-", "a", "b", "c"]
SENTENCES = [list(text) for text in ("abba", "ab", "cab", "aab", "bac", "abc", "a")]


def log_probs_of(T: int, C: int, seed: int, spread: float = 2.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (spread * torch.randn(T, C, generator=generator, dtype=torch.float64)).log_softmax(1)


def labellings(log_probs: torch.Tensor, blank: int = 0) -> dict[tuple[int, ...], float]:
    """Return the log-probability of every labelling, by enumeration of all paths: the definition."""
    T, C = log_probs.shape
    paths: dict[tuple[int, ...], list[float]] = {}
    for path in product(range(C), repeat=T):
        score = sum(log_probs[t, c].item() for t, c in enumerate(path))
        paths.setdefault(tuple(ctc.collapse(path, blank)), []).append(score)
    masses = {labels: math.fsum(math.exp(score) for score in scores) for labels, scores in paths.items()}
    return {labels: math.log(mass) for labels, mass in masses.items() if mass}


CASES = st.builds(log_probs_of, st.integers(0, 5), st.integers(1, 4), st.integers(0, 10**6), st.sampled_from([0.5, 3]))


@given(st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=4))
def test_greedy_finds_the_planted_paths(paths):
    planted = torch.tensor(paths)
    scores = torch.nn.functional.one_hot(planted, 4).float().log_softmax(2)
    assert decoding.greedy(scores) == [ctc.collapse(path) for path in paths]


def test_lengths_hide_the_padding_from_greedy():
    scores = torch.nn.functional.one_hot(torch.tensor([[1, 0, 1, 2], [1, 0, 1, 2]]), 3).float()
    assert decoding.greedy(scores, torch.tensor([4, 2])) == [[1, 1, 2], [1]]
    assert decoding.greedy(scores, torch.tensor([0, 3])) == [[], [1, 1]]
    assert decoding.greedy(scores.index_fill(1, torch.tensor(3), math.nan), [2, 3]) == [[1], [1, 1]]
    assert decoding.greedy(torch.zeros(0, 4, 3), []) == []


@pytest.mark.parametrize("device", devices())
def test_a_case_for_a_pencil_where_greedy_is_wrong(device):
    """Blank 0.6 and "a" 0.4 in both frames: the best path is empty with 0.36, but "a" has 0.16 + 0.24 + 0.24."""
    log_probs = torch.tensor([[0.6, 0.4], [0.6, 0.4]], dtype=torch.float64, device=device).log()
    assert decoding.greedy(log_probs[None], torch.tensor([2])) == [[]]  # lengths may stay on the processor
    best, second = decoding.prefix_beam_search(log_probs, beam=2)
    assert (best.labels, second.labels) == ((1,), ())
    assert math.exp(best.score) == pytest.approx(0.64)
    paths = decoding.beam_search(log_probs, beam=4)
    assert [path.labels for path in paths] == [(), (1,), (1,), (1,)]  # it finds all three, and adds nothing up
    assert [math.exp(path.score) for path in paths] == pytest.approx([0.36, 0.24, 0.24, 0.16])


@settings(max_examples=30)
@given(CASES)
def test_beam_search_finds_the_best_paths(log_probs):
    T, C = log_probs.shape
    scores = sorted(sum(log_probs[t, c].item() for t, c in enumerate(p)) for p in product(range(C), repeat=T))
    found = decoding.beam_search(log_probs, beam=6)
    assert [path.score for path in found] == pytest.approx(scores[::-1][:6])
    assert list(found[0].labels) == decoding.greedy(log_probs[None])[0]
    assert found[0].frames == tuple(sorted(set(found[0].frames)))
    assert all(path.acoustic == path.score and path.language == 0 for path in found)


@settings(max_examples=60)
@given(CASES, st.integers(0, 3))
def test_a_beam_that_holds_every_prefix_equals_enumeration(log_probs, blank):
    blank %= log_probs.shape[1]
    expected = labellings(log_probs, blank)
    found = decoding.prefix_beam_search(log_probs, beam=1000, blank=blank)
    assert {h.labels: h.acoustic for h in found} == pytest.approx(expected, abs=1e-11)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
    assert all(h.score == h.acoustic and h.language == 0 for h in found)
    assert decoding.dropped_mass(found) == pytest.approx(0, abs=1e-12)


@settings(max_examples=30)
@given(CASES, st.data())
def test_impossible_symbols_never_come(log_probs, data):
    T, C = log_probs.shape
    for t, c in data.draw(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3)), max_size=6)):
        log_probs[t % T if T else slice(0), c % C or slice(0)] = -math.inf
    found = decoding.prefix_beam_search(log_probs, beam=1000)
    assert {h.labels: h.acoustic for h in found} == pytest.approx(labellings(log_probs), abs=1e-11)


@settings(max_examples=40)
@given(CASES, st.integers(1, 8))
def test_a_narrow_beam_says_what_it_dropped(log_probs, beam):
    masses = labellings(log_probs)
    found = decoding.prefix_beam_search(log_probs, beam)
    assert all(h.acoustic <= masses[h.labels] + 1e-12 for h in found)  # paths fall, none is invented
    dropped = decoding.dropped_mass(found)
    assert dropped == pytest.approx(1 - sum(math.exp(h.acoustic) for h in found), abs=1e-12)
    best, *others = (math.exp(h.acoustic) for h in found)
    if best - max(others, default=0.0) > dropped + 1e-12:
        assert found[0].labels == max(masses, key=masses.__getitem__)
    everything = decoding.prefix_beam_search(log_probs, 1000)
    assert everything[0].score >= found[0].score - 1e-12  # the beam that holds all is never worse than one it contains


def test_a_wider_beam_can_be_worse():
    """As `prefix_beam_search` says: with three places a rival takes, in frame 2, paths that had joined the best."""
    chances = torch.tensor([[5, 1, 2], [1, 1, 5], [6, 5, 3]], dtype=torch.float64)
    log_probs = (chances / chances.sum(1, keepdim=True)).log()
    two, three, all_of_them = (decoding.prefix_beam_search(log_probs, beam)[0].score for beam in (2, 3, 1000))
    assert three < two <= all_of_them
    scores = torch.tensor(
        [[decoding.prefix_beam_search(log_probs_of(6, 4, s), k)[0].score for k in (1, 2, 4, 16)] for s in range(30)]
    )
    assert bool((scores.mean(0).diff() > 0).all())  # on the whole, wider is better


class Strict(language_model.LanguageModel):
    """Says that "a" and "b" are certain, that "c" comes in even places only, and that an odd length has no end."""

    def start(self):
        return 0

    def score(self, state, token):
        return state + 1, 0.0 if token in "ab" else -math.inf if state % 2 else -0.5

    def finish(self, state):
        return -math.inf if state % 2 else 0.0


JUDGES = [None, language_model.kneser_ney(SENTENCES, 2), language_model.add_k(SENTENCES, 2, k=0.0), Strict()]


@pytest.mark.parametrize("judge", JUDGES)
@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.7, 2.0]), st.sampled_from([-1.0, 0.0, 4.0]), st.data())
def test_no_symbol_that_could_enter_is_left_untried(judge, seed, alpha, beta, data):
    """The search against the same search without its pruning, at widths that bite."""
    beam, floor = data.draw(st.sampled_from([1, 3, 10])), data.draw(st.sampled_from([-math.inf, -2.0]))
    log_probs = log_probs_of(9, 4, seed, 1.5)
    log_probs[1:, 1:][log_probs[1:, 1:] < data.draw(st.sampled_from([-math.inf, -3.0]))] = -math.inf

    def weigh(log_prob):
        return alpha * log_prob if alpha else 0.0

    def bonus(labels):
        state, total = judge.start() if judge else None, beta * len(labels)
        for label in labels:
            state, log_prob = judge.score(state, TOKENS[label]) if judge else (None, 0.0)
            total += weigh(log_prob)
        return total, weigh(judge.finish(state)) if judge else 0.0

    found = decoding.prefix_beam_search(log_probs, beam, judge, alpha, beta, tokens=TOKENS, floor=floor)
    expected = _textbook(log_probs.tolist(), beam, lambda labels: bonus(labels)[0], floor)
    assert {h.labels: h.acoustic for h in found} == pytest.approx(expected, abs=1e-11)
    scores = [h.score for h in found]
    assert scores == pytest.approx([h.acoustic + sum(bonus(h.labels)) for h in found], abs=1e-11)
    assert scores == sorted(scores, reverse=True)  # what cannot end here comes last


def _textbook(rows, beam, bonus, floor):
    """The search as textbooks have it: every symbol of every prefix, into one dictionary (Hannun et al. 2014)."""
    beams = {(): (0.0, -math.inf)}
    for row in rows:
        masses: dict[tuple[int, ...], list[list[float]]] = {}
        for labels, (blank, label) in beams.items():
            total = decoding.log_add(blank, label)
            masses.setdefault(labels, [[], []])[0].append(total + row[0])
            if labels:
                masses[labels][1].append(label + row[labels[-1]])
            for c in range(1, len(row)):
                if row[c] >= floor or (*labels, c) in beams:
                    source = blank if labels[-1:] == (c,) else total
                    masses.setdefault((*labels, c), [[], []])[1].append(source + row[c])
        summed = {y: [torch.tensor(p, dtype=torch.float64).logsumexp(0).item() for p in m] for y, m in masses.items()}
        scores = {y: decoding.log_add(*mass) + bonus(y) for y, mass in summed.items()}
        best = sorted(scores, key=scores.__getitem__, reverse=True)[:beam]
        beams = {y: tuple(summed[y]) for y in best if scores[y] > -math.inf}
    return {y: decoding.log_add(*m) for y, m in beams.items()}


def test_frames_tell_where_each_label_begins():
    path = [0, 0, 1, 1, 0, 1, 2, 2, 2, 0, 3, 0]
    scores = (6 * torch.nn.functional.one_hot(torch.tensor(path), 4)).float().log_softmax(1)
    best = decoding.prefix_beam_search(scores, beam=8, tokens=TOKENS)[0]
    assert (best.labels, best.frames, best.text) == ((1, 1, 2, 3), (2, 5, 6, 10), "aabc")
    assert decoding.prefix_beam_search(scores, 8, tokens=TOKENS, between=" ")[0].text == "a a b c"
    assert decoding.beam_search(scores, beam=1)[0].frames == (2, 5, 6, 10)
    # A faint early "a" makes the prefix, a clear late one most of its mass: the late frame counts.
    log_probs = torch.tensor([[0.99, 0.01], [0.99, 0.01], [0.1, 0.9], [0.9, 0.1]]).log()
    assert decoding.prefix_beam_search(log_probs, beam=4)[0].frames == (2,)
    # 0.4 begins in frame 0, and half of it goes on to the blank. In frame 1 0.3 begins: more than each half, not both.
    log_probs = torch.tensor([[0.6, 0.4], [0.5, 0.5]]).log()
    assert decoding.prefix_beam_search(log_probs, beam=4)[0].frames == (0,)


@settings(max_examples=40)
@given(CASES, st.integers(1, 6))
def test_frames_rise(log_probs, beam):
    for h in decoding.prefix_beam_search(log_probs, beam):
        assert len(h.frames) == len(h.labels)
        assert list(h.frames) == sorted(set(h.frames))
        assert all(0 <= frame < len(log_probs) for frame in h.frames)


@pytest.mark.parametrize("make", [language_model.kneser_ney, language_model.add_k])
@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), alpha=st.sampled_from([0.0, 0.5, 2.0]), beta=st.sampled_from([-1.0, 0.0, 1.5]))
def test_fusion_equals_enumeration(make, seed, alpha, beta):
    model, log_probs = make(SENTENCES, 2), log_probs_of(4, 4, seed, 1.0)
    expected = {}
    for labels, acoustic in labellings(log_probs).items():
        language = model.sentence_log_prob([TOKENS[label] for label in labels])
        expected[labels] = acoustic + alpha * language + beta * len(labels)
    found = decoding.prefix_beam_search(log_probs, 1000, model, alpha, beta, tokens=TOKENS)
    assert {h.labels: h.score for h in found} == pytest.approx(expected, abs=1e-10)
    assert found[0].labels == max(expected, key=expected.__getitem__)
    narrow = decoding.prefix_beam_search(log_probs, 6, model, alpha, beta, tokens=TOKENS)
    assert all(h.score <= expected[h.labels] + 1e-10 for h in narrow)
    for h in found:
        assert h.language == pytest.approx(model.sentence_log_prob(list(h.text)))
        assert h.score == pytest.approx(h.acoustic + alpha * h.language + beta * len(h.labels))


def test_the_length_term_counts_what_it_is_told_to():
    log_probs = log_probs_of(4, 4, 1)
    plain = {h.labels: h.score for h in decoding.prefix_beam_search(log_probs, 1000)}
    found = decoding.prefix_beam_search(log_probs, 1000, beta=0.7, tokens=TOKENS, counted="b")
    assert {h.labels: h.score for h in found} == pytest.approx({y: s + 0.7 * y.count(2) for y, s in plain.items()})


def test_a_floor_costs_exactness_and_shows_it():
    log_probs = log_probs_of(8, 4, 3)
    exact, floored = (decoding.prefix_beam_search(log_probs, 10**5, floor=floor) for floor in (-math.inf, -3.0))
    assert decoding.dropped_mass(exact) < 1e-9 < decoding.dropped_mass(floored) < 0.5
    assert len(floored) < len(exact)


def flashlight(log_probs: torch.Tensor, beam: int, log_add: bool = True):
    T, C = log_probs.shape
    options = LexiconFreeDecoderOptions(
        beam_size=beam, beam_size_token=C, beam_threshold=1e9, lm_weight=0.0, sil_score=0.0, log_add=log_add,
        criterion_type=CriterionType.CTC,
    )  # fmt: skip
    decoder = LexiconFreeDecoder(options, ZeroLM(), -1, 0, [])
    return decoder.decode(log_probs.float().contiguous().data_ptr(), T, C)[0]


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_flashlight(seed):
    """When it is told to add paths up. Its beam holds a prefix twice, ending in a blank and not: ours is wider."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(1, 12, (4,), generator=generator)
    scores = torch.randn(20, 12, generator=generator)
    scores[:, 0] += 6
    scores[torch.arange(4) * 5 + 2, target] += 9
    log_probs = scores.log_softmax(1)
    theirs = flashlight(log_probs, 1000)
    ours = decoding.prefix_beam_search(log_probs, 500)[0]
    assert list(ours.labels) == ctc.collapse(list(theirs.tokens[1:-1]))  # it puts a blank at either end
    assert ours.score == pytest.approx(theirs.score, abs=2e-3)
    assert ours.score >= theirs.score - 1e-4
    best_path = log_probs.max(1).values.sum().item()
    assert flashlight(log_probs, 1000, log_add=False).score == pytest.approx(best_path, abs=1e-3)  # its default: no sum
    assert ours.score > best_path


def test_long_inputs_in_single_precision():
    log_probs = log_probs_of(1000, 8, 0, 4.0)
    double, single = (decoding.prefix_beam_search(log_probs.to(kind), 8)[0] for kind in (torch.float64, torch.float32))
    assert double.labels == single.labels
    assert single.score == pytest.approx(double.score, rel=1e-6)


ONE = torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("scores", "lengths", "message"),
    [
        (torch.zeros(3, 4), None, r"give \(B, T, C\)"),
        (torch.full((1, 2, 3), torch.nan), None, "NaN"),
        (torch.zeros(1, 2, 3), torch.tensor([3]), "between 0 and 2"),
        (torch.zeros(1, 2, 3), torch.tensor([1, 1]), "1 whole numbers"),
        (torch.zeros(1, 2, 3), torch.tensor([1.5]), r"lengths \[1.5\] must be 1 whole"),
    ],
)
def test_bad_input_to_greedy_is_named(scores, lengths, message):
    with pytest.raises(ValueError, match=message):
        decoding.greedy(scores, lengths)
    with pytest.raises(ValueError, match="blank is 3; the symbols run from 0 to 2"):
        decoding.greedy(torch.zeros(1, 2, 3), blank=3)


def test_a_frame_that_leaves_no_path_is_named():
    log_probs = log_probs_of(4, 3, 0).index_fill(0, torch.tensor(2), -math.inf)
    for search in (decoding.beam_search, decoding.prefix_beam_search):
        with pytest.raises(ValueError, match="frame 2 leaves no path"):
            search(log_probs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"log_probs": torch.zeros(1, 2, 3)}, r"give one utterance, \(T, C\)"),
        ({"log_probs": torch.full((2, 3), torch.nan)}, "NaN"),
        ({"log_probs": torch.full((2, 3), torch.inf)}, r"\+inf"),
        ({"beam": 0}, "beam is 0"),
        ({"blank": 3}, "blank is 3; the symbols run from 0 to 2"),
        ({"floor": 0.001}, "floor is 0.001; it is a log-probability"),
        ({"floor": math.nan}, "floor is nan"),
        ({"alpha": -1.0}, "alpha is -1"),
        ({"beta": math.nan}, "beta nan"),
        ({"tokens": ["-", "a"]}, "2 tokens for 3 symbols"),
        ({"tokens": ["-", "a", "b"], "counted": " "}, "counted is ' '"),
        ({"language_model": language_model.add_k([["a"]], 1)}, "give tokens"),
    ],
)
def test_bad_input_to_the_prefix_beam_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        decoding.prefix_beam_search(**({"log_probs": ONE} | arguments))
