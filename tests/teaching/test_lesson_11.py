"""Wrong answers to the exercises of lesson 11, as people write them, each refused for its own reason."""

import math
from collections import Counter, defaultdict
from itertools import chain, pairwise

import pytest
import torch

from course_utils.algorithms import decoding
from course_utils.teaching.checks import grade
from course_utils.teaching.checks.registry import find

from .toys import each_wrong


def merges(all_of_parent=lambda repeats: not repeats, lasts=True, blanks=True, arrives=True):
    """Return the step as someone writes it who goes wrong in a chosen place."""

    def step(own, parent, repeats, y_blank, y_label):
        B, L = own
        label = L if lasts else 0.0
        if arrives:
            label += parent[0]
            if all_of_parent(repeats):
                label += parent[1]
        return (B + L if blanks else B) * y_blank, label * y_label

    return step


def also_from_its_blank(own, parent, repeats, y_blank, y_label):
    B, L = own
    label = B + L + (parent[0] if repeats else parent[0] + parent[1])
    return (B + L) * y_blank, label * y_label


def from_the_label(own, parent, repeats, y_blank, y_label):
    arriving = parent[1] if repeats else parent[0] + parent[1]
    return (own[0] + own[1]) * y_blank, (own[1] + arriving) * y_label


def viterbi(own, parent, repeats, y_blank, y_label):
    arriving = parent[0] if repeats else max(parent)
    return max(own) * y_blank, max(own[1], arriving) * y_label


def label_first(own, parent, repeats, y_blank, y_label):
    return merges()(own, parent, repeats, y_blank, y_label)[::-1]


def without_this_frame(own, parent, repeats, y_blank, y_label):
    arriving = parent[0] if repeats else parent[0] + parent[1]
    return (own[0] + own[1]) * y_blank, own[1] * y_label + arriving


def parent_in_both(own, parent, repeats, y_blank, y_label):
    arriving = parent[0] if repeats else sum(parent)
    return (sum(own) + sum(parent)) * y_blank, (own[1] + arriving) * y_label


def counts(sentences):
    pairs = Counter()
    for sentence in sentences:
        words = ["<s>", *sentence, "</s>"]
        pairs.update(pairwise(words))
    return pairs


def history(pairs, before):
    return sum(count for (first, _), count in pairs.items() if first == before)


def unsmoothed(sentences, before, word, k, vocabulary):
    pairs = counts(sentences)
    return pairs[before, word] / history(pairs, before)


def one_k_below(sentences, before, word, k, vocabulary):
    pairs = counts(sentences)
    return (pairs[before, word] + k) / (history(pairs, before) + k)


def above_alone(sentences, before, word, k, vocabulary):
    pairs = counts(sentences)
    return (pairs[before, word] + k) / history(pairs, before)


def no_borders(sentences, before, word, k, vocabulary):
    pairs = Counter()
    for sentence in sentences:
        pairs.update(pairwise(sentence))
    return (pairs[before, word] + k) / (history(pairs, before) + k * len(vocabulary))


def one_long_text(sentences, before, word, k, vocabulary):
    return no_borders([[*chain(*sentences)]], before, word, k, vocabulary)


def joint(sentences, before, word, k, vocabulary):
    pairs = counts(sentences)
    return (pairs[before, word] + k) / (sum(pairs.values()) + k * len(vocabulary))


def given_the_word(sentences, before, word, k, vocabulary):
    pairs = counts(sentences)
    after = sum(count for (_, second), count in pairs.items() if second == word)
    return (pairs[before, word] + k) / (after + k * len(vocabulary))


def smoothed(sentences, before, word, k, vocabulary):
    pairs = counts(sentences)
    return (pairs[before, word] + k) / (history(pairs, before) + k * len(vocabulary))


def guarded(sentences, before, word, k, vocabulary):
    pairs = counts(sentences)
    if not history(pairs, before):
        return 0.0
    return (pairs[before, word] + k) / (history(pairs, before) + k * len(vocabulary))


def sentences_with_it(sentences, before, word, k, vocabulary):
    both = one = 0
    for sentence in sentences:
        words = ["<s>", *sentence, "</s>"]
        both += (before, word) in pairwise(words)
        one += before in words
    return (both + k) / (one + k * len(vocabulary))


def changes_the_sentences(sentences, before, word, k, vocabulary):
    for sentence in sentences:
        sentence.insert(0, "<s>")
    pairs = counts(sentences)
    return (pairs[before, word] + k) / (history(pairs, before) + k * len(vocabulary))


