"""The exercises of lesson 11: merge two prefixes, a smoothed bigram, the fused score, honest tuning, a whole frame."""

import math
from itertools import chain, pairwise, product

import torch

from course_utils.teaching.checks.compare import difference
from course_utils.teaching.checks.exercise import Case, Exercise, drawn, given, perturbed
from course_utils.teaching.checks.voices import drawn_tables, honest, tables


def merging(to_blank=lambda own, parent: sum(own), lasting=lambda own: own[1], add=sum):
    """Return how two prefixes merge, or a way that goes wrong in what of a prefix goes on, or how it is added up."""

    def merge(own, parent, repeats, y_blank, y_label):
        arriving = parent[0] if repeats else add(parent)
        return to_blank(own, parent) * y_blank, add([lasting(own), arriving]) * y_label

    return merge


merge = merging()


def arrives_for_nothing(own, parent, repeats, y_blank, y_label):
    return sum(own) * y_blank, own[1] * y_label + (parent[0] if repeats else sum(parent))


@drawn
def drawn_merge(generator, repeats):
    own, parent, frame = torch.rand(3, 2, generator=generator).tolist()
    return tuple(own), tuple(parent), repeats, *frame


MERGE_PREFIXES = Exercise(
    name="merge_prefixes",
    task="Return the new (B, L) of a prefix after one frame in which its parent joins it.",
    oracle=merge,
    returns="(blank, label)",
    cases=[
        Case("another label than the one before", given((0.1, 0.3), (0.2, 0.4), False, 0.5, 0.25)),
        Case("the same label again", given((0.1, 0.3), (0.2, 0.4), True, 0.5, 0.25)),
        Case("a parent that ends in its label alone", given((0.0, 0.0), (0.0, 0.5), False, 0.5, 0.5)),
        Case("the same, repeated", given((0.0, 0.0), (0.0, 0.5), True, 0.5, 0.5)),
        Case("random masses", drawn_merge(False), times=2),
        Case("random masses, repeated", drawn_merge(True), times=2),
    ],
    misconceptions={
        "lets all of the parent's paths say a repeated symbol": (
            "Paths of *a* that end in a come to another a only over a blank; without it the two merge.",
            perturbed(merge, repeats=False),
        ),
        "lets only the parent's blank go on, repeated or not": (
            "A *different* label may follow at once, without a blank between.",
            perturbed(merge, repeats=True),
        ),
        "has the two cases turned round": (
            "Which of the parent's paths may say its last label once more? Those that end in the …",
            perturbed(merge, repeats=lambda repeats: not repeats),
        ),
        "repeats from the paths that end in the label": (
            "For a repeat it is the other part of the parent's mass that counts.",
            perturbed(merge, parent=lambda parent: parent[::-1]),
        ),
        "does not merge: nothing arrives from the parent": (
            "The parent's paths that now say the label have become paths of this prefix. Add them.",
            perturbed(merge, parent=(0.0, 0.0)),
        ),
        "lets only paths that end in the blank go on to the blank": (
            "Any path of the prefix may go on with a blank: it adds no label.",
            merging(to_blank=lambda own, parent: own[0]),
        ),
        "does not let the label last": (
            "Paths that end in the label may hold it one frame longer, and stay the same prefix.",
            merging(lasting=lambda own: 0.0),
        ),
        "lets the prefix go on from its own end of blank to its label": (
            "After a blank, the same label is said *again*: that is a longer prefix, not this one.",
            merging(lasting=sum),
        ),
        "lets what arrives come without this frame's probability": (
            "The parent's paths say the label *in this frame*: that costs `y_label`.",
            arrives_for_nothing,
        ),
        "lets the parent's paths come over a blank, too": (
            "With a blank the parent stays the parent: no label is added.",
            merging(to_blank=lambda own, parent: sum(own) + sum(parent)),
        ),
        "takes the best way in place of the sum": (
            "All paths of one text count. Add them up.",
            merging(to_blank=lambda own, parent: max(own), add=max),
        ),
        "returns the label's part first": (
            "The pair is (B, L), the blank's part first.",
            lambda *arguments: merge(*arguments)[::-1],
        ),
    },
    hints=[
        "Three ways lead on: to the blank, from both parts; staying in the label; and arriving from the parent.",
        "What arrives is all of the parent, or only its blank part if the label repeats the parent's last one.",
        "`arriving = parent[0] if repeats else parent[0] + parent[1]`, and it joins `own[1]` before both are "
        "multiplied by `y_label`.",
    ],
)


