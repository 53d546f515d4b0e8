"""The exercises of lesson 07: a score, a softmax under a mask, the context, and how spread out the weights are."""

import math

import torch

from course_utils.algorithms import attention
from course_utils.teaching.checks.exercise import Case, Exercise, drawn, normal, perturbed


def scoring(meet=lambda q, k, b: torch.tanh(q + k + b), finish=lambda scores: scores):
    """Return the additive score, or one that goes wrong where queries and keys meet, or at the end."""

    def score(query, keys, W, V, b, v):
        return finish(meet((query @ W.T)[:, :, None], (keys @ V.T)[:, None], b) @ v)

    return score


additive_score = scoring()


@drawn
def score_arguments(generator, B, U, T, D, E, H):
    return normal(generator, (B, U, D), (B, T, E), (H, D), (H, E), (H,), (H,))


ADDITIVE_SCORE = Exercise(
    name="additive_score",
    task="Compute the additive score of every query against every key.",
    oracle=additive_score,
    returns="(B, U, T)",
    cases=[
        Case("one query, one key", score_arguments(1, 1, 1, 1, 1, 1)),
        Case("one query, three keys", score_arguments(1, 1, 3, 2, 2, 2)),
        Case("as many queries as keys", score_arguments(2, 3, 3, 2, 2, 2)),
        Case("queries and keys of different sizes", score_arguments(2, 2, 4, 3, 5, 6)),
        Case("random numbers", score_arguments(3, 4, 6, 4, 3, 5), times=2),
    ],
    misconceptions={
        "leaves out the tanh": (
            "Without it the query adds the same number to every score, and a softmax does not feel that.",
            scoring(lambda q, k, b: q + k + b),
        ),
        "takes the tanh of the score": (
            "The tanh belongs to the H hidden units; `v` sums them up afterwards, and nothing follows.",
            scoring(lambda q, k, b: q + k + b, finish=torch.tanh),
        ),
        "takes the tanh of query and key apart": (
            "They have to meet *inside* the tanh: else each only adds a number of its own.",
            scoring(lambda q, k, b: torch.tanh(q) + torch.tanh(k + b)),
        ),
        "multiplies where it should add": (
            "The score's name says which of the two.",
            scoring(lambda q, k, b: torch.tanh(q * k + b)),
        ),
        "forgets the bias": ("Look at `b` in the equation.", perturbed(additive_score, b=torch.zeros_like)),
        "has queries and keys change places in the result": (
            "One row for each query, one column for each key: (B, U, T).",
            scoring(finish=lambda scores: scores.transpose(1, 2)),
        ),
        "takes the softmax as well": (
            "Scores are asked for; they may be negative and sum to anything.",
            scoring(finish=lambda scores: scores.softmax(-1)),
        ),
    },
    hints=[
        "`query @ W.T` is (B, U, H), `keys @ V.T` is (B, T, H). Every one of the U must meet every one of the T.",
        "Put a dimension of size 1 into each, `[:, :, None]` and `[:, None]`, and add: broadcasting makes (B, U, "
        "T, H).",
        "Add `b` there, take the tanh, and let `@ v` sum over the last dimension.",
    ],
)


def over(axis):
    """Return a masked softmax over another axis, still with the mask before it."""

    def softmax(scores, mask):
        return scores.masked_fill(~mask[:, None], -torch.inf).softmax(axis).nan_to_num(0.0)

    return softmax


@drawn
def mask_arguments(generator, B, U, T, lengths=None, scale=1.0):
    scores = scale * torch.randn(B, U, T, generator=generator)
    ends = lengths or torch.randint(1, T + 1, (B,), generator=generator).tolist()
    return scores, torch.arange(T) < torch.tensor(ends)[:, None]


def holes(generator):
    """Allowed and forbidden keys in turn: a mask need not be padding."""
    return torch.randn(1, 2, 4, generator=generator), torch.tensor([[True, False, True, False]])


MASKED_SOFTMAX = Exercise(
    name="masked_softmax",
    task="Turn scores into weights that are 0 where the mask forbids, and still sum to 1.",
    oracle=attention.masked_softmax,
    returns="(B, U, T)",
    cases=[
        Case("nothing forbidden", mask_arguments(1, 2, 3, [3])),
        Case("the last key forbidden", mask_arguments(1, 1, 3, [2])),
        Case("a forbidden key between others", holes),
        Case("two lengths in a batch, as many queries as keys", mask_arguments(2, 4, 4, [4, 2])),
        Case("one key left", mask_arguments(1, 3, 4, [1])),
        Case("scores of thousands", mask_arguments(2, 2, 5, scale=3000.0)),
        Case("random lengths", mask_arguments(4, 3, 6), times=3),
    ],
    misconceptions={
        "takes the softmax over the wrong axis: over the queries": (
            "Each *query* shares its attention out among the keys. Rows must sum to 1, and here columns do.",
            over(1),
        ),
        "takes the softmax over the wrong axis: over the batch": (
            "Sequences of a batch have nothing to do with each other.",
            over(0),
        ),
        "masks after the softmax": (
            "What the forbidden keys had been given is lost, and the rest no longer sums to 1.",
            lambda scores, mask: scores.softmax(-1) * mask[:, None],
        ),
        "sets forbidden scores to 0": (
            "A score of 0 is a score like any other: its exponential is 1. Which score has the exponential 0?",
            lambda scores, mask: (scores * mask[:, None]).softmax(-1),
        ),
        "has the mask the wrong way round": (
            "It is True where a key *may* be looked at. (In `nn.MultiheadAttention` it is the other way round.)",
            lambda scores, mask: scores.masked_fill(mask[:, None], -torch.inf).softmax(-1).nan_to_num(0.0),
        ),
        "never uses the mask": ("Padding gets its share of attention.", lambda scores, mask: scores.softmax(-1)),
    },
    hints=[
        "The exponential of which score is 0?",
        "The mask is (B, T) and the scores are (B, U, T): `mask[:, None]` fits all queries of a sequence.",
        "`scores.masked_fill(where, -torch.inf)` fills where its first argument is True; then a softmax over the last "
        "dimension.",
    ],
)


