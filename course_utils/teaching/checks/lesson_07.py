"""The exercises of lesson 07: a score, a softmax under a mask, the context, and how spread out the weights are."""

import math

import torch

from course_utils.algorithms import attention
from course_utils.teaching.checks.exercise import Case, Exercise, Misconception, perturbed


def additive_score(query, keys, W, V, b, v):
    return torch.tanh((query @ W.T)[:, :, None] + (keys @ V.T)[:, None] + b) @ v


def without_tanh(query, keys, W, V, b, v):
    return ((query @ W.T)[:, :, None] + (keys @ V.T)[:, None] + b) @ v


def tanh_last(query, keys, W, V, b, v):
    return torch.tanh(without_tanh(query, keys, W, V, b, v))


def tanh_apart(query, keys, W, V, b, v):
    return (torch.tanh(query @ W.T)[:, :, None] + torch.tanh(keys @ V.T + b)[:, None]) @ v


def multiplied(query, keys, W, V, b, v):
    return torch.tanh((query @ W.T)[:, :, None] * (keys @ V.T)[:, None] + b) @ v


def transposed(query, keys, W, V, b, v):
    return additive_score(query, keys, W, V, b, v).transpose(1, 2)


def exponential(query, keys, W, V, b, v):
    return additive_score(query, keys, W, V, b, v).softmax(-1)


def score_arguments(B, U, T, D, E, H):
    def arguments(generator):
        shapes = [(B, U, D), (B, T, E), (H, D), (H, E), (H,), (H,)]
        return tuple(torch.randn(shape, generator=generator) for shape in shapes)

    return arguments


def masked_softmax(scores, mask):
    return attention.masked_softmax(scores, mask)


def over(axis):
    """Return a masked softmax over another axis, still with the mask before it."""

    def softmax(scores, mask):
        return scores.masked_fill(~mask[:, None], -torch.inf).softmax(axis).nan_to_num(0.0)

    return softmax


def mask_after(scores, mask):
    return scores.softmax(-1) * mask[:, None]


def zeros_as_scores(scores, mask):
    return (scores * mask[:, None]).softmax(-1)


def large_added(scores, mask):
    return scores.masked_fill(mask[:, None], -torch.inf).softmax(-1).nan_to_num(0.0)


def never_masked(scores, mask):
    return scores.softmax(-1)


def mask_arguments(B, U, T, lengths=None, scale=1.0):
    def arguments(generator):
        scores = scale * torch.randn(B, U, T, generator=generator)
        ends = lengths or torch.randint(1, T + 1, (B,), generator=generator).tolist()
        return scores, torch.arange(T) < torch.tensor(ends)[:, None]

    return arguments


def holes(generator):
    """Allowed and forbidden keys in turn: a mask need not be padding."""
    return torch.randn(1, 2, 4, generator=generator), torch.tensor([[True, False, True, False]])


def context(weights, values):
    return weights @ values


def plain_mean(weights, values):
    return values.mean(1, keepdim=True).expand(-1, weights.shape[1], -1).clone()


def largest_only(weights, values):
    return torch.nn.functional.one_hot(weights.argmax(-1), weights.shape[-1]).to(values.dtype) @ values


def other_way(weights, values):
    return weights.transpose(1, 2) @ values


def divided(weights, values):
    return weights @ values / values.shape[1]


def normalised_again(weights, values):
    return weights.softmax(-1) @ values


def first_of_batch(weights, values):
    return torch.stack([row @ values[0] for row in weights])


def context_arguments(B, U, T, V):
    def arguments(generator):
        weights = torch.randn(B, U, T, generator=generator).mul(2).softmax(-1)
        return weights, torch.randn(B, T, V, generator=generator)

    return arguments


def mean_entropy(weights, lengths):
    real = torch.arange(weights.shape[1], device=weights.device) < lengths[:, None]
    return (attention.entropy(weights) * real).sum(1) / lengths


def in_bits(weights, lengths):
    return mean_entropy(weights, lengths) / math.log(2)


def not_negated(weights, lengths):
    return -mean_entropy(weights, lengths)


def over_padding(weights, lengths):
    return attention.entropy(weights).mean(1)


def summed(weights, lengths):
    return mean_entropy(weights, lengths) * lengths


def not_a_number(weights, lengths):
    real = torch.arange(weights.shape[1]) < lengths[:, None]
    return (-(weights * weights.log()).sum(-1) * real).sum(1) / lengths


def per_key(weights, lengths):
    return mean_entropy(weights, lengths) / weights.shape[-1]


def without_weights(weights, lengths):
    real = torch.arange(weights.shape[1]) < lengths[:, None]
    logs = weights.clamp(min=torch.finfo(weights.dtype).tiny).log()
    return (-logs.mean(-1) * real).sum(1) / lengths


def entropy_arguments(B, U, T, lengths=None, sharp=False):
    def arguments(generator):
        scores = torch.randn(B, U, T, generator=generator) * 2
        if sharp:
            scores[..., 1:] = -torch.inf
            scores[0, 0, 1] = scores[0, 0, 0]
        ends = lengths or torch.randint(1, U + 1, (B,), generator=generator).tolist()
        return scores.softmax(-1), torch.tensor(ends)

    return arguments


