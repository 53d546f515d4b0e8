"""Connectionist temporal classification: the probability of a text, summed over all of its alignments.

A *path* gives one symbol to each frame, the blank among them. Its text is found by merging equal neighbours, then
dropping the blanks (Graves et al. 2006, "Connectionist temporal classification", section 3.1). The paths of one text
are its *alignments*; the loss is -log of the sum of their probabilities. Here it is computed four times: by writing
all alignments down, by a search that remembers, along the lattice of states that textbooks draw, and as fast as
training needs it (`ctc_loss`).
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import groupby, pairwise, product

import torch
from torch import Tensor
from torch.nn.functional import pad

from course_utils.algorithms.ctc_inputs import Whole, checked, one
from course_utils.algorithms.ctc_recursion import IMPOSSIBLE, NegativeLogLikelihood

MOST_PATHS, MOST_FRAMES = 2_000_000, 200  # of the two slow definitions; beyond, they would seem to hang


def collapse(path: Sequence[int], blank: int = 0) -> list[int]:
    """Return the labels that a path of frame labels stands for: equal neighbours merged, then blanks dropped.

    >>> collapse([0, 3, 3, 0, 3, 1, 1, 0])
    [3, 3, 1]
    """
    return [symbol for symbol, _ in groupby(path) if symbol != blank]


def minimum_frames(target: Sequence[int]) -> int:
    """Return the fewest frames that a target fits into: one for each label, and a blank between equal neighbours.

    >>> minimum_frames([3, 3, 1])
    4
    """
    repeats = sum(left == right for left, right in pairwise(target))
    return len(target) + repeats


def alignments(target: Whole, T: int, blank: int = 0) -> list[tuple[int, ...]]:
    """Return every path of T frames that collapses to the target, found by trying all paths of its symbols.

    >>> alignments([1], 2)
    [(0, 1), (1, 0), (1, 1)]

    Raises:
        ValueError: too many paths to try, a blank in the target, or T below 0.
    """
    target = list(map(int, target))
    count_alignments(target, T, blank)  # checks what it is given
    symbols = dict.fromkeys([blank, *target])
    if len(symbols) ** T > MOST_PATHS:
        raise ValueError(
            f"{T} frames of {len(symbols)} symbols have {len(symbols)}^{T} paths, and at most {MOST_PATHS:,} are "
            "tried; give fewer frames, or ask count_alignments for the number"
        )
    return [path for path in product(symbols, repeat=T) if collapse(path, blank) == target]


def count_alignments(target: Sequence[int], T: int, blank: int = 0) -> int:
    """Return how many paths of T frames collapse to the target.

    A path is a list of 2U + 1 durations: those of the U labels, at least 1, and those of the blanks around them, at
    least 1 between equal labels, elsewhere at least 0. What is left of T after these least durations falls into the
    2U + 1 places in (T + U - repeats choose 2U) ways.

    >>> count_alignments([1, 2], 6)
    70
    """
    if T < 0 or blank in target:
        raise ValueError(
            f"the target {list(target)} in {T} frames: T must be 0 or more, and no label the blank {blank}"
        )
    left_over, places = T - minimum_frames(target), 2 * len(target) + 1
    return math.comb(left_over + places - 1, places - 1) if left_over >= 0 else 0


def extend(target: Sequence[int], blank: int = 0) -> list[int]:
    """Return the S = 2U + 1 states of a target: a blank before, between and after its labels.

    >>> extend([3, 3, 1])
    [0, 3, 0, 3, 0, 1, 0]
    """
    return [blank, *(symbol for label in target for symbol in (label, blank))]


def loss_by_enumeration(log_probs: Tensor, target: Whole, blank: int = 0) -> Tensor:
    """Return the CTC loss by its definition, -log of the sum of the probabilities of all alignments.

    Args:
        log_probs: (T, C), the log-probability of each symbol in each frame.
        target: U labels.
        blank: which symbol is the blank.

    Returns:
        A number, inf if the target has no alignment. The time grows as (U + 1)^T.
    """
    log_probs, labels = one(log_probs, target, blank)
    T, device = len(log_probs), log_probs.device
    paths = alignments(labels, T, blank)
    symbols = torch.tensor(paths, dtype=torch.long, device=device).view(len(paths), T)
    scores = log_probs[torch.arange(T, device=device), symbols].sum(1)
    return -scores[scores > IMPOSSIBLE].logsumexp(0)  # log 0 adds nothing, and would make the derivative NaN


def loss_by_search(log_probs: Tensor, target: Whole, blank: int = 0) -> float:
    """Return the CTC loss by a depth-first search over the states, which remembers what it has found.

    Without the memory the search would walk every alignment; with it, each of the T x S questions "from this state
    at this frame, how probable is the rest?" is answered once. Arguments as `loss_by_enumeration`'s.
    """
    log_probs, labels = one(log_probs, target, blank)
    states, frames = extend(labels, blank), log_probs.tolist()
    if len(frames) > MOST_FRAMES:
        raise ValueError(f"{len(frames)} frames are too deep a search; give at most {MOST_FRAMES}, or call ctc_loss")

    @cache
    def rest(t: int, s: int) -> float:  # the log-probability of frames t, t + 1, …, after a frame in state s
        if t == len(frames):
            return 0.0 if s >= len(states) - 2 else IMPOSSIBLE
        found = [frames[t][states[after]] + rest(t + 1, after) for after in followers(states, s)]
        best = max(found)
        return best if best == IMPOSSIBLE else best + math.log(sum(math.exp(way - best) for way in found))

    if not frames:
        return math.inf if labels else 0.0
    return -rest(0, 0)  # a path begins as if it had waited in the first blank


def followers(states: Sequence[int], s: int) -> list[int]:
    """Return the states that may follow state s: itself, the next, and the one after a blank that may be left out.

    A blank between two labels may be left out if they differ; a label never (Graves et al. 2006, equation 6).

    >>> followers([0, 1, 0, 1, 0, 2, 0], 1), followers([0, 1, 0, 1, 0, 2, 0], 3)
    ([1, 2], [3, 4, 5])
    """
    skip = s + 2 < len(states) and states[s + 2] != states[s] and s % 2 == 1
    return [*range(s, min(s + 2, len(states))), *([s + 2] if skip else [])]


def forward_variables(
    log_probs: Tensor, targets: Tensor, input_lengths: Whole, target_lengths: Whole, blank: int = 0
) -> Tensor:
    """Return log alpha: the log-probability of the first frames, up to t and with it, by paths that then stand in s.

    alpha_t(s) = (alpha_{t-1}(s) + alpha_{t-1}(s-1) + alpha_{t-1}(s-2) if a skip is allowed) y_t(s)
    (Graves et al. 2006, equations 5 to 8).

    Args:
        log_probs: (B, T, C).
        targets: (B, U), padded, or all labels one after the other in one dimension.
        input_lengths: (B,), frames that are not padding.
        target_lengths: (B,), labels that are not padding.
        blank: which symbol is the blank.

    Returns:
        (B, T, S), with S = 2U + 1; -inf where no path can be, and in padding.
    """
    y, skips, _, _ = _lattice(log_probs, targets, input_lengths, target_lengths, blank)
    before = y.new_full(skips.shape, IMPOSSIBLE)
    before[:, 0] = 0.0  # as if a path waited in the first blank before it begins
    alphas = []
    for y_t in y.unbind(1):
        stay_or_step = _add(before, _shift(before, 1))
        before = _add(stay_or_step, _shift(before, 2).masked_fill(~skips, IMPOSSIBLE)) + y_t
        alphas.append(before)
    return torch.stack(alphas, 1) if alphas else y


def backward_variables(
    log_probs: Tensor, targets: Tensor, input_lengths: Whole, target_lengths: Whole, blank: int = 0
) -> Tensor:
    """Return log beta: the log-probability of the frames after t, by paths that stand in s at t.

    beta_t(s) = beta_{t+1}(s) y_{t+1}(s) + beta_{t+1}(s+1) y_{t+1}(s+1) + beta_{t+1}(s+2) y_{t+1}(s+2) if allowed
    (Graves 2012, "Supervised sequence labelling with recurrent neural networks", section 7.3). Graves et al. (2006,
    equations 9 to 11) count frame t twice, in alpha and in beta, and divide by y_t(s); so we need not, and the sum of
    alpha_t(s) beta_t(s) over s is p(target | x) at every t. Arguments and result as `forward_variables`'s.
    """
    y, skips, padding, end = _lattice(log_probs, targets, input_lengths, target_lengths, blank)
    after, betas = end, []
    for t in reversed(range(y.shape[1])):
        beyond = padding[:, t + 1] if t + 1 < y.shape[1] else torch.ones_like(padding[:, t])
        after = torch.where(beyond[:, None], end, after)
        step_or_stay = _add(after, _shift(after, -1))
        beta = _add(step_or_stay, _shift(after.masked_fill(~skips, IMPOSSIBLE), -2))
        betas.append(beta.masked_fill(padding[:, t, None], IMPOSSIBLE))
        after = beta + y[:, t]
    return torch.stack(betas[::-1], 1) if betas else y


def occupancy(
    log_probs: Tensor, targets: Tensor, input_lengths: Whole, target_lengths: Whole, blank: int = 0
) -> Tensor:
    """Return the posterior p(state s at frame t | target, x) = alpha_t(s) beta_t(s) / sum over s.

    Summed over the states of one symbol and negated, it is the derivative of the loss by that symbol's
    log-probability. Arguments as `forward_variables`'s.

    Returns:
        (B, T, S), each frame's sum 1; zeros in padding, and where the target has no path.
    """
    given = log_probs, targets, input_lengths, target_lengths, blank
    joint = forward_variables(*given) + backward_variables(*given)
    nowhere = (joint == IMPOSSIBLE).all(2, keepdim=True)
    return joint.masked_fill(nowhere, 0.0).softmax(2).masked_fill(nowhere, 0.0)


def loss_by_dynamic_programming(
    log_probs: Tensor, targets: Tensor, input_lengths: Whole, target_lengths: Whole, blank: int = 0
) -> Tensor:
    """Return each utterance's loss from its last alphas: -log(alpha_T(S) + alpha_T(S - 1)).

    Arguments as `forward_variables`'s, with at least one frame in each utterance. Returns (B,), which autograd can
    differentiate once.
    """
    alphas = forward_variables(log_probs, targets, input_lengths, target_lengths, blank)
    lengths, last = (torch.as_tensor(given).to(alphas.device, torch.long) for given in (input_lengths, target_lengths))
    if bool((lengths < 1).any()):
        raise ValueError(f"input_lengths {lengths.tolist()} must be at least 1 here; ctc_loss takes 0 frames too")
    ending = alphas[torch.arange(len(alphas), device=alphas.device), lengths - 1]
    return -_add(ending, _shift(ending, 1)).gather(1, 2 * last[:, None])[:, 0]


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Whole,
    target_lengths: Whole,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Return -log p(target | x), as ``torch.nn.functional.ctc_loss`` does, but batch first.

    Its derivative is by log_probs[b, t, c] itself: minus the posterior of symbol c at frame t. torch returns
    exp(log_probs) minus the posterior, the derivative by the logits if log_probs are their log-softmax. By the logits
    both agree; by bare log_probs only ours is the derivative of the loss. And where torch's is NaN (a target that fits
    into no path, without zero_infinity; log-probabilities of -inf) ours is finite: 0 for what no path can use. Neither
    has a second derivative.

    Args:
        log_probs: (B, T, C).
        targets: (B, U), padded, or all labels one after the other in one dimension.
        input_lengths: (B,), from 0 to T, frames that are not padding.
        target_lengths: (B,), from 0 to U, labels that are not padding.
        blank: which symbol is the blank.
        reduction: "none"; "sum"; or "mean": each loss divided by its target's length (by 1 if empty), then averaged.
        zero_infinity: whether an utterance whose target has no path counts as 0, and not as inf.

    Returns:
        (B,) if "none", otherwise a number.

    Raises:
        ValueError: wrong shapes, lengths or labels, NaN, or an unknown reduction.
    """
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f'reduction is {reduction!r}; give "none", "sum" or "mean"')
    given = checked(log_probs, targets, input_lengths, target_lengths, blank)
    losses = NegativeLogLikelihood.apply(*given, blank)
    if zero_infinity:
        losses = losses.masked_fill(losses.isinf(), 0.0)
    if reduction == "mean":
        losses = (losses / given[3].clamp(min=1)).mean()
    elif reduction == "sum":
        losses = losses.sum()
    return losses.to(log_probs.dtype)  # last: half precision ends at 65,504