def with_ends(sentences):
    return [pair for sentence in sentences for pair in pairwise(["<s>", *sentence, "</s>"])]


def counting(pairs_of=with_ends, below=lambda pair, before, word: pair[0] == before):
    """Return a smoothed share of pairs, or one that goes wrong in which pairs it counts, at all or below the line."""

    def bigram(sentences, before, word, k, vocabulary):
        pairs = pairs_of(sentences)
        total = sum(below(pair, before, word) for pair in pairs)
        return (pairs.count((before, word)) + k) / (total + k * len(vocabulary))

    return bigram


bigram = counting()


def zero_for_the_unseen(sentences, before, word, k, vocabulary):
    seen = before in ["<s>", *chain(*sentences)]
    return bigram(sentences, before, word, k, vocabulary) if seen else 0.0


def once_a_sentence(sentences, before, word, k, vocabulary):
    texts = [["<s>", *sentence, "</s>"] for sentence in sentences]
    both, one = sum((before, word) in pairwise(text) for text in texts), sum(before in text for text in texts)
    return (both + k) / (one + k * len(vocabulary))


TEXTS = [["call", "my", "mother"], ["call", "the", "office"], ["feed", "the", "cat"], ["call", "my", "office"]]
WORDS = sorted({word for text in TEXTS for word in text} | {"</s>"})


@drawn
def asked(generator, before, word, k):
    return [list(text) for text in TEXTS], before, word, k, list(WORDS)


def drawn_bigram(generator):
    def some(count):
        return [WORDS[1 + int(n)] for n in torch.randint(len(WORDS) - 1, (count,), generator=generator)]

    texts = [some(1 + n % 4) for n in range(12)]
    before, word = some(2)
    return texts, before, word, 0.1 + float(torch.rand((), generator=generator)), list(WORDS)


SMOOTHED_BIGRAM = Exercise(
    name="smoothed_bigram",
    task="Return P(word | before) with k added to each count.",
    oracle=bigram,
    returns="a probability",
    cases=[
        Case("a pair that was seen", asked("call", "my", 1.0)),
        Case("a pair that was never seen", asked("feed", "my", 1.0)),
        Case("the first word of a sentence", asked("<s>", "call", 1.0)),
        Case("the end of a sentence", asked("office", "</s>", 0.5)),
        Case("a small k", asked("the", "cat", 0.1)),
        Case("two words that only meet across sentences", asked("mother", "call", 0.5)),
        Case("a first word that training never saw", asked("dog", "my", 0.5)),
        Case(
            "a pair twice in one sentence",
            given([["the", "cat", "the", "cat"], ["my", "cat"]], "the", "cat", 1.0, WORDS),
        ),
        Case("random sentences", drawn_bigram, times=3),
    ],
    misconceptions={
        "does not smooth": (
            "A pair that was never seen would have probability 0, and no sound could save its sentence.",
            perturbed(bigram, k=0),
        ),
        "adds k below only once": (
            "Each of the words in the vocabulary gets its k, so the probabilities sum to 1 only if the denominator "
            "grows by k for each of them.",
            perturbed(bigram, vocabulary=["any"]),
        ),
        "adds k only above the line": (
            "Then the probabilities sum to more than 1. What must be added below?",
            perturbed(bigram, vocabulary=[]),
        ),
        "counts the pairs the wrong way round": (
            "`before` comes first.",
            perturbed(bigram, sentences=lambda sentences: [sentence[::-1] for sentence in sentences]),
        ),
        "divides by the count of the word": (
            "It is a share of all that came after `before`.",
            counting(below=lambda pair, before, word: pair[1] == word),
        ),
        "forgets the beginning and the end of a sentence": (
            "Put `<s>` in front and `</s>` behind each sentence: which words begin and end one is worth knowing.",
            counting(lambda sentences: [pair for sentence in sentences for pair in pairwise(sentence)]),
        ),
        "counts pairs across sentences": (
            "The last word of one sentence says nothing of the first of the next.",
            counting(lambda sentences: list(pairwise(chain(*sentences)))),
        ),
        "divides by all pairs": (
            "A share *given* `before`: count only pairs with it.",
            counting(below=lambda pair, before, word: True),
        ),
        "gives 0 where `before` was never seen": (
            "Without counts only the k are left: all words are equally likely.",
            zero_for_the_unseen,
        ),
        "counts a pair once a sentence, however often it stands there": ("Each occurrence counts.", once_a_sentence),
        "adds 1, whatever k is": ("k is an argument, above the line and below.", perturbed(bigram, k=1)),
        "counts `</s>` into the vocabulary once more": (
            "`vocabulary` holds it already.",
            perturbed(bigram, vocabulary=lambda vocabulary: [*vocabulary, "</s>"]),
        ),
        "returns the logarithm": (
            "Asked for is the probability itself.",
            lambda *arguments: math.log(bigram(*arguments)),
        ),
    },
    hints=[
        "Make all pairs of neighbours, of `['<s>', *sentence, '</s>']` for each sentence.",
        "Two counts: the pair itself, and all pairs that begin with `before`.",
        "`(pair + k) / (history + k * len(vocabulary))`",
    ],
)


