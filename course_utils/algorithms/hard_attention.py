"""Hard attention: look at one key only, drawn by its weight, and still find a gradient.

A mean over all keys can be differentiated; a choice cannot. Two ways round it: estimate the gradient of the expected
loss from the draws (the score function, Williams 1992), or act in the backward pass as if there had been no choice
(straight through, Bengio et al. 2013).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.algorithms.attention import Score, attend, scaled_dot


@dataclass(frozen=True)
class HardAttention:
    """What a hard look found: context (B, U, V), weights (B, U, T), and one-hot choices (B, U, T) drawn by them.

    log_probs (B, U) are the logarithms of the chosen keys' weights, 0 where a query may look at no key.
    """

    context: Tensor
    weights: Tensor
    choices: Tensor
    log_probs: Tensor


def draw(weights: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return one-hot vectors of the weights' shape, in each row one key drawn with its weight as probability.

    A race: key t arrives after an exponential time of rate weights[t], and the first one wins with that probability. A
    key of weight 0 never arrives; a row of zeros has no winner and stays zero.

    Args:
        weights: (..., T), at least 0.
        generator: of the weights' device; None takes torch's own.
    """
    arrival = torch.empty_like(weights).exponential_(generator=generator) / weights.detach()
    winner = arrival.argmin(-1, keepdim=True)
    return torch.zeros_like(weights).scatter(-1, winner, 1.0) * (weights.detach().sum(-1, keepdim=True) > 0)


def straight_through(choices: Tensor, weights: Tensor) -> Tensor:
    """Return the choices, with the gradient that the weights would get in their place (Bengio et al. 2013).

    The gradient is biased: it asks how the loss would change if a little of another value were mixed in.
    """
    return choices + (weights - weights.detach())


def attend_hard(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None = None,
    score: Score = scaled_dot,
    generator: torch.Generator | None = None,
    through: bool = False,
) -> HardAttention:
    """Return the value of one key for each query, drawn by its weight (Xu et al. 2015, section 4.1).

    Args:
        query, keys, values, mask, score: as for `attention.attend`.
        generator: of the weights' device; None takes torch's own.
        through: let the gradient pass straight through the choice; otherwise none reaches the weights by way of the
            context, and `score_function_loss` brings it there.
    """
    _, weights = attend(query, keys, values, mask, score)
    choices = draw(weights, generator)
    chosen = (weights * choices).sum(-1)
    log_probs = torch.where(chosen > 0, chosen, torch.ones_like(chosen)).log()  # log 1 = 0 where nothing was chosen
    context = (straight_through(choices, weights) if through else choices) @ values
    return HardAttention(context, weights, choices, log_probs)


def score_function_loss(losses: Tensor, log_probs: Tensor, baseline: Tensor | float = 0.0) -> Tensor:
    """Return a number whose gradient estimates, without bias, that of the expected loss over all draws.

        ∇ E[loss] = E[∇ loss + (loss - baseline) ∇ log p(choice)]

    The second part makes choices likelier that went better than the baseline (Williams 1992; Xu et al. 2015, equation
    11). A baseline that knows nothing of the choice changes no expectation; a good one, such as the mean loss so far,
    takes most of the noise away. The number's own value means nothing: report the losses.

    Args:
        losses: (B,), one loss for each sequence.
        log_probs: (B, U) or (B,), of the choices that led to it.
        baseline: a number or (B,), what loss was to be expected.
    """
    if losses.dim() != 1 or log_probs.dim() not in (1, 2) or log_probs.shape[:1] != losses.shape:
        raise ValueError(
            f"losses {tuple(losses.shape)} and log_probs {tuple(log_probs.shape)} must be (B,) and (B, U): one loss "
            "for each sequence, not their mean"
        )
    if isinstance(baseline, Tensor) and baseline.shape not in ((), losses.shape):
        raise ValueError(f"the baseline has shape {tuple(baseline.shape)}; give a number or {tuple(losses.shape)}")
    log_prob = log_probs if log_probs.dim() == 1 else log_probs.sum(1)
    return (losses + (losses - baseline).detach() * log_prob).mean()