def score(weigh=lambda log_acoustic, language, alpha: log_acoustic + alpha * language, length=len):
    def fused(log_acoustic, word_probs, alpha, beta):
        language = sum(math.log(p) for p in word_probs)
        return weigh(log_acoustic, language, alpha) + beta * length(word_probs)

    return fused


def without_logarithms(log_acoustic, word_probs, alpha, beta):
    return log_acoustic + alpha * sum(word_probs) + beta * len(word_probs)


def log_of_the_sum(log_acoustic, word_probs, alpha, beta):
    language = math.log(sum(word_probs)) if word_probs else 0
    return log_acoustic + alpha * language + beta * len(word_probs)


def mean_of_logarithms(log_acoustic, word_probs, alpha, beta):
    language = sum(math.log(p) for p in word_probs) / len(word_probs) if word_probs else 0.0
    return log_acoustic + alpha * language + beta * len(word_probs)


def logarithm_of_the_product(log_acoustic, word_probs, alpha, beta):
    return log_acoustic + alpha * math.log(math.prod(word_probs)) + beta * len(word_probs)


def chooses_on_test(alphas, valid, test):
    best = None
    for alpha in alphas:
        error = test.error(alpha)
        if best is None or error < best[1]:
            best = alpha, error
    return best


def measures_both_at_once(alphas, valid, test):
    rows = [(valid.error(alpha), alpha, test.error(alpha)) for alpha in alphas]
    _, alpha, error = min(rows)
    return alpha, error


def reports_validation(alphas, valid, test):
    error, alpha = min((valid.error(alpha), alpha) for alpha in alphas)
    return alpha, error


def worst(alphas, valid, test):
    _, alpha = max((valid.error(alpha), alpha) for alpha in alphas)
    return alpha, test.error(alpha)


def mean_of_both(alphas, valid, test):
    alpha = min(alphas, key=lambda alpha: (valid.error(alpha) + test.error(alpha)) / 2)
    return alpha, test.error(alpha)


def best_of_each(alphas, valid, test):
    return min(alphas, key=valid.error), min(test.error(alpha) for alpha in alphas)


def rounds(alphas, valid, test):
    alpha = min(alphas, key=valid.error)
    return alpha, round(float(test.error(alpha)), 9)


def reads_the_table(alphas, valid, test):
    alpha = min(alphas, key=valid.error)
    return alpha, test.errors[alpha]


def turned_round(alphas, valid, test):
    alpha = min(alphas, key=test.error)
    return alpha, valid.error(alpha)


def with_an_index(alphas, valid, test):
    errors = [valid.error(alpha) for alpha in alphas]
    best = errors.index(min(errors))
    return best, test.error(alphas[best])


def frame_of(stays=lambda B, L: L, again=lambda B, L: B, other=lambda B, L: B + L, blank=lambda B, L: B + L, at=1):
    """Return the frame as someone writes it who goes wrong in a chosen place; labels are counted from ``at``."""

    def advance(kept, frame):
        new = defaultdict(lambda: [0.0, 0.0])
        for prefix, (B, L) in kept.items():
            new[prefix][0] += blank(B, L) * frame[0]
            for c in range(at, len(frame)):
                if prefix and prefix[-1] == c:
                    new[prefix][1] += stays(B, L) * frame[c]
                    new[(*prefix, c)][1] += again(B, L) * frame[c]
                else:
                    new[(*prefix, c)][1] += other(B, L) * frame[c]
        return {prefix: tuple(pair) for prefix, pair in new.items()}

    return advance


def assigns(kept, frame):
    new = {}
    for prefix, (B, L) in kept.items():
        new[prefix] = (B + L) * frame[0], L * frame[prefix[-1]] if prefix else 0.0
        for c, y in enumerate(frame):
            if c:
                new[(*prefix, c)] = 0.0, y * (B if prefix and prefix[-1] == c else B + L)
    return new


def assigns_the_label_part(kept, frame):
    new = defaultdict(lambda: [0.0, 0.0])
    for prefix, (B, L) in kept.items():
        new[prefix][0] = (B + L) * frame[0]
        if prefix:
            new[prefix][1] = L * frame[prefix[-1]]
        for c in range(1, len(frame)):
            new[(*prefix, c)][1] = (B if prefix[-1:] == (c,) else B + L) * frame[c]
    return new


