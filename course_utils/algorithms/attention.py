"""Attention: a query scores the keys, a softmax turns scores into weights, and the values are averaged by them.

A decoder that looks back at its input asks a *query* (its state) of every *key* (one for each input position). The
better a key fits, the more of that position's *value* goes into the answer, the *context*. In the shapes ``D`` is the
length of a query, key or value: U queries are (B, U, D), T keys are (B, T, D).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Score = Callable[[Tensor, Tensor], Tensor]  # from query (B, U, D) and keys (B, T, D) to scores (B, U, T)


def dot(query: Tensor, keys: Tensor) -> Tensor:
    """Return the scores (B, U, T) of the keys: score(q, k) = q · k (Luong et al. 2015, section 3.1)."""
    _check_sizes(query, keys, query.shape[-1], query.shape[-1])
    return query @ keys.transpose(1, 2)


def scaled_dot(query: Tensor, keys: Tensor) -> Tensor:
    """Return the scores (B, U, T) of the keys: score(q, k) = q · k / √D (Vaswani et al. 2017, section 3.2.1).

    A dot product of D independent numbers of variance 1 has variance D; the root brings it back to 1.
    """
    return dot(query * query.shape[-1] ** -0.5, keys)


class Additive(nn.Module):
    """Scores by a small network: score(q, k) = v · tanh(W q + V k + b) (Bahdanau et al. 2015, appendix A.1.2).

    Args:
        query_size, key_size: D of the queries and of the keys; they may differ.
        hidden_size: H, the units of the small network.
    """

    def __init__(self, query_size: int, key_size: int, hidden_size: int):
        super().__init__()
        self.W = nn.Linear(query_size, hidden_size, bias=False)
        self.V = nn.Linear(key_size, hidden_size)
        self.v = nn.Linear(hidden_size, 1, bias=False)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        """Return the scores (B, U, T); every query meets every key, so the network's H units stand B·U·T times."""
        _check_sizes(query, keys, self.W.in_features, self.V.in_features)
        return self.v(torch.tanh(self.W(query)[:, :, None] + self.V(keys)[:, None])).squeeze(-1)