EXERCISES = [
    Exercise(
        name="additive_score",
        lesson="07",
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
        misconceptions=[
            Misconception(
                "leaves out the tanh",
                "Without it the query adds the same number to every score, and a softmax does not feel that.",
                without_tanh,
            ),
            Misconception(
                "takes the tanh of the score",
                "The tanh belongs to the H hidden units; `v` sums them up afterwards, and nothing follows.",
                tanh_last,
            ),
            Misconception(
                "takes the tanh of query and key apart",
                "They have to meet *inside* the tanh: else each only adds a number of its own.",
                tanh_apart,
            ),
            Misconception("multiplies where it should add", "The score's name says which of the two.", multiplied),
            Misconception(
                "forgets the bias", "Look at `b` in the equation.", perturbed(additive_score, b=torch.zeros_like)
            ),
            Misconception(
                "has queries and keys change places in the result",
                "One row for each query, one column for each key: (B, U, T).",
                transposed,
            ),
            Misconception(
                "takes the softmax as well",
                "Scores are asked for; they may be negative and sum to anything.",
                exponential,
            ),
        ],
        hints=[
            "`query @ W.T` is (B, U, H), `keys @ V.T` is (B, T, H). Every one of the U must meet every one of the T.",
            "Put a dimension of size 1 into each, `[:, :, None]` and `[:, None]`, and add: broadcasting makes "
            "(B, U, T, H).",
            "Add `b` there, take the tanh, and let `@ v` sum over the last dimension.",
        ],
    ),
    Exercise(
        name="masked_softmax",
        lesson="07",
        task="Turn scores into weights that are 0 where the mask forbids, and still sum to 1.",
        oracle=masked_softmax,
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
        misconceptions=[
            Misconception(
                "takes the softmax over the wrong axis: over the queries",
                "Each *query* shares its attention out among the keys. Rows must sum to 1, and here columns do.",
                over(1),
            ),
            Misconception(
                "takes the softmax over the wrong axis: over the batch",
                "Sequences of a batch have nothing to do with each other.",
                over(0),
            ),
            Misconception(
                "masks after the softmax",
                "What the forbidden keys had been given is lost, and the rest no longer sums to 1.",
                mask_after,
            ),
            Misconception(
                "sets forbidden scores to 0",
                "A score of 0 is a score like any other: its exponential is 1. Which score has the exponential 0?",
                zeros_as_scores,
            ),
            Misconception(
                "has the mask the wrong way round",
                "It is True where a key *may* be looked at. (In `nn.MultiheadAttention` it is the other way round.)",
                large_added,
            ),
            Misconception("never uses the mask", "Padding gets its share of attention.", never_masked),
        ],
        hints=[
            "The exponential of which score is 0?",
            "The mask is (B, T) and the scores are (B, U, T): `mask[:, None]` fits all queries of a sequence.",
            "`scores.masked_fill(where, -torch.inf)` fills where its first argument is True; then a softmax over the "
            "last dimension.",
        ],
    ),
    Exercise(
        name="context",
        lesson="07",
        task="Average the values by the weights.",
        oracle=context,
        returns="(B, U, V)",
        cases=[
            Case("two queries, two keys", context_arguments(1, 2, 2, 1)),
            Case("as many queries as keys", context_arguments(1, 3, 3, 2)),
            Case("a batch", context_arguments(2, 4, 4, 3)),
            Case("random numbers", context_arguments(3, 4, 5, 4), times=2),
        ],
        misconceptions=[
            Misconception(
                "takes the plain mean of the values",
                "That is the same for each query. Where do the weights come in?",
                plain_mean,
            ),
            Misconception(
                "takes the value of the largest weight only",
                "That is a hard choice, through which no gradient flows back. Soft attention mixes all values.",
                largest_only,
            ),
            Misconception(
                "sums over the queries instead of the keys",
                "Each query's row of weights belongs to the keys: (B, U, T) times (B, T, V).",
                other_way,
            ),
            Misconception(
                "divides by the number of keys", "The weights sum to 1: nothing is left to divide by.", divided
            ),
            Misconception(
                "takes a softmax of the weights",
                "They are weights already: at least 0, and each row sums to 1.",
                normalised_again,
            ),
            Misconception(
                "gives every sequence the first one's values",
                "Each sequence of the batch has values of its own.",
                first_of_batch,
            ),
        ],
        hints=[
            "For one query it is w₁ v₁ + w₂ v₂ + …: which product of matrices is that?",
            "(U, T) times (T, V) is (U, V).",
            "`@` multiplies the last two dimensions and goes through the batch by itself.",
        ],
    ),
    Exercise(
        name="mean_entropy",
        lesson="07",
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
        misconceptions=[
            Misconception(
                "is NaN where a weight is 0",
                "0 · log 0 should be 0, and the computer makes it 0 · (-inf). Masked keys have just that weight.",
                not_a_number,
            ),
            Misconception("counts in bits", "Nats are asked for: the natural logarithm.", in_bits),
            Misconception(
                "forgets the minus sign", "Logarithms of weights are negative; an entropy is not.", not_negated
            ),
            Misconception(
                "takes the mean over padding as well",
                "Only the first `lengths[b]` queries of a sequence are real.",
                over_padding,
            ),
            Misconception("sums over the queries", "A mean over each sequence's queries is asked for.", summed),
            Misconception(
                "takes a mean over the keys",
                "The weights are the mean's own: -Σ w log w has nothing to divide by.",
                per_key,
            ),
            Misconception(
                "leaves out the weight before the logarithm",
                "Each -log w counts as often as it is met: with its own probability w.",
                without_weights,
            ),
        ],
        hints=[
            "First -Σ w log w over the keys for every query, (B, U); then a mean over the real queries.",
            "`torch.xlogy(w, w)` is w log w, and 0 where w is 0. `clamp` with a tiny number works, too.",
            "`torch.arange(U) < lengths[:, None]` is (B, U), True for real queries; sum, and divide by `lengths`.",
        ],
    ),
]
