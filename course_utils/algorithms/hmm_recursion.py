"""The recursion of a hidden Markov model's forward and backward passes: quick where it can be, else in logarithms.

p_1 holds the first probabilities, and p_{t+1}(j) = sum over i of p_t(i) b_i(o_t) a_ij: what the frames before t + 1 say
of the state in it. A backward pass is the same, read from the end with the transitions turned round, so that passes of
both kinds run side by side.
"""

from dataclasses import dataclass
from math import exp, log

import torch
from torch import Tensor

RESCALE = 4  # frames between two scalings


@dataclass(frozen=True)
class Scaled:
    """K passes as probabilities, which a scale in some frames has kept from underflow (Rabiner 1989, section V.A).

    Args:
        predicted: (K, B, T, S), p_t, but for what was taken out before frame t.
        kept: (K, B, T, S), p_t(i) b_i(o_t), but for what was taken out up to frame t and in it.
        taken_out: (K, B, T, 1), the logarithm of that.
    """

    predicted: Tensor
    kept: Tensor
    taken_out: Tensor


def predictions(first: Tensor, log_transition: Tensor, log_emissions: Tensor) -> Tensor:
    """Return log p_t (K, B, T, S) of K passes.

    Args:
        first: (K, S), log p_1.
        log_transition: (K, S, S), log a_ij: from the row, to the column.
        log_emissions: (K, B, T, S), log b_i(o_t).
    """
    found = scaled(first, log_transition, log_emissions)
    if found is None:
        return in_logarithms(first, log_transition, log_emissions)
    before = torch.cat([torch.zeros_like(found.taken_out[:, :, :1]), found.taken_out[:, :, :-1]], 2)
    return found.predicted.log() + before


def in_logarithms(first: Tensor, log_transition: Tensor, log_emissions: Tensor) -> Tensor:
    """Return what `predictions` returns, whatever the numbers; autograd can follow it. Many times as slow."""
    log_predicted = [first[:, None].expand(log_emissions[:, :, 0].shape)]
    for frame in log_emissions.unbind(2)[:-1]:
        log_predicted.append(log_sum((log_predicted[-1] + frame)[..., None] + log_transition[:, None], 2))
    return torch.stack(log_predicted, 2)


def scaled(first: Tensor, log_transition: Tensor, log_emissions: Tensor) -> Scaled | None:
    """Return the passes as probabilities; None where one of them would underflow, or where autograd has to follow.

    A state hundreds of nats below the best of its frame may still win in the end, and must not be lost. The loop runs
    on the processor, over NumPy's view of the same memory, whose small steps take a third of the time of torch's.
    """
    (K, B, T, S), device, dtype = log_emissions.shape, log_emissions.device, log_emissions.dtype
    given = first, log_transition, log_emissions
    if not B or (torch.is_grad_enabled() and any(x.requires_grad for x in given)):
        return None
    first, log_transition, log_emissions = (x.detach().to("cpu", dtype) for x in given)
    tiny, top = torch.finfo(dtype).tiny, log_emissions.amax(-1, keepdim=True).clamp(min=torch.finfo(dtype).min)
    rarest = _lowest(log_transition) + _lowest(first) - max(0.0, float(first.amax()))
    if rarest < log(tiny):  # its exponential would be 0: what is rare could not be told from what is impossible
        return None
    joint = (log_emissions - top).exp().permute(2, 0, 1, 3).contiguous()  # (T, K, B, S): b_t, and in the loop p_t b_t
    predicted, scale = joint.new_empty(T + 1, K, B, S), joint.new_ones(T, K, B, 1)
    predicted[0], A = first.exp()[:, None], log_transition.exp().numpy()
    frames = zip(predicted.numpy(), joint.numpy(), scale.numpy(), predicted[1:].numpy(), strict=False)
    for t, (before, shown, size, after) in enumerate(frames):
        shown *= before
        if t % RESCALE == 0:
            size[:] = shown.max(-1, keepdims=True) + tiny  # never 0
            after[:] = shown / size @ A
        else:
            after[:] = shown @ A
    predicted, joint, scale = (x.permute(1, 2, 0, 3) for x in (predicted[:T], joint, scale))  # (K, B, T, S)
    floor = tiny * exp(-rarest) * joint.numel()  # at most so many terms are added up
    # The first question is quick and mostly enough; the second tells a zero that is meant from one that is not.
    if joint.amin() < floor and bool(((joint < floor) & (predicted > 0) & (log_emissions > -torch.inf)).any()):
        return None
    return Scaled(*(x.to(device) for x in (predicted, joint / scale, (scale.log() + top).cumsum(2))))


def log_sum(x: Tensor, dim: int) -> Tensor:
    """Return torch.logsumexp, but with derivatives of 0 where all that is added up is log 0: torch's are NaN there."""
    lowest = torch.finfo(x.dtype).min
    total = torch.logsumexp(x.clamp(min=lowest), dim)
    return total.masked_fill(total <= lowest, -torch.inf)


def _lowest(x: Tensor) -> float:
    """Return the smallest finite number of x, at most 0."""
    return min(0.0, float(x.where(x > -torch.inf, 0.0).amin()))
