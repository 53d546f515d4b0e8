"""Solutions of lesson 09."""

import torch


def clip_norm(gradients, max_norm):
    """Return the gradients, shortened together where they are too long."""
    total = torch.sqrt(sum((g**2).sum() for g in gradients))
    scale = torch.clamp(max_norm / total, max=1.0)  # inf, so 1, at 0
    return [scale * g for g in gradients]


def clip_value(gradients, limit):
    """Return the gradients, each number between -limit and limit."""
    return [torch.clamp(g, -limit, limit) for g in gradients]


def clip_scaled(gradients, scale, max_norm):
    """Return the true gradients, clipped; None where one overflowed."""
    true = [g / scale for g in gradients]
    if not all(torch.isfinite(g).all() for g in true):
        return None
    return clip_norm(true, max_norm)


def threshold_for(norms, share):
    """Return the threshold that clips the given share of the updates."""
    finite = norms[torch.isfinite(norms)]
    return torch.quantile(finite, 1 - share)


def clip_batch(parts, sizes, max_norm):
    """Return the gradient of the whole batch's mean loss, clipped."""
    whole = []
    for some in zip(*parts, strict=True):  # one parameter, every part
        weighed = [n * g for n, g in zip(sizes, some, strict=True)]
        whole.append(sum(weighed) / sum(sizes))
    return clip_norm(whole, max_norm)