def fused(log_acoustic, word_probs, alpha, beta):
    return log_acoustic + alpha * sum(map(math.log, word_probs)) + beta * len(word_probs)


def drawn_score(generator):
    *probs, alpha, beta = (0.05 + 0.9 * torch.rand(6, generator=generator)).tolist()
    return -20 * probs[0], probs[: 2 + int(8 * probs[1]) % 3], 2 * alpha, 3 * beta


FUSED_SCORE = Exercise(
    name="fused_score",
    task="Return the fused score of a hypothesis.",
    oracle=fused,
    returns="a number",
    cases=[
        Case("one word", given(-3.0, [0.5], 1.0, 0.0)),
        Case("two words and a length term", given(-3.0, [0.5, 0.1], 0.5, 2.0)),
        Case("no language model", given(-7.0, [0.2, 0.2, 0.4], 0.0, 1.0)),
        Case("no words", given(-7.0, [], 0.8, 1.0)),
        Case("random numbers", drawn_score, times=4),
        Case("200 words, whose product is 0 in floating point", given(-300.0, [0.01] * 200, 0.5, 1.0)),
    ],
    misconceptions={
        "adds probabilities where logarithms belong": (
            "A product becomes a sum only in logarithms.",
            lambda log_acoustic, word_probs, alpha, beta: (
                log_acoustic + alpha * sum(word_probs) + beta * len(word_probs)
            ),
        ),
        "takes the product's logarithm wrong: log of the sum": (
            "The sentence's probability is the *product* of its words'.",
            lambda log_acoustic, word_probs, alpha, beta: (
                log_acoustic + alpha * math.log(sum(word_probs) or 1) + beta * len(word_probs)
            ),
        ),
        "forgets the weight α": (
            "α is the exponent of P(Y), so a factor of its logarithm.",
            perturbed(fused, alpha=1.0),
        ),
        "forgets the length term": ("Each word adds β.", perturbed(fused, beta=0.0)),
        "takes the length term off": (
            "The language model charges for each word already; β pays some of it back.",
            perturbed(fused, beta=lambda beta: -beta),
        ),
        "weighs the sound": (
            "α belongs to the language model.",
            lambda log_acoustic, word_probs, alpha, beta: alpha * log_acoustic + fused(0.0, word_probs, 1.0, beta),
        ),
        "takes the language model off": (
            "log P(Y) is negative already: the less probable the text, the lower the score.",
            perturbed(fused, alpha=lambda alpha: -alpha),
        ),
        "weighs the sound, too": (
            "α belongs to the language model alone.",
            lambda log_acoustic, word_probs, alpha, beta: fused(alpha * log_acoustic, word_probs, alpha, beta),
        ),
        "weighs the length term with α, too": (
            "The three terms have the factors 1, α and β.",
            lambda log_acoustic, word_probs, alpha, beta: fused(log_acoustic, word_probs, alpha, alpha * beta),
        ),
        "takes the mean of the logarithms": (
            "log P(Y) is their sum; what long texts pay is β's affair.",
            lambda log_acoustic, word_probs, alpha, beta: fused(
                log_acoustic, word_probs, alpha / max(len(word_probs), 1), beta
            ),
        ),
        "takes the logarithm to base 10": (
            "`log_acoustic` is a natural logarithm: `math.log`.",
            perturbed(fused, alpha=lambda alpha: alpha / math.log(10)),
        ),
        "leaves the logarithm": (
            "The decoder adds scores: hand back the sum, without `exp`.",
            lambda *arguments: math.exp(fused(*arguments)),
        ),
        "adds β once, however many words there are": (
            "β · |Y|: the number of words counts.",
            lambda log_acoustic, word_probs, alpha, beta: fused(log_acoustic, word_probs, alpha, 0.0) + beta,
        ),
    },
    hints=[
        "Take the logarithm of P(Y | X) · P(Y)^α first: what becomes of the product, and of the exponent?",
        "P(Y) is the product of `word_probs`, so its logarithm is a sum of logarithms.",
        "`log_acoustic`, plus `alpha` times that sum, plus `beta` times `len(word_probs)`.",
    ],
)