@drawn
def context_arguments(generator, B, U, T, V):
    weights = torch.randn(B, U, T, generator=generator).mul(2).softmax(-1)
    return weights, torch.randn(B, T, V, generator=generator)


CONTEXT = Exercise(
    name="context",
    task="Average the values by the weights.",
    oracle=lambda weights, values: weights @ values,
    returns="(B, U, V)",
    cases=[
        Case("two queries, two keys", context_arguments(1, 2, 2, 1)),
        Case("as many queries as keys", context_arguments(1, 3, 3, 2)),
        Case("a batch", context_arguments(2, 4, 4, 3)),
        Case("random numbers", context_arguments(3, 4, 5, 4), times=2),
    ],
    misconceptions={
        "takes the plain mean of the values": (
            "That is the same for each query. Where do the weights come in?",
            lambda weights, values: values.mean(1, keepdim=True).expand(-1, weights.shape[1], -1).clone(),
        ),
        "takes the value of the largest weight only": (
            "That is a hard choice, through which no gradient flows back. Soft attention mixes all values.",
            lambda weights, values: torch.eye(weights.shape[-1])[weights.argmax(-1)] @ values,
        ),
        "sums over the queries instead of the keys": (
            "Each query's row of weights belongs to the keys: (B, U, T) times (B, T, V).",
            lambda weights, values: weights.transpose(1, 2) @ values,
        ),
        "divides by the number of keys": (
            "The weights sum to 1: nothing is left to divide by.",
            lambda weights, values: weights @ values / values.shape[1],
        ),
        "takes a softmax of the weights": (
            "They are weights already: at least 0, and each row sums to 1.",
            lambda weights, values: weights.softmax(-1) @ values,
        ),
        "gives every sequence the first one's values": (
            "Each sequence of the batch has values of its own.",
            lambda weights, values: torch.stack([row @ values[0] for row in weights]),
        ),
    },
    hints=[
        "For one query it is w₁ v₁ + w₂ v₂ + …: which product of matrices is that?",
        "(U, T) times (T, V) is (U, V).",
        "`@` multiplies the last two dimensions and goes through the batch by itself.",
    ],
)


def mean_of(entropy):
    """Return the mean of ``entropy(weights)``, (B, U), over each sequence's real queries."""

    def mean(weights, lengths):
        real = torch.arange(weights.shape[1], device=weights.device) < lengths[:, None]
        return (entropy(weights) * real).sum(1) / lengths

    return mean


mean_entropy = mean_of(attention.entropy)


@drawn
def entropy_arguments(generator, B, U, T, lengths=None, sharp=False):
    scores = torch.randn(B, U, T, generator=generator) * 2
    if sharp:
        scores[..., 1:] = -torch.inf
        scores[0, 0, 1] = scores[0, 0, 0]
    ends = lengths or torch.randint(1, U + 1, (B,), generator=generator).tolist()
    return scores.softmax(-1), torch.tensor(ends)


MEAN_ENTROPY = Exercise(
    name="mean_entropy",
    task="Compute the mean entropy of each sequence's real queries, in nats.",
    oracle=mean_entropy,
    returns="(B,)",
    cases=[
        Case("one query, two keys", entropy_arguments(1, 1, 2, [1])),
        Case("all queries real", entropy_arguments(2, 3, 4, [3, 3])),
        Case("padded queries", entropy_arguments(2, 4, 5, [2, 3])),
        Case("weights of exactly 0", entropy_arguments(2, 3, 3, [2, 3], sharp=True)),
        Case("random lengths", entropy_arguments(4, 5, 6), times=2),
    ],
    misconceptions={
        "is NaN where a weight is 0": (
            "0 · log 0 should be 0, and the computer makes it 0 · (-inf). Masked keys have just that weight.",
            mean_of(lambda weights: -(weights * weights.log()).sum(-1)),
        ),
        "counts in bits": (
            "Nats are asked for: the natural logarithm.",
            lambda weights, lengths: mean_entropy(weights, lengths) / math.log(2),
        ),
        "forgets the minus sign": (
            "Logarithms of weights are negative; an entropy is not.",
            lambda weights, lengths: -mean_entropy(weights, lengths),
        ),
        "takes the mean over padding as well": (
            "Only the first `lengths[b]` queries of a sequence are real.",
            lambda weights, lengths: attention.entropy(weights).mean(1),
        ),
        "sums over the queries": (
            "A mean over each sequence's queries is asked for.",
            lambda weights, lengths: mean_entropy(weights, lengths) * lengths,
        ),
        "takes a mean over the keys": (
            "The weights are the mean's own: -Σ w log w has nothing to divide by.",
            lambda weights, lengths: mean_entropy(weights, lengths) / weights.shape[-1],
        ),
        "leaves out the weight before the logarithm": (
            "Each -log w counts as often as it is met: with its own probability w.",
            mean_of(lambda weights: -weights.clamp(min=torch.finfo(weights.dtype).tiny).log().mean(-1)),
        ),
    },
    hints=[
        "First -Σ w log w over the keys for every query, (B, U); then a mean over the real queries.",
        "`torch.xlogy(w, w)` is w log w, and 0 where w is 0. `clamp` with a tiny number works, too.",
        "`torch.arange(U) < lengths[:, None]` is (B, U), True for real queries; sum, and divide by `lengths`.",
    ],
)