def best_of_both(kept, frame):
    new = defaultdict(lambda: [0.0, 0.0])
    for prefix, (B, L) in kept.items():
        new[prefix][0] = (B + L) * frame[0]
        if prefix:
            new[prefix][1] = max(new[prefix][1], L * frame[prefix[-1]])
        for c in range(1, len(frame)):
            mass = B if prefix[-1:] == (c,) else B + L
            new[(*prefix, c)][1] = max(new[(*prefix, c)][1], mass * frame[c])
    return dict(new)


def blank_as_a_label(kept, frame):
    new = defaultdict(lambda: [0.0, 0.0])
    for prefix, (B, L) in kept.items():
        for c, y in enumerate(frame):
            new[(*prefix, c)][c > 0] += (B + L) * y
    return new


def grows_what_it_got(kept, frame):
    kept |= frame_of()(dict(kept), frame)
    return kept


def totals(kept, frame):
    return {prefix: sum(pair) for prefix, pair in frame_of()(kept, frame).items()}


WRONG = {
    "merge_prefixes": [
        (merges(lambda repeats: True), "lets all of the parent's paths say a repeated symbol"),
        (merges(lambda repeats: False), "lets only the parent's blank go on, repeated or not"),
        (merges(lambda repeats: repeats), "has the two cases turned round"),
        (from_the_label, "repeats from the paths that end in the label"),
        (merges(arrives=False), "does not merge: nothing arrives from the parent"),
        (merges(blanks=False), "lets only paths that end in the blank go on to the blank"),
        (merges(lasts=False), "does not let the label last"),
        (also_from_its_blank, "lets the prefix go on from its own end of blank to its label"),
        (viterbi, "takes the best way in place of the sum"),
        (label_first, "returns the label's part first"),
        (without_this_frame, "lets what arrives come without this frame's probability"),
        (parent_in_both, "lets the parent's paths come over a blank, too"),
        (lambda own, parent, repeats, y_blank, y_label: None, None),
        (lambda own, parent, repeats, y_blank, y_label: (math.nan, math.nan), None),
    ],
    "smoothed_bigram": [
        (unsmoothed, "does not smooth"),
        (one_k_below, "adds k below only once"),
        (above_alone, "adds k only above the line"),
        (no_borders, "forgets the beginning and the end of a sentence"),
        (one_long_text, "counts pairs across sentences"),
        (joint, "divides by all pairs"),
        (given_the_word, "divides by the count of the word"),
        (guarded, "gives 0 where `before` was never seen"),
        (sentences_with_it, "counts a pair once a sentence, however often it stands there"),
        (lambda *arguments: math.log(smoothed(*arguments)), "returns the logarithm"),
        (lambda texts, before, word, k, words: smoothed(texts, before, word, 1, words), "adds 1, whatever k is"),
        (
            lambda texts, before, word, k, words: smoothed(texts, before, word, k, range(len(words) + 1)),
            "counts `</s>` into the vocabulary once more",
        ),
        (changes_the_sentences, None),
        (lambda sentences, before, word, k, vocabulary: 1 / len(vocabulary), None),
    ],
    "fused_score": [
        (without_logarithms, "adds probabilities where logarithms belong"),
        (log_of_the_sum, "takes the product's logarithm wrong: log of the sum"),
        (score(lambda acoustic, language, alpha: acoustic + language), "forgets the weight α"),
        (score(length=lambda words: 0), "forgets the length term"),
        (score(length=lambda words: -len(words)), "takes the length term off"),
        (score(lambda acoustic, language, alpha: alpha * acoustic + language), "weighs the sound"),
        (score(length=lambda words: 1), "adds β once, however many words there are"),
        (score(lambda acoustic, language, alpha: acoustic - alpha * language), "takes the language model off"),
        (score(lambda acoustic, language, alpha: alpha * (acoustic + language)), "weighs the sound, too"),
        (
            lambda log_acoustic, word_probs, alpha, beta: score()(log_acoustic, word_probs, alpha, alpha * beta),
            "weighs the length term with α, too",
        ),
        (mean_of_logarithms, "takes the mean of the logarithms"),
        (
            score(lambda acoustic, language, alpha: acoustic + alpha * language / math.log(10)),
            "takes the logarithm to base 10",
        ),
        (lambda *arguments: math.exp(score()(*arguments)), "leaves the logarithm"),
        (logarithm_of_the_product, None),
        (lambda log_acoustic, word_probs, alpha, beta: log_acoustic / 0, None),
    ],
    "tune_alpha": [
        (chooses_on_test, "chooses by the test voices"),
        (measures_both_at_once, "asks the test voices before it has chosen"),
        (reports_validation, "reports the validation voices' error"),
        (worst, "takes the largest error"),
        (mean_of_both, "chooses by both sets together"),
        (best_of_each, "reports the best error that any α has on the test voices"),
        (turned_round, "has the two sets turned round"),
        (with_an_index, "returns a place in the list, not the α that stands there"),
        (rounds, None),
        (reads_the_table, None),
        (lambda alphas, valid, test: alphas[0], None),
    ],
    "next_prefixes": [
        (frame_of(again=lambda B, L: L), "repeats a label from the paths that end in it"),
        (frame_of(again=lambda B, L: B + L), "lets all paths repeat a label"),
        (frame_of(stays=lambda B, L: 0.0), "does not let a label last"),
        (frame_of(stays=lambda B, L: B + L), "lets a label last after a blank"),
        (frame_of(blank=lambda B, L: B), "lets only paths that end in the blank go on to the blank"),
        (frame_of(other=lambda B, L: B), "lets other labels follow on a blank only"),
        (assigns, "keeps only the last of the ways that meet"),
        (assigns_the_label_part, "keeps only the last of the ways that meet in L"),
        (best_of_both, "takes the best of the ways that meet"),
        (frame_of(at=0), "appends the blank"),
        (blank_as_a_label, None),
        (grows_what_it_got, None),
        (totals, None),
        (lambda kept, frame: [*kept], None),
        (lambda kept, frame: dict.fromkeys(kept, (math.nan, math.nan)), None),
        (lambda kept, frame: kept[()], None),
        (lambda kept, frame: None, None),
    ],
}


