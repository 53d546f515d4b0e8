"""What the hidden states of a Markov model show: symbols, or vectors from a normal distribution."""

from dataclasses import dataclass, replace
from math import log, pi
from typing import Protocol, Self

import torch
from torch import Tensor


class Emission(Protocol):
    """What a state lets us see: anything that scores observations and can be estimated again from weighted ones."""

    def log_likelihood(self, observations: Tensor) -> Tensor: ...

    def refit(self, observations: Tensor, weights: Tensor) -> Self: ...


@dataclass(frozen=True)
class Discrete:
    """Each state shows symbol c with its own probability: log_probs (S, C), each row's sum of probabilities is 1."""

    log_probs: Tensor

    def log_likelihood(self, observations: Tensor) -> Tensor:
        """Return log P(o_t | state) as (B, T, S) for whole numbers (B, T) below C."""
        C = self.log_probs.shape[1]
        if observations.dim() != 2 or observations.is_floating_point():
            raise ValueError(f"observations have shape {tuple(observations.shape)}; give whole numbers (B, T)")
        if observations.numel() and not (int(observations.min()) >= 0 and int(observations.max()) < C):
            raise ValueError(f"observations must lie in 0 to {C - 1}; fill padding with 0")
        return self.log_probs.T[observations]

    def refit(self, observations: Tensor, weights: Tensor) -> "Discrete":
        """Return the emission whose probabilities are the weighted counts (Rabiner, equation 40c)."""
        shown = observations.flatten()
        counts = torch.zeros_like(self.log_probs.T).index_add_(0, shown, weights.flatten(0, 1)).T  # (S, C)
        return Discrete(normalised(counts, self.log_probs))


@dataclass(frozen=True)
class Gaussian:
    """Each state shows vectors from a normal distribution of its own, whose D components are independent.

    Args:
        mean: (S, D).
        variance: (S, D), each at least `floor`.
        floor: the least variance that a re-estimate may have. Without one, a state that sees a single frame takes
            the likelihood to infinity.
    """

    mean: Tensor
    variance: Tensor
    floor: float = 1e-6

    def __post_init__(self):
        if self.mean.dim() != 2 or self.mean.shape != self.variance.shape:
            raise ValueError(
                f"mean {tuple(self.mean.shape)} and variance {tuple(self.variance.shape)} must both be (S, D)"
            )
        if not (self.floor > 0 and bool((self.variance >= self.floor).all())):
            raise ValueError(f"each variance must be at least the floor, and the floor {self.floor} above 0")

    def log_likelihood(self, observations: Tensor) -> Tensor:
        """Return log N(o_t; mean, variance) as (B, T, S) for vectors (B, T, D)."""
        D = self.mean.shape[1]
        if observations.dim() != 3 or observations.shape[2] != D:
            raise ValueError(f"observations have shape {tuple(observations.shape)}; this emission reads (B, T, {D})")
        pairs = zip(self.mean, 1.0 / self.variance, strict=True)
        distance = torch.stack([(observations - mean).square() @ precision for mean, precision in pairs], -1)
        return -0.5 * (distance + self.variance.log().sum(1) + D * log(2 * pi))

    def refit(self, observations: Tensor, weights: Tensor) -> "Gaussian":
        """Return the emission with the weighted means and variances (Rabiner, equations 53 and 54, one mixture)."""
        x, w = observations.flatten(0, 1), weights.flatten(0, 1)  # (N, D) and (N, S)
        total = w.sum(0)[:, None]  # (S, 1)
        mean = torch.where(total > 0, w.T @ x / total, self.mean)
        spread = torch.stack([w_s @ (x - mean_s).square() for w_s, mean_s in zip(w.T, mean, strict=True)])
        # The likelihood has a single peak along each variance: under the floor, the floor itself is the best choice.
        variance = torch.where(total > 0, (spread / total).clamp(min=self.floor), self.variance)
        return replace(self, mean=mean, variance=variance)


def normalised(counts: Tensor, before: Tensor) -> Tensor:
    """Return the logarithms of the shares that counts are of their row's sum; a row without counts stays as before."""
    total = counts.sum(-1, keepdim=True)
    return torch.where(total > 0, (counts / total).log(), before)