def choosing(by=lambda valid, test: valid.error, best=min, told=lambda valid, test: test.error):
    """Return a choice of α, or one that goes wrong in what it chooses by, in what is best, or in what it tells."""

    def tune(alphas, valid, test):
        alpha = best(alphas, key=by(valid, test))
        return alpha, told(valid, test)(alpha)

    return tune


tune = choosing()


def looks_first(alphas, valid, test):
    errors = {alpha: test.error(alpha) for alpha in alphas}
    alpha = min(alphas, key=valid.error)
    return alpha, errors[alpha]


def place_in_the_list(alphas, valid, test):
    alpha, error = tune(alphas, valid, test)
    return list(alphas).index(alpha), error


PEEKED = (
    "Whatever is chosen on the test voices fits them by chance, too, and the error there is too good to be true for "
    "anybody else. Choose on the validation voices; open the test voices once, at the end."
)

TUNE_ALPHA = Exercise(
    name="tune_alpha",
    task="Choose α, and report its error on the test voices.",
    oracle=tune,
    returns="(alpha, error)",
    compare=honest,
    cases=[
        Case("voices that agree", tables({0.0: 0.3, 0.5: 0.2, 1.0: 0.25}, {0.0: 0.35, 0.5: 0.22, 1.0: 0.28})),
        Case("voices that disagree", tables({0.0: 0.3, 0.5: 0.2, 1.0: 0.21}, {0.0: 0.4, 0.5: 0.25, 1.0: 0.19})),
        Case("random tables", drawn_tables, times=3),
    ],
    misconceptions={
        "chooses by the test voices": (PEEKED, choosing(by=lambda valid, test: test.error)),
        "asks the test voices before it has chosen": (PEEKED, looks_first),
        "chooses by both sets together": (
            PEEKED,
            choosing(lambda valid, test: lambda alpha: valid.error(alpha) + test.error(alpha)),
        ),
        "reports the best error that any α has on the test voices": (
            PEEKED,
            lambda alphas, valid, test: (min(alphas, key=valid.error), min(map(test.error, alphas))),
        ),
        "reports the validation voices' error": (
            "It was chosen to be small there; somebody else's voices have to say what it is worth.",
            choosing(told=lambda valid, test: valid.error),
        ),
        "takes the largest error": ("The smaller the error, the better.", choosing(best=max)),
        "has the two sets turned round": (
            PEEKED,
            choosing(by=lambda valid, test: test.error, told=lambda valid, test: valid.error),
        ),
        "returns a place in the list, not the α that stands there": ("Hand back the α itself.", place_in_the_list),
    },
    hints=[
        "Two steps, in this order: choose; then measure.",
        "`min(alphas, key=…)` gives the α for which a function is least. Which set's error belongs there?",
        "Call `valid.error` for each α, and `test.error` once, for the α that you have chosen.",
    ],
)


def advancing(to_blank=sum, lasting=lambda pair: pair[1], repeated=lambda pair: pair[0], other=sum, first=1, put=None):
    """Return a frame of the search, or one that goes wrong in which paths go on, where to, or what becomes of two."""
    put = put or (lambda old, blank, label: (old[0] + blank, old[1] + label))

    def next_prefixes(kept, frame):
        new = {}

        def arrive(prefix, blank, label):
            new[prefix] = put(new.get(prefix, (0.0, 0.0)), blank, label)

        for prefix, pair in kept.items():
            arrive(prefix, to_blank(pair) * frame[0], lasting(pair) * frame[prefix[-1]] if prefix else 0.0)
            for label in range(first, len(frame)):
                goes_on = repeated if prefix[-1:] == (label,) else other
                arrive((*prefix, label), 0.0, goes_on(pair) * frame[label])
        return new

    return next_prefixes


