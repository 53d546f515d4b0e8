"""Prefix beam search of a whole batch at once: the search of ``decoding.prefix_beam_search``, in tensors.

Each of the B utterances has K places for prefixes. A prefix is known by a number, made from its labels; its parent's
number stands beside it, so that a prefix and its parent find each other within the beam.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.algorithms.ctc_inputs import Whole
from course_utils.algorithms.decoding import NEVER, Hypothesis, checked_batch

# Knuth's: numbers of 64 bits made with it meet by chance once in 10^19 pairs. An even one would forget a prefix's first
# labels after 64 more.
MULTIPLIER = 6364136223846793005
NOBODY, NO_PARENT = -1, -2  # the numbers of an empty place, and of the empty prefix's parent


def prefix_beam_search_batch(
    log_probs: Tensor, lengths: Whole | None = None, beam: int = 16, blank: int = 0
) -> list[list[Hypothesis]]:
    """Return for each utterance the hypotheses of `decoding.prefix_beam_search` without a language model, best first.

    Args:
        log_probs: (B, T, C), of each symbol in each frame.
        lengths: (B,), the frames that are not padding; all of them if None.
        beam: K, how many prefixes are kept after each frame.

    Returns:
        B lists of at most K hypotheses. Where two prefixes score alike at the edge of the beam, which one stays may
        differ from the search of a single utterance.
    """
    lengths = checked_batch(log_probs, lengths, blank, beam)
    T, C = log_probs.shape[1:]
    log_probs = log_probs.detach().to(torch.promote_types(log_probs.dtype, torch.float32))
    padding = torch.arange(T, device=log_probs.device) >= lengths[:, None]  # (B, T)
    free = torch.full((C,), NEVER, dtype=log_probs.dtype, device=log_probs.device)
    free[blank] = 0.0
    frames = torch.where(padding[..., None], free, log_probs).transpose(0, 1)  # a frame of padding is a free blank
    beams, sources, symbols = _Beams.start(log_probs, beam, blank), [], []
    for frame in frames:
        beams, source, symbol = _advance(beams, frame, blank)
        sources.append(source)
        symbols.append(symbol)
    if bool((dead := (beams.total() == NEVER).all(1)).any()):
        raise ValueError(f"utterance {int(dead.nonzero()[0])} leaves no path: all log_probs of a frame are -inf")
    return _trace_back(beams.total(), sources, symbols, blank)


@dataclass(frozen=True)
class _Beams:
    """K prefixes of each of B utterances, each tensor (B, K); masses are logarithms."""

    ends_blank: Tensor  # mass of the paths that end in the blank
    ends_label: Tensor  # mass of those that end in the last label
    last: Tensor  # the last label; the blank for the empty prefix
    number: Tensor
    parent: Tensor  # the parent's number

    @classmethod
    def start(cls, log_probs: Tensor, K: int, blank: int) -> "_Beams":
        """Return beams with the empty prefix in the first place and nobody in the others."""
        never = log_probs.new_full((len(log_probs), K), NEVER)
        ends_blank = never.clone()
        ends_blank[:, 0] = 0.0
        whole = torch.full_like(never, NOBODY, dtype=torch.long)
        number = whole.clone()
        number[:, 0] = 1
        return cls(ends_blank, never, torch.full_like(whole, blank), number, torch.full_like(whole, NO_PARENT))

    def total(self) -> Tensor:
        return torch.logaddexp(self.ends_blank, self.ends_label)

    def parents(self) -> tuple[Tensor, Tensor]:
        """Return the place of each prefix's parent, and whether it is in the beam at all."""
        ordered, places = self.number.sort(1)
        spot = torch.searchsorted(ordered, self.parent).clamp(max=ordered.shape[1] - 1)
        return places.gather(1, spot), ordered.gather(1, spot) == self.parent


def _advance(beams: _Beams, frame: Tensor, blank: int) -> tuple[_Beams, Tensor, Tensor]:
    """Return the beams after one more frame (B, C), and for each new prefix its source's place and its new label."""
    (B, C), K = frame.shape, beams.last.shape[1]
    total, last, at_last = beams.total(), beams.last, frame.gather(1, beams.last)

    # Prefixes that stay: in the blank, in their last label, or joined by their parent's paths.
    place, has_parent = beams.parents()
    repeats = last.gather(1, place) == last
    open_mass = torch.where(repeats, beams.ends_blank.gather(1, place), total.gather(1, place))
    arriving = torch.where(has_parent, open_mass + at_last, NEVER)
    ends_blank, stayed = total + frame[:, blank, None], beams.ends_label + at_last
    ends_label = torch.logaddexp(stayed, arriving)
    begins = arriving > torch.logaddexp(stayed, ends_blank)  # most of its mass has only now reached its last label

    # Prefixes with one more label: (B, K, C), where the blank's column holds those that stay.
    scores = total[:, :, None] + frame[:, None]
    scores.scatter_(2, last[:, :, None], (beams.ends_blank + at_last)[:, :, None])  # a repeat needs a blank between
    here = torch.arange(K, device=frame.device)
    counted = torch.where(has_parent, place * C + last, here * C + blank)  # these masses went into `arriving`
    scores.view(B, K * C).scatter_(1, counted, NEVER)
    scores[:, :, blank] = torch.logaddexp(ends_blank, ends_label)

    best, chosen = scores.view(B, K * C).topk(K)
    source, symbol = chosen // C, chosen % C
    stays, alive = symbol == blank, best > NEVER
    number = beams.number.gather(1, source)
    after = _Beams(
        torch.where(stays, ends_blank.gather(1, source), NEVER),
        torch.where(stays, ends_label.gather(1, source), best),
        torch.where(stays, last.gather(1, source), symbol),
        torch.where(alive, torch.where(stays, number, number * MULTIPLIER + symbol + 1), NOBODY),
        torch.where(alive, torch.where(stays, beams.parent.gather(1, source), number), NO_PARENT),
    )
    begins = stays & begins.gather(1, source)
    return after, torch.where(begins, place.gather(1, source), source), torch.where(begins, after.last, symbol)


def _trace_back(scores: Tensor, sources: list[Tensor], symbols: list[Tensor], blank: int) -> list[list[Hypothesis]]:
    """Return the hypotheses, whose labels are found by following each place back to its sources."""
    scores, place = scores.sort(1, descending=True)
    path = []
    for source, symbol in zip(reversed(sources), reversed(symbols), strict=True):
        path.append(symbol.gather(1, place))
        place = source.gather(1, place)
    B, K = scores.shape
    emitted = torch.stack(path[::-1], dim=2) if path else place.new_zeros(B, K, 0)  # (B, K, T)
    return [
        [_hypothesis(score, line, blank) for score, line in zip(*pair, strict=True) if score > NEVER]
        for pair in zip(scores.tolist(), emitted.tolist(), strict=True)
    ]


def _hypothesis(score: float, emitted: list[int], blank: int) -> Hypothesis:
    frames = [frame for frame, symbol in enumerate(emitted) if symbol != blank]
    return Hypothesis(tuple(emitted[frame] for frame in frames), score, score, frames=tuple(frames))