class LocationAware(nn.Module):
    """Scores that also know where the last query looked: score(q, k) = v · tanh(W q + V k + F f + b).

    f are the last weights seen through a few filters, so that "one step further on" can be learned, and two equal
    sounds be told apart by their place (Chorowski et al. 2015, equations 8 and 9).

    Args:
        query_size, key_size, hidden_size: as for `Additive`.
        filters: how many features of the last weights.
        width: how many positions each filter sees, an odd number.
    """

    def __init__(self, query_size: int, key_size: int, hidden_size: int, filters: int = 8, width: int = 15):
        super().__init__()
        if width < 1 or width % 2 == 0:
            raise ValueError(f"width {width} must be odd and at least 1, so that a filter has a middle")
        self.W = nn.Linear(query_size, hidden_size, bias=False)
        self.V = nn.Linear(key_size, hidden_size)
        self.filter = nn.Conv1d(1, filters, width, padding=width // 2, bias=False)
        self.F = nn.Linear(filters, hidden_size, bias=False)
        self.v = nn.Linear(hidden_size, 1, bias=False)

    def forward(self, query: Tensor, keys: Tensor, previous: Tensor) -> Tensor:
        """Return the scores (B, 1, T) for one query (B, 1, D), given the weights (B, T) of the query before it."""
        _check_sizes(query, keys, self.W.in_features, self.V.in_features)
        features = self.filter(previous[:, None]).transpose(1, 2)  # (B, T, filters)
        return self.v(torch.tanh(self.W(query) + self.V(keys) + self.F(features))).transpose(1, 2)


def masked_softmax(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return weights that are at least 0, sum to 1 over the last dimension, and are exactly 0 where the mask forbids.

    The mask comes before the softmax: weights that are set to 0 after it would no longer sum to 1. Where it leaves a
    row nothing to look at, all weights are 0, and so is their gradient; a softmax over nothing would be NaN.

    Args:
        scores: (B, U, T).
        mask: (B, T) or (B, U, T), True where a key may be looked at; None allows all. A forbidden score must
            not be NaN or inf.
    """
    if mask is None:
        return scores.softmax(-1)
    forbidden = ~_rows(mask, scores)
    empty = forbidden.all(-1, keepdim=True)
    # An empty row is let through, and only then set to 0: after a softmax over nothing but -inf, every gradient is NaN.
    barrier = torch.zeros(forbidden.shape, dtype=scores.dtype, device=scores.device)
    weights = (scores + barrier.masked_fill(forbidden & ~empty, -torch.inf)).softmax(-1)
    return weights.masked_fill(empty, 0.0) if empty.any() else weights


def attend(
    query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None, score: Score = scaled_dot
) -> tuple[Tensor, Tensor]:
    """Return for each query the context, which is the mean of the values by their weights, and the weights.

        weights = softmax(score(query, keys)),   context = weights · values

    With the scaled dot product it is torch's ``scaled_dot_product_attention``, whose masks read the same way; those of
    ``nn.MultiheadAttention`` are True where a key is *not* to be looked at, and where none is left it answers NaN.

    Args:
        query: (B, U, D), one row for each of U questions; one question alone is query[:, None].
        keys: (B, T, D), what each position offers to be found by.
        values: (B, T, V), what each position answers. Padding may hold any finite numbers; 0 · NaN would be NaN.
        mask: (B, T) or (B, U, T), True where a key may be looked at; None allows all.
        score: from query and keys to scores (B, U, T).

    Returns:
        (B, U, V) and (B, U, T), both zero for a query that may look at no key.

    Raises:
        ValueError: shapes that do not fit together; the message says which.
    """
    _check(query, keys, values)
    weights = masked_softmax(score(query, keys), mask)
    return weights @ values, weights


def attend_along(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None,
    score: Callable[[Tensor, Tensor, Tensor], Tensor],
    previous: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return context and weights as `attend` does, one query after the other, each shown where the last one looked.

    Args:
        query, keys, values: as for `attend`.
        mask: (B, T) or None.
        score: from query (B, 1, D), keys and the last weights (B, T) to scores (B, 1, T), as `LocationAware`.
        previous: (B, T), the weights before the first query; zeros where there are none.
    """
    _check(query, keys, values)
    if previous.shape != keys.shape[:2]:
        raise ValueError(f"the last weights have shape {tuple(previous.shape)}; the keys need {tuple(keys.shape[:2])}")
    weights = []
    for u in range(query.shape[1]):
        weights.append(masked_softmax(score(query[:, u : u + 1], keys, previous), mask))
        previous = weights[-1][:, 0]
    together = torch.cat(weights, 1) if weights else query.new_zeros(query.shape[0], 0, keys.shape[1])
    return together @ values, together


def entropy(weights: Tensor) -> Tensor:
    """Return how spread out each row of weights is, in nats: 0 looks at one key, log T at all T alike."""
    # 0 log 0 is 0, and the smallest positive number keeps its gradient finite.
    return -(weights * weights.clamp(min=torch.finfo(weights.dtype).tiny).log()).sum(-1)


def guided_penalty(weights: Tensor, query_lengths: Tensor, key_lengths: Tensor, width: float = 0.2) -> Tensor:
    """Return how far the weights lie from the diagonal, from 0 on it to 1 in the far corners, a mean over queries.

    Reading and speaking go forward at an even pace, nearly; position t of T should be looked at near query u of U. A
    weight there costs 1 - exp(-(u/U - t/T)² / 2 width²) (Tachibana et al. 2018, section 4.2). They take the mean over
    keys too; the sum over keys taken here does not shrink as the input grows.

    Args:
        weights: (B, U, T).
        query_lengths: (B,), how many queries of each sequence are no padding.
        key_lengths: (B,), the same for keys.
        width: how far from the diagonal is still cheap, as a part of the whole.
    """
    B, U, T = weights.shape
    if query_lengths.shape != (B,) or key_lengths.shape != (B,) or not width > 0:
        raise ValueError(
            f"weights {(B, U, T)} need {B} query_lengths and {B} key_lengths, and a width above 0; "
            f"got {tuple(query_lengths.shape)}, {tuple(key_lengths.shape)} and {width}"
        )
    queries, keys = torch.arange(U, device=weights.device), torch.arange(T, device=weights.device)
    u = queries.to(weights.dtype) / query_lengths.clamp(min=1)[:, None]  # (B, U)
    t = keys.to(weights.dtype) / key_lengths.clamp(min=1)[:, None]  # (B, T)
    cost = 1 - torch.exp(-((u[:, :, None] - t[:, None]) ** 2) / (2 * width**2))  # (B, U, T)
    real = (queries < query_lengths[:, None])[:, :, None] & (keys < key_lengths[:, None])[:, None]
    return (weights * cost).masked_fill(~real, 0.0).sum() / query_lengths.sum().clamp(min=1)


def _rows(mask: Tensor, scores: Tensor) -> Tensor:
    """Return the mask with a dimension for the queries."""
    if scores.dim() != 3:
        raise ValueError(f"scores have shape {tuple(scores.shape)}; give (B, U, T); one query is scores[:, None]")
    B, U, T = scores.shape
    if mask.dtype != torch.bool or mask.shape not in ((B, T), (B, U, T), (B, 1, T)):
        raise ValueError(
            f"the mask is {mask.dtype} of shape {tuple(mask.shape)}; scores {(B, U, T)} need a torch.bool mask "
            f"{(B, T)} or {(B, U, T)}, True where a key may be looked at"
        )
    return mask[:, None] if mask.dim() == 2 else mask


def _check_sizes(query: Tensor, keys: Tensor, query_size: int, key_size: int) -> None:
    if query.shape[-1] != query_size or keys.shape[-1] != key_size:
        raise ValueError(
            f"queries of {query.shape[-1]} and keys of {keys.shape[-1]} numbers: this score takes {query_size} and "
            f"{key_size}; `Additive` can be made for any two sizes"
        )


def _check(query: Tensor, keys: Tensor, values: Tensor) -> None:
    shapes = f"query {tuple(query.shape)}, keys {tuple(keys.shape)}, values {tuple(values.shape)}"
    if query.dim() != 3 or keys.dim() != 3 or values.dim() != 3:
        raise ValueError(f"{shapes}: each needs three dimensions, (B, U, D) or (B, T, D); one query is query[:, None]")
    if query.shape[0] != keys.shape[0] or keys.shape[:2] != values.shape[:2]:
        raise ValueError(f"{shapes}: all need the same B, and each of the T keys a value")
