"""The CTC loss as training uses it: two scores for each number of labels emitted, and the gradient in closed form.

After some frames, a path that has emitted the first u labels ends in the blank or in label u. ``B[u]`` and ``L[u]``
are the log-probabilities of all paths of the one kind and of the other, and one frame changes them by

    total[u] = logaddexp(B[u], L[u])
    B'[u] = total[u] + log y(blank)
    L'[u] = logaddexp(L[u], before[u - 1]) + log y(label u)

where ``before`` is ``B`` if label u repeats label u - 1 (a blank must part the two), and ``total`` if not. These are
the forward variables of Graves et al. (2006, section 4.1), with two additions where they have three: blank u is their
state 2u, label u is 2u - 1. A prefix beam search keeps the same pair of scores for each of its prefixes.
"""

import torch
from torch import Tensor
from torch.nn.functional import one_hot, pad

IMPOSSIBLE = -torch.inf  # log 0


class NegativeLogLikelihood(torch.autograd.Function):
    """-log p(target | x) of each utterance, with the derivative -p(symbol c at frame t | target) by log_probs[t, c].

    What runs backwards in time is the same recursion on the utterance and its target read from their ends, so both
    directions run side by side, as one batch of 2B.
    """

    @staticmethod
    def forward(ctx, log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: int):
        """Return (B,) losses of checked input: (B, T, C), (B, U), (B,), (B,); inf where no path fits."""
        B, T, C = log_probs.shape
        U = targets.shape[1]
        padding = torch.arange(T, device=log_probs.device) >= input_lengths[:, None]  # (B, T)
        free = _free_blanks(log_probs.detach(), padding, blank)
        symbols = targets.masked_fill(torch.arange(U, device=targets.device) >= target_lengths[:, None], C)
        start = torch.zeros_like(target_lengths)
        if ctx.needs_input_grad[0]:
            free, symbols = torch.cat([free, free.flip(1)]), torch.cat([symbols, symbols.flip(1)])
            start = torch.cat([start, U - target_lengths])
        emissions, repeats = _emissions(free, symbols, blank)
        reached, total = _recursion(emissions, repeats, start)
        losses = -total[:, :B].gather(0, target_lengths[None])[0]
        if ctx.needs_input_grad[0]:
            posterior = _occupancy(reached, emissions, symbols[:B], blank, C)
            nothing = padding | losses.isinf()[:, None]
            ctx.save_for_backward(posterior.neg_().masked_fill_(nothing[..., None], 0.0))
        return losses

    @staticmethod
    def backward(ctx, *upstream: Tensor):
        """Return the derivatives by log_probs (B, T, C): 0 in padding, and where the loss is inf."""
        if torch.is_grad_enabled():  # else a second derivative would take the first for a constant, and be wrong
            raise RuntimeError("ctc_loss has a first derivative only; give create_graph=False")
        (gradient,) = ctx.saved_tensors
        return upstream[0][:, None, None] * gradient, None, None, None, None


def _free_blanks(log_probs: Tensor, padding: Tensor, blank: int) -> Tensor:
    """Return (B, T, C + 1): frames of padding emit blanks for nothing; the last class, C, is never emitted."""
    free = pad(log_probs, (0, 1), value=IMPOSSIBLE).masked_fill_(padding[..., None], IMPOSSIBLE)
    free[..., blank].masked_fill_(padding, 0.0)
    return free


def _emissions(log_probs: Tensor, symbols: Tensor, blank: int) -> tuple[Tensor, Tensor]:
    """Return the log-probability of blank and label by u, (T, 2, U + 1, B), and whether label u repeats, (U, B).

    The batch comes last, so that all labels but the first, or but the last, lie side by side in memory.
    """
    by_frame = log_probs.permute(1, 2, 0)  # (T, C + 1, B)
    T, classes, _ = by_frame.shape
    labels = pad(symbols.T, (0, 0, 1, 0), value=classes - 1)  # (U + 1, B): no path ends in label 0
    emissions = torch.stack(
        [by_frame[:, blank, None].expand(-1, len(labels), -1), by_frame.gather(1, labels.expand(T, -1, -1))], 1
    )
    return emissions, labels[1:] == labels[:-1]


def _recursion(emissions: Tensor, repeats: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Return the scores of each frame before its own emission, (T, 2, U + 1, B), and the total at the end (U + 1, B).

    Args:
        emissions: (T, 2, U + 1, B).
        repeats: (U, B).
        start: (B,), the number of labels that count as emitted before the first frame.
    """
    reached = torch.full_like(emissions, IMPOSSIBLE)
    scores = emissions.new_full(emissions.shape[1:], IMPOSSIBLE)
    blanks, labels = scores  # views: each frame writes the new scores over the old
    blanks.scatter_(0, start[None], 0.0)
    for (total, label), both, emission in zip(reached.unbind(0), reached.unbind(0), emissions.unbind(0), strict=True):
        torch.logaddexp(blanks, labels, out=total)
        before = torch.where(repeats, blanks[:-1], total[:-1])
        torch.logaddexp(labels[1:], before, out=label[1:])
        torch.add(both, emission, out=scores)
    return reached, torch.logaddexp(blanks, labels)


def _occupancy(reached: Tensor, emissions: Tensor, symbols: Tensor, blank: int, C: int) -> Tensor:
    """Return (B, T, C), the posterior of each symbol in each frame: what leads there, times what follows, over all.

    Normalised in each frame, instead of by the loss: in float32 the rounding of long sums cancels.
    """
    B, U = symbols.shape
    forward, backward = reached[..., :B], reached[..., B:].flip(0, 2)
    # Seen from the end, the path that stands on label u has emitted labels U to u: one more than if it waits after u.
    backward = torch.stack([backward[:, 0], backward[:, 1].roll(1, dims=1)], 1)
    joint = (forward + backward).add_(emissions[..., :B]).flatten(1, 2)  # (T, 2(U + 1), B)
    emitted = torch.cat([symbols.new_full((B, U + 1), blank), pad(symbols, (1, 0), value=C)], 1)
    with torch.autocast(joint.device.type, enabled=False):  # which would round the product to half precision
        return joint.softmax(1).permute(2, 0, 1) @ one_hot(emitted, C + 1)[..., :C].to(joint.dtype)
