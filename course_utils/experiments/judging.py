"""On what several recognisers of digits are judged, how sure we can be, and whether one is better than another."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import torch

from course_utils import evaluation
from course_utils.algorithms import metrics
from course_utils.data import augmentation, corpora
from course_utils.data.corpora import Utterance

Interval = tuple[float, float, float]  # a figure, and between what it probably lies


def sets(count: int = 150, seed: int = 0) -> dict[str, list[Utterance]]:
    """Return up to ``count`` strings of each kind that training does not have; real speakers where there are any."""
    if count < 1:
        raise ValueError(f"count is {count}; give a whole number from 1 on")
    generator = torch.Generator().manual_seed(seed)
    voices = corpora.load("digits", "test", count)

    def noisy(one: Utterance) -> Utterance:
        return replace(one, samples=augmentation.add_noise(one.samples, evaluation.NOISE, generator))

    found = {
        "unseen voices": voices,
        f"in noise, {evaluation.NOISE} dB": [noisy(one) for one in voices],
        "unseen synthesiser": corpora.load("digits", "test_unseen", count),
    }
    with suppress(corpora.MissingCorpus):  # whoever shows the sets says what is missing
        found["real speakers"] = evaluation.real_strings("test", count=count)
    return found


def rate(said: Sequence[str], written: Sequence[str]) -> Interval:
    """Return the word error rate and its 95 % interval by the bootstrap, in per cent."""
    low, high = metrics.bootstrap_interval(said, written)
    return 100 * metrics.wer(said, written), 100 * low, 100 * high


def paired(said: Sequence[str], one: Sequence[str], other: Sequence[str], draws: int = 1000, seed: int = 0) -> Interval:
    """Return by how much the word error rate of one recogniser is above that of another, in points, and the interval.

    Both are judged on the same draws of utterances, so that the luck of easy ones cancels (Bisani and Ney 2004). Where
    the interval lies on one side of 0, other utterances from the same source would hardly turn the order round.
    """
    errors, others = (_errors(said, written) for written in (one, other))
    words = torch.tensor([float(len(text.split())) for text in said])
    if draws < 1 or not words.sum():
        raise ValueError(f"{draws} draws of {int(words.sum())} words: both must be at least 1")
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(words), (draws, len(words)), generator=generator)
    more = 100 * (errors - others)[drawn].sum(1) / words[drawn].sum(1).clamp(min=1.0)
    low, high = torch.quantile(more, torch.tensor([0.025, 0.975])).tolist()
    return float(100 * (errors - others).sum() / words.sum()), low, high


def _errors(said: Sequence[str], written: Sequence[str]) -> torch.Tensor:
    if len(said) != len(written):
        raise ValueError(f"{len(said)} texts said and {len(written)} written; each needs its partner")
    pairs = zip(said, written, strict=True)
    return torch.tensor([float(metrics.edit_counts(text, found).edits) for text, found in pairs])