def _lattice(*given) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return y (B, T, S), where a skip may arrive (B, S), the padding (B, T), and the log of where paths end (B, S)."""
    *_, blank = given
    log_probs, targets, input_lengths, target_lengths = checked(*given)
    (B, T, _), U = log_probs.shape, targets.shape[1]
    states = targets.new_full((B, 2 * U + 1), blank)
    states[:, 1::2] = targets
    skips = (states != blank) & (states != _shift(states, 2, blank))
    padding = torch.arange(T, device=log_probs.device) >= input_lengths[:, None]
    beyond = torch.arange(2 * U + 1, device=log_probs.device) > 2 * target_lengths[:, None]
    y = log_probs.gather(2, states[:, None].expand(-1, T, -1))
    end = y.new_full((B, 2 * U + 1), IMPOSSIBLE).scatter(1, 2 * target_lengths[:, None], 0.0)
    return y.masked_fill(padding[..., None] | beyond[:, None], IMPOSSIBLE), skips, padding, end


def _shift(values: Tensor, by: int, fill: float = IMPOSSIBLE) -> Tensor:
    """Return the values moved `by` states up; those without a source are filled."""
    up, down = max(by, 0), max(-by, 0)
    return pad(values, (up, down), value=fill).narrow(-1, down, values.shape[-1])


def _add(a: Tensor, b: Tensor) -> Tensor:
    """Return log(exp a + exp b), with the derivative 0 where both are log 0: torch's is NaN there."""
    impossible = (a == IMPOSSIBLE) & (b == IMPOSSIBLE)
    total = torch.logaddexp(a.masked_fill(impossible, 0.0), b.masked_fill(impossible, 0.0))
    return total.masked_fill(impossible, IMPOSSIBLE)
