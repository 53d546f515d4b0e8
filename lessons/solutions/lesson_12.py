"""Solutions of lesson 12."""

import torch


def both_losses(by_ctc, tokens, words, weight):
    """Return the weighted sum of two losses, each in nats per word."""
    real = torch.arange(tokens.shape[1]) < (words + 1)[:, None]
    per_word = (by_ctc / words).mean()
    return weight * per_word + (1 - weight) * tokens[real].mean()


def time_mask(frames, first, count):
    """Return a copy with zeros in a stretch of time."""
    masked = frames.clone()
    masked[:, first : first + count] = 0.0
    return masked


def likeliest_text(texts, by_ctc, by_attention, weight):
    """Return the text with the largest sum of weighted scores."""
    pairs = zip(by_ctc, by_attention, strict=True)
    scores = [
        weight * frames + (1 - weight) * words for frames, words in pairs
    ]
    return texts[scores.index(max(scores))]


def error_rate(alignments):
    """Return all errors over all words that were said."""
    kinds = [kind for alignment in alignments for kind, _, _ in alignment]
    errors = sum(kind != "equal" for kind in kinds)
    return errors / sum(kind != "insert" for kind in kinds)


def paired_differences(errors, others, words, draws):
    """Return differences of two rates, both over the utterances drawn."""
    more = (errors - others)[draws].sum(1)
    return more / words[draws].sum(1)