def masses(expected, got):
    """Compare two dicts of prefixes. Those without mass may be left out."""
    if not isinstance(got, dict):
        return difference(expected, got)
    if any(0 in prefix for prefix in got if isinstance(prefix, tuple)):
        return "has the blank in a prefix"
    without_mass = {prefix: pair for prefix, pair in expected.items() if not any(pair)}
    return difference(expected, without_mass | got)


@drawn
def drawn_prefixes(generator, C, longest):
    prefixes = [prefix for n in range(longest + 1) for prefix in product(range(1, C), repeat=n)]
    pairs = torch.rand(len(prefixes), 2, generator=generator).tolist()
    order = torch.randperm(len(prefixes), generator=generator).tolist()
    kept = {prefixes[k]: (pairs[k][0], pairs[k][1] if prefixes[k] else 0.0) for k in order}
    return kept, torch.rand(C, generator=generator).softmax(0).tolist()


NEXT_PREFIXES = Exercise(
    name="next_prefixes",
    task="Take all prefixes through one frame, and merge those that become the same.",
    oracle=advancing(),
    returns="{prefix: (B, L)}",
    compare=masses,
    cases=[
        Case("the pencil's first frame", given({(): (1.0, 0.0)}, [0.6, 0.4])),
        Case("the pencil's second frame", given({(): (0.6, 0.0), (1,): (0.0, 0.4)}, [0.6, 0.4])),
        Case("one prefix, two labels", given({(1,): (0.2, 0.3)}, [0.5, 0.3, 0.2])),
        Case("a prefix and its repeat", given({(1,): (0.2, 0.3), (1, 1): (0.1, 0.05)}, [0.5, 0.5])),
        Case("a prefix before its parent", given({(2, 1): (0.3, 0.1), (2,): (0.1, 0.2)}, [0.2, 0.5, 0.3])),
        Case("random masses", drawn_prefixes(3, 2), times=3),
    ],
    misconceptions={
        "repeats a label from the paths that end in it": (
            "Without a blank between, the same label only lasts longer: *a* again comes from B.",
            advancing(repeated=lambda pair: pair[1]),
        ),
        "lets all paths repeat a label": (
            "Paths that end in a and say a are still *a*. Only those that end in the blank become *aa*.",
            advancing(repeated=sum),
        ),
        "does not let a label last": (
            "A path that ends in the label may hold it: the prefix stays, and so does that mass.",
            advancing(lasting=lambda pair: 0.0),
        ),
        "lets a label last after a blank": (
            "After a blank the same label is said *again*: that is a longer prefix.",
            advancing(lasting=sum),
        ),
        "lets only paths that end in the blank go on to the blank": (
            "Any path may go on with a blank: it adds no label.",
            advancing(to_blank=lambda pair: pair[0]),
        ),
        "lets other labels follow on a blank only": (
            "A *different* label needs no blank before it.",
            advancing(other=lambda pair: pair[0]),
        ),
        "keeps only the last of the ways that meet": (
            "The new *ab* comes from *a*, and from *ab* itself: add, where your code assigns.",
            advancing(put=lambda old, blank, label: (blank, label)),
        ),
        "keeps only the last of the ways that meet in L": (
            "The new *ab* comes from *a*, and from *ab* itself: `+=` where your code says `=`.",
            advancing(put=lambda old, blank, label: (old[0] + blank, label)),
        ),
        "takes the best of the ways that meet": (
            "All paths of one text count: add them up.",
            advancing(put=lambda old, blank, label: (old[0] + blank, max(old[1], label))),
        ),
        "appends the blank": (
            "The blank, 0, is no label: the prefix stays as it is. Labels begin at 1.",
            advancing(first=0),
        ),
    },
    hints=[
        "Each prefix sends its mass on in three ways: to the blank, to its own last label, and to each longer prefix.",
        "`new = defaultdict(lambda: [0.0, 0.0])`, and add to it: `new[prefix][0] += (B + L) * frame[0]`. The empty "
        "prefix has no last label.",
        "For each label from 1 on, `new[(*prefix, label)][1]` grows by `B * frame[label]` where it repeats the last "
        "one, else by `(B + L) * frame[label]`. `prefix[-1:] == (label,)` tells which.",
    ],
)
