"""Single words cut out of strings of words, where the speaker paused between them."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor

from course_utils.data.corpora import Utterance

FRAME, HOP = 0.025, 0.01  # seconds
MARGIN = 0.03  # seconds of the pause that stay at each end of a word
SHORTEST, LONGEST = 0.15, 1.2  # seconds of a spoken digit


def spans(samples: Tensor, sample_rate: int, depth: float = 30.0, pause: float = 0.08) -> list[tuple[float, float]]:
    """Return where sound stands between pauses, as (start, end) in seconds.

    Args:
        samples: (N,).
        depth: a frame whose power lies so many decibels below the loudest frame's is silent.
        pause: the shortest silence, in seconds, that ends a span. Shorter ones are inside words: "six" closes the
            mouth before its second s.
    """
    length, hop = round(FRAME * sample_rate), round(HOP * sample_rate)
    if samples.dim() != 1 or len(samples) < length:
        raise ValueError(f"samples have the shape {tuple(samples.shape)}; give (N,), at least {length} of them")
    power = samples.unfold(0, length, hop).square().mean(1)
    loud = torch.nonzero(power > power.max() * 10 ** (-depth / 10))[:, 0].tolist()
    if not loud:
        return []
    gaps = [(before, after) for before, after in pairwise(loud) if (after - before) * HOP > pause]
    starts, ends = [loud[0], *(after for _, after in gaps)], [*(before for before, _ in gaps), loud[-1]]
    return [(start * HOP, end * HOP + FRAME) for start, end in zip(starts, ends, strict=True)]


def cut(utterances: Iterable[Utterance]) -> list[Utterance]:
    """Return the words of those utterances that fall apart at their pauses, into as many pieces as they have words.

    The others, spoken in one breath, are left out: nothing here knows where their words begin.
    """
    words = []
    for utterance in utterances:
        said, found = utterance.text.split(), spans(utterance.samples, utterance.sample_rate)
        if len(found) != len(said) or not all(SHORTEST <= end - start <= LONGEST for start, end in found):
            continue
        for number, (word, (start, end)) in enumerate(zip(said, found, strict=True)):
            first, last = (round(t * utterance.sample_rate) for t in (max(0.0, start - MARGIN), end + MARGIN))
            name = f"{utterance.name}-{number}" if len(said) > 1 else utterance.name
            words.append(replace(utterance, name=name, text=word, samples=utterance.samples[first:last]))
    return words
