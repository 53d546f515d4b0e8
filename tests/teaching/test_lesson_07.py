"""Wrong answers to the exercises of lesson 07, as people write them, each refused for its own reason."""

import math

import pytest
import torch

from course_utils.teaching.checks import grade

from .toys import each_wrong


def meetings(query, keys, W, V, b=0.0):
    return torch.einsum("bud,hd->buh", query, W)[:, :, None] + torch.einsum("bte,he->bth", keys, V)[:, None] + b


def no_tanh(query, keys, W, V, b, v):
    return meetings(query, keys, W, V, b) @ v


def tanh_outside(query, keys, W, V, b, v):
    return (meetings(query, keys, W, V, b) @ v).tanh()


def two_tanhs(query, keys, W, V, b, v):
    return ((query @ W.T).tanh()[:, :, None] + (keys @ V.T + b).tanh()[:, None]) @ v


def times(query, keys, W, V, b, v):
    return ((query @ W.T)[:, :, None] * (keys @ V.T)[:, None] + b).tanh() @ v


def no_bias(query, keys, W, V, b, v):
    return meetings(query, keys, W, V).tanh() @ v


def keys_first(query, keys, W, V, b, v):
    return ((query @ W.T)[:, None] + (keys @ V.T)[:, :, None] + b).tanh() @ v


def weights_at_once(query, keys, W, V, b, v):
    return torch.softmax(meetings(query, keys, W, V, b).tanh() @ v, -1)


def hidden_units(query, keys, W, V, b, v):
    return meetings(query, keys, W, V, b).tanh() * v


def pairs_up(query, keys, W, V, b, v):
    return (query @ W.T + (keys @ V.T)[:, : query.shape[1]] + b).tanh() @ v


def in_place(query, keys, W, V, b, v):
    keys *= 2
    return meetings(query, keys / 2, W, V, b).tanh() @ v


def nothing(query, keys, W, V, b, v):
    meetings(query, keys, W, V, b)


def over_queries(scores, mask):
    return torch.softmax(scores.masked_fill(~mask[:, None], float("-inf")), dim=1).nan_to_num(0)


def over_the_batch(scores, mask):
    return torch.softmax(scores.masked_fill(~mask[:, None], float("-inf")), dim=0).nan_to_num(0)


def over_queries_with_nan(scores, mask):
    return torch.softmax(scores.masked_fill(~mask[:, None], float("-inf")), dim=1)


def masked_later(scores, mask):
    return torch.where(mask[:, None], scores.softmax(2), torch.zeros(()))


def zero_scores(scores, mask):
    return scores.masked_fill(~mask[:, None], 0.0).softmax(-1)


def as_in_multihead_attention(scores, mask):
    return scores.masked_fill(mask[:, None], -1e9).softmax(-1) * (~mask[:, None]).any(-1, keepdim=True)


def no_mask(scores, mask):
    return torch.nn.functional.softmax(scores, -1)


def overflowing(scores, mask):
    powers = scores.exp() * mask[:, None]
    return powers / powers.sum(-1, keepdim=True)


def wrong_rows(scores, mask):
    return scores.masked_fill(~mask[..., None], -torch.inf).softmax(-1)


def scores_in_place(scores, mask):
    return scores.masked_fill_(~mask[:, None], -torch.inf).softmax(-1)


def mean_of_values(weights, values):
    return values.mean(1)[:, None].repeat(1, weights.shape[1], 1)


def the_best(weights, values):
    return torch.stack([values[b, weights[b].argmax(-1)] for b in range(len(values))])


def over_the_queries(weights, values):
    return torch.einsum("but,buv->btv", weights, values)


def a_mean_again(weights, values):
    return (weights[..., None] * values[:, None]).mean(2)


def softmax_again(weights, values):
    return torch.softmax(weights, 2) @ values


def one_for_all(weights, values):
    return weights @ values[:1]


def not_summed(weights, values):
    return weights[..., None] * values[:, None]


def no_context(weights, values):
    return weights @ values * float("nan")


def real_mean(entropies, lengths):
    return torch.stack([row[:length].mean() for row, length in zip(entropies, lengths.tolist(), strict=True)])


def logs(weights):
    return torch.where(weights > 0, weights, torch.ones(())).log()


def zero_times_infinity(weights, lengths):
    return real_mean(-(weights * weights.log()).sum(-1), lengths)


