"""Decoding: from log-probabilities for each frame to the labels that they spell."""

import torch
from torch import Tensor

from course_utils.algorithms.ctc import collapse


def greedy(log_probs: Tensor, lengths: Tensor | None = None, blank: int = 0) -> list[list[int]]:
    """Return the labels of the best path: the likeliest symbol of every frame, collapsed.

    Args:
        log_probs: (B, T, C), of each symbol in each frame; larger is likelier.
        lengths: (B,), the frames that are not padding; all of them if None.

    Returns:
        One list of labels for each utterance.
    """
    if log_probs.dim() != 3 or not log_probs.shape[2]:
        raise ValueError(
            f"log_probs have the shape {tuple(log_probs.shape)}; give (B, T, C): batch, frames, at least one symbol"
        )
    if bool(log_probs.isnan().any()):
        raise ValueError("log_probs hold NaN; the network that made them has probably diverged")
    B, T, _ = log_probs.shape
    lengths = torch.full((B,), T) if lengths is None else lengths
    if lengths.shape != (B,) or not bool(((lengths >= 0) & (lengths <= T)).all()):
        raise ValueError(f"lengths {lengths.tolist()} must be {B} numbers between 0 and {T} (frames)")
    best = log_probs.argmax(dim=2).tolist()  # B lists of T symbols
    return [collapse(path[:length], blank) for path, length in zip(best, lengths.tolist(), strict=True)]
