"""Solutions of lesson 11."""

import math
from collections import defaultdict
from itertools import pairwise


def merge_prefixes(own, parent, repeats, y_blank, y_label):
    """Return the mass that ends in the blank, and in the label."""
    arriving = parent[0] if repeats else parent[0] + parent[1]
    return (own[0] + own[1]) * y_blank, (own[1] + arriving) * y_label


def smoothed_bigram(sentences, before, word, k, vocabulary):
    """Return the share of the pairs that begin with `before`."""
    pairs = []
    for sentence in sentences:
        pairs += pairwise(["<s>", *sentence, "</s>"])
    both = pairs.count((before, word))
    history = sum(first == before for first, _ in pairs)
    return (both + k) / (history + k * len(vocabulary))


def fused_score(log_acoustic, word_probs, alpha, beta):
    """Return log P(Y | X) + alpha log P(Y) + beta |Y|."""
    language = sum(math.log(p) for p in word_probs)
    return log_acoustic + alpha * language + beta * len(word_probs)


def tune_alpha(alphas, valid, test):
    """Return the best weight on `valid`, and its error on `test`."""
    alpha = min(alphas, key=valid.error)
    return alpha, test.error(alpha)


def next_prefixes(kept, frame):
    """Return {prefix: [B, L]} after one more frame."""
    new = defaultdict(lambda: [0.0, 0.0])
    for prefix, (B, L) in kept.items():
        new[prefix][0] += (B + L) * frame[0]
        for label, chance in enumerate(frame[1:], start=1):
            longer = (*prefix, label)
            if prefix[-1:] == (label,):  # it lasts, or is said again
                new[prefix][1] += L * chance
                new[longer][1] += B * chance
            else:
                new[longer][1] += (B + L) * chance
    return dict(new)
