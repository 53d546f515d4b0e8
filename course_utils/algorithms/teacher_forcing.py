"""Training a decoder: what it reads while it learns to write, and how its writing is judged.

*Teacher forcing* shows the decoder the true last token, whatever it wrote itself (Williams and Zipser 1989). When it is
used it reads its own. *Scheduled sampling* goes from the one to the other: each time a coin decides, and the share of
truth falls as training goes on (Bengio et al. 2015).
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.algorithms.seq2seq import shift

Writer = Callable[[Tensor, Any], tuple[Tensor, Tensor | None, Any]]


def write(
    decoder: Writer,
    state: Any,
    targets: Tensor,
    sos: int,
    ratio: float = 1.0,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Return logits (B, U, C) for the targets, and attention weights (B, U, T) or None.

    Args:
        decoder: a ``Decoder``, or any function from tokens (B, u) and a state to logits (B, u, C), weights and state.
        state: the decoder's, after the encoder has read.
        targets: (B, U), each ending with ``<eos>``, then padded.
        sos: the token that stands before the first.
        ratio: how often the decoder reads the true last token; otherwise it reads the one it found likeliest. 1 is
            teacher forcing, in one call for the whole sequence; 0 is free running.
        generator: of the targets' device, for the coin; None takes torch's own.
    """
    if not 0 <= ratio <= 1:
        raise ValueError(f"the ratio is {ratio}; it is a share and lies between 0 and 1")
    if targets.dim() != 2 or not targets.shape[1]:
        raise ValueError(f"targets have shape {tuple(targets.shape)}; give (B, U), with <eos> at least in each")
    truth = shift(targets, sos)
    if ratio == 1:
        return decoder(truth, state)[:2]
    B, U = targets.shape
    forced = torch.rand(B, U, generator=generator, device=targets.device) < ratio  # one coin a token
    logits, weights, written = [], [], truth[:, 0]  # <sos> comes first, whatever the coin says
    for u in range(U):
        read = torch.where(forced[:, u], truth[:, u], written)
        scores, looks, state = decoder(read[:, None], state)
        logits.append(scores)
        weights.append(looks)
        written = scores[:, 0].argmax(-1)  # a choice: no gradient passes through it
    return torch.cat(logits, 1), None if weights[0] is None else torch.cat(weights, 1)


def linear_ratio(update: int, slope: float, least: float = 0.0) -> float:
    """Return the share of truth max(least, 1 - slope · update) (Bengio et al. 2015, section 2.4)."""
    return max(least, 1 - slope * update)


def exponential_ratio(update: int, k: float) -> float:
    """Return the share of truth k^update, with k below 1 (Bengio et al. 2015, section 2.4)."""
    if not 0 < k < 1:
        raise ValueError(f"k is {k}; a share that falls needs k between 0 and 1")
    return k**update


def inverse_sigmoid_ratio(update: int, k: float) -> float:
    """Return the share of truth k / (k + exp(update / k)), with k at least 1 (Bengio et al. 2015, section 2.4).

    It stays near 1, then falls around update k log k.
    """
    if k < 1:
        raise ValueError(f"k is {k}; it must be at least 1")
    return 1 / (1 + math.exp(min(update / k - math.log(k), 700)))  # e^700 is about the largest that a float holds


def cross_entropy(logits: Tensor, targets: Tensor, lengths: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the mean over all real tokens of -log P(token), in nats; padding counts neither above nor below.

    With smoothing ε the truth is taken to be the target with probability 1 - ε, and any of the C tokens with ε / C
    each, so that the decoder never becomes too sure (Szegedy et al. 2016, section 7):
    (1 - ε) · (-log P(target)) + ε · mean over tokens of -log P(token).

    It is torch's ``cross_entropy`` with ``ignore_index`` in the padding and ``label_smoothing``, but for a batch that
    is all padding: its loss is 0, where torch answers NaN.

    Args:
        logits: (B, U, C), before the softmax.
        targets: (B, U), padded.
        lengths: (B,), how many tokens of each target are no padding, ``<eos>`` included.
        smoothing: ε, from 0 up to 1.
    """
    fitting = logits.dim() == 3 and (targets.shape, lengths.shape) == (logits.shape[:2], logits.shape[:1])
    if not fitting or not 0 <= smoothing <= 1:
        raise ValueError(
            f"logits (B, U, C) need targets (B, U), lengths (B,) and a smoothing in 0 to 1; got "
            f"{tuple(logits.shape)}, {tuple(targets.shape)}, {tuple(lengths.shape)} and {smoothing}"
        )
    _, U, C = logits.shape
    real = torch.arange(U, device=logits.device) < lengths[:, None]
    tokens = targets[real]
    _check_range("lengths", lengths, U)
    _check_range("targets", tokens, C - 1)
    surprise = -logits[real].log_softmax(-1)  # (tokens, C)
    loss = surprise.gather(1, tokens[:, None])[:, 0]
    if smoothing:
        loss = (1 - smoothing) * loss + smoothing * surprise.mean(1)
    return loss.sum() / max(len(loss), 1)


def _check_range(name: str, numbers: Tensor, most: int) -> None:
    if numbers.is_floating_point():
        raise ValueError(f"{name} are {numbers.dtype}; give whole numbers")
    if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) <= most:
        raise ValueError(f"{name} run from {numbers.min()} to {numbers.max()}; they must lie in 0 to {most}")