def bits(weights, lengths):
    return real_mean(-(weights * logs(weights)).sum(-1) / math.log(2), lengths)


def negative(weights, lengths):
    return real_mean((weights * logs(weights)).sum(-1), lengths)


def with_padding(weights, lengths):
    return -(weights * logs(weights)).sum(-1).mean(1)


def sum_of_queries(weights, lengths):
    return real_mean(-(weights * logs(weights)).sum(-1), lengths) * lengths


def mean_of_keys(weights, lengths):
    return real_mean(-(weights * logs(weights)).mean(-1), lengths)


def surprises(weights, lengths):
    tiny = torch.finfo(weights.dtype).tiny
    return real_mean(-weights.clamp(min=tiny).log().mean(-1), lengths)


def every_query(weights, lengths):
    return -(weights * logs(weights)).sum(-1)


def one_number(weights, lengths):
    return real_mean(-(weights * logs(weights)).sum(-1), lengths).mean()


WRONG = {
    "additive_score": [
        (no_tanh, "leaves out the tanh"),
        (tanh_outside, "takes the tanh of the score"),
        (two_tanhs, "takes the tanh of query and key apart"),
        (times, "multiplies where it should add"),
        (no_bias, "forgets the bias"),
        (keys_first, "has queries and keys change places in the result"),
        (weights_at_once, "takes the softmax as well"),
        (hidden_units, None),
        (pairs_up, None),
        (in_place, None),
        (nothing, None),
    ],
    "masked_softmax": [
        (over_queries, "takes the softmax over the wrong axis: over the queries"),
        (over_the_batch, "takes the softmax over the wrong axis: over the batch"),
        (over_queries_with_nan, None),
        (masked_later, "masks after the softmax"),
        (zero_scores, "sets forbidden scores to 0"),
        (as_in_multihead_attention, "has the mask the wrong way round"),
        (no_mask, "never uses the mask"),
        (overflowing, None),
        (wrong_rows, None),
        (scores_in_place, None),
    ],
    "context": [
        (mean_of_values, "takes the plain mean of the values"),
        (the_best, "takes the value of the largest weight only"),
        (over_the_queries, "sums over the queries instead of the keys"),
        (a_mean_again, "divides by the number of keys"),
        (softmax_again, "takes a softmax of the weights"),
        (one_for_all, "gives every sequence the first one's values"),
        (not_summed, None),
        (no_context, None),
    ],
    "mean_entropy": [
        (zero_times_infinity, "is NaN where a weight is 0"),
        (bits, "counts in bits"),
        (negative, "forgets the minus sign"),
        (with_padding, "takes the mean over padding as well"),
        (sum_of_queries, "sums over the queries"),
        (mean_of_keys, "takes a mean over the keys"),
        (surprises, "leaves out the weight before the logarithm"),
        (every_query, None),
        (one_number, None),
    ],
}


@pytest.mark.parametrize(("exercise", "answer", "diagnosis"), each_wrong(WRONG))
def test_wrong_answers_are_refused_with_their_reason(exercise, answer, diagnosis):
    report = grade(exercise, answer)
    assert report.status == "failed"
    assert report.misconception == diagnosis


def one_pair_at_a_time(query, keys, W, V, b, v):
    B, U, T = len(query), query.shape[1], keys.shape[1]
    scores = torch.empty(B, U, T)
    for i in range(B):
        for u in range(U):
            for t in range(T):
                scores[i, u, t] = v @ torch.tanh(W @ query[i, u] + V @ keys[i, t] + b)
    return scores


def shifted_exponentials(scores, mask):
    scores = torch.where(mask[:, None], scores, torch.tensor(float("-inf")))
    powers = (scores - scores.max(-1, keepdim=True).values).exp()
    return powers / powers.sum(-1, keepdim=True)


def by_einsum(weights, values):
    return torch.einsum("but,btv->buv", weights, values)


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("additive_score", one_pair_at_a_time),
        ("masked_softmax", shifted_exponentials),
        ("context", by_einsum),
        ("mean_entropy", lambda weights, lengths: real_mean(-(weights * logs(weights)).sum(-1), lengths)),
    ],
)
def test_right_answers_pass_however_they_are_written(exercise, answer):
    assert grade(exercise, answer).status == "passed"
