"""Forced alignment: the likeliest path of a known text, and the frames in which each of its labels was said.

Viterbi's recursion over the states of a CTC target: the forward variables with the sum replaced by the maximum, and a
walk back over the choices (Graves et al. 2006, section 4.1; Rabiner 1989, section III.B). One utterance at a time, step
by step in Python, it takes three to seven times as long as torchaudio's compiled loop: the price of being readable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from course_utils.algorithms.ctc import extend, minimum_frames
from course_utils.algorithms.ctc_inputs import Whole, one


@dataclass(frozen=True)
class Span:
    """The frames in which one label stands: from `start` up to `end`, which is the first after it.

    `score` is the mean of the label's log-probabilities in them, 0 at best.
    """

    start: int
    end: int
    score: float
    label: int


def forced_align(log_probs: Tensor, target: Whole, blank: int = 0) -> tuple[Tensor, float]:
    """Return the likeliest path of a target through its states, and that path's log-probability.

    v_t(s) = max(v_{t-1}(s), v_{t-1}(s-1), v_{t-1}(s-2) if a skip is allowed) + log y_t(s)

    Of equal choices, read from the end, the path takes the shortest move: it stays, or else steps, and only then
    skips; and it ends on the last label rather than on the blank after it. ``torchaudio.functional.forced_align`` does
    the same, but where stepping and skipping are equal and both better than staying it stays, and loses by it.

    Args:
        log_probs: (T, C), of one utterance.
        target: U labels.
        blank: which symbol is the blank.

    Returns:
        (T,), the state in each frame, 0 to 2U: label u, counted from 0, is state 2u + 1, and even states are blanks.
        And the sum of the log-probabilities along the path.

    Raises:
        ValueError: too few frames for the target, no path of a probability above 0, wrong shapes, labels or NaN.
    """
    log_probs, labels = one(log_probs, target, blank)
    T, states = len(log_probs), extend(labels, blank)
    _check_room(labels, T)
    may_skip = [s > 1 and s % 2 == 1 and states[s] != states[s - 2] for s in range(len(states))]
    # The walk is one small step after another, for which the processor is quicker than any GPU.
    scores = _viterbi(log_probs.detach().cpu()[:, states], may_skip).numpy()
    s = len(states) - 1
    if s and scores[T, s + 1] >= scores[T, s + 2]:
        s -= 1
    score, path = float(scores[T, s + 2]), []
    if score == -torch.inf:
        raise ValueError(f"every path of the target {labels} has the probability 0: log_probs of -inf rule it out")
    for t in reversed(range(T)):
        path.append(s)
        skip, step, stay = scores[t, s : s + 3].tolist()
        if stay < max(step, skip if may_skip[s] else -torch.inf):
            s -= 2 if may_skip[s] and skip > step else 1
    return torch.tensor(path[::-1], dtype=torch.long, device=log_probs.device), score


def token_spans(log_probs: Tensor, target: Whole, states: Tensor, blank: int = 0) -> list[Span]:
    """Return the span of each label of the target, in order, from a path through its states.

    Args:
        log_probs: (T, C), of one utterance.
        target: U labels.
        states: (T,), as `forced_align` returns them.
        blank: which symbol is the blank.

    Returns:
        U spans; frames that belong to a blank are in none of them.
    """
    log_probs, labels = one(log_probs, target, blank)
    if states.shape != log_probs.shape[:1]:
        raise ValueError(f"states have the shape {tuple(states.shape)}; {len(log_probs)} frames need one each")
    runs = [(state, len(list(frames))) for state, frames in groupby(states.tolist())]
    said, every = [state for state, _ in runs if state % 2], list(range(1, 2 * len(labels), 2))
    if said != every:
        raise ValueError(
            f"the states of labels come as {said}; a path through {labels} visits {every}: give forced_align's states"
        )
    spans, start = [], 0
    for state, count in runs:
        if state % 2:
            label = labels[state // 2]
            spans.append(Span(start, start + count, float(log_probs[start : start + count, label].mean()), label))
        start += count
    return spans


def _viterbi(emissions: Tensor, may_skip: Sequence[bool]) -> Tensor:
    """Return the log-probability of the best path into each state after t frames: (T + 1, 2 + S).

    Two states that cannot be stand before the first, so that each state has a neighbour two to its left. The loop
    runs over NumPy's view of the same memory, whose small steps take a third of the time of torch's.
    """
    T, S = emissions.shape
    scores = emissions.new_full((T + 1, 2 + S), -torch.inf)
    scores[0, 2] = 0.0  # as if a path waited in the first blank before it begins
    ways = scores.unfold(1, 3, 1).transpose(1, 2)  # (T + 1, 3, S): into each state by a skip, a step, or staying
    skips = [0.0 if allowed else -torch.inf for allowed in may_skip]
    gains = emissions[:, None] + emissions.new_tensor([skips, [0.0] * S, [0.0] * S])  # (T, 3, S)
    for after, before, gain in zip(scores[1:, 2:].numpy(), ways.numpy(), gains.numpy(), strict=False):
        (before + gain).max(axis=0, out=after)
    return scores


def _check_room(labels: Sequence[int], T: int) -> None:
    needed = minimum_frames(labels)
    if needed > T:
        repeats = needed - len(labels)
        raise ValueError(
            f"target of {_counted(len(labels), 'symbol')} with {_counted(repeats, 'repeat')} needs at least "
            f"{_counted(needed, 'frame')}; got {T}"
        )


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