@pytest.mark.parametrize(("exercise", "answer", "diagnosis"), each_wrong(WRONG))
def test_wrong_answers_are_refused_with_their_reason(exercise, answer, diagnosis):
    report = grade(exercise, answer)
    assert report.status == "failed"
    assert report.misconception == diagnosis


def tunes_in_a_loop(alphas, valid, test):
    errors = {alpha: valid.error(alpha) for alpha in alphas}
    chosen = sorted(alphas, key=errors.__getitem__)[0]
    test.error(chosen)  # asking twice about the same is no peeking
    return [chosen, test.error(chosen)]


def collects(kept, frame):
    """Each new prefix collects what arrives, from itself and from its parent; those without mass are left out."""
    longer = {(*prefix, c) for prefix in kept for c in range(1, len(frame))}
    nothing, new = (0.0, 0.0), {}
    for prefix in {*kept, *longer}:
        own, parent = kept.get(prefix, nothing), kept.get(prefix[:-1], nothing) if prefix else nothing
        label = frame[prefix[-1]] if prefix else 0.0
        pair = merges()(own, parent, prefix[-2:-1] == prefix[-1:], frame[0], label)
        if sum(pair):
            new[prefix] = pair
    return new


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("merge_prefixes", merges()),
        ("smoothed_bigram", smoothed),
        ("fused_score", score()),
        ("tune_alpha", tunes_in_a_loop),
        ("next_prefixes", frame_of()),
        ("next_prefixes", collects),
    ],
)
def test_right_answers_pass_however_they_are_written(exercise, answer):
    assert grade(exercise, answer).status == "passed"


def test_peeking_is_told_with_the_weights_that_were_asked_about():
    assert "the test voices were asked about α = " in grade("tune_alpha", measures_both_at_once).headline


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda alphas, valid, test: None, "is None"),
        (lambda alphas, valid, test: min(alphas, key=valid.error), "tuple is asked for, float came"),
        (lambda alphas, valid, test: tunes_in_a_loop(alphas, valid, test)[::-1], "has the error first"),
        (rounds, "reports an error that no voices gave"),
        (lambda alphas, valid, test: {"alpha": min(alphas, key=valid.error)}, "tuple is asked for, dict came"),
    ],
)
def test_what_is_no_pair_of_alpha_and_error_is_told_so(answer, words):
    assert words in grade("tune_alpha", answer).headline


def test_frame_after_frame_is_the_search():
    y = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).double().softmax(1)
    kept = {(): (1.0, 0.0)}
    for frame in y.tolist():
        kept = find("next_prefixes").oracle(kept, frame)
    texts = {one.labels: math.exp(one.score) for one in decoding.prefix_beam_search(y.log(), 999)}
    reached = {prefix: sum(pair) for prefix, pair in kept.items() if sum(pair)}
    assert reached == pytest.approx(texts)
    assert sum(reached.values()) == pytest.approx(1)


def test_a_blank_in_a_prefix_is_said():
    assert "has the blank in a prefix" in grade("next_prefixes", blank_as_a_label).headline
