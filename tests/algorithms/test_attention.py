"""Attention against a loop over keys, against torch's own in values and gradients, and what masks must keep."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import linear, scaled_dot_product_attention

from course_utils.algorithms import attention
from course_utils.algorithms.attention import Additive, LocationAware, attend, attend_along, masked_softmax

from .devices import devices

SIZES = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.integers(1, 5), st.integers(1, 4))
SEEDS = st.integers(0, 1000)


def numbers(seed, *shape, device="cpu"):
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn.to(device).requires_grad_()


def some_mask(seed, *shape):
    """Return a random mask that leaves each row at least one key."""
    drawn = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.6
    drawn[..., 0] |= ~drawn.any(-1)
    return drawn


def case(sizes, seed, device="cpu"):
    B, U, T, D, V = sizes
    shapes = [(B, U, D), (B, T, D), (B, T, V)]
    return [numbers(seed + k, *shape, device=device) for k, shape in enumerate(shapes)]


def gradients(results, inputs, seed=7):
    """Return the gradients of a random weighted sum of the results."""
    total = sum((result * numbers(seed + k, *result.shape).to(result.device)).sum() for k, result in enumerate(results))
    return torch.autograd.grad(total, inputs)


def test_an_answer_that_a_pencil_can_follow():
    query, keys = torch.tensor([[[1.0]]]), torch.tensor([[[math.log(1.0)], [math.log(3.0)], [9.0]]])
    values = torch.tensor([[[4.0], [8.0], [1000.0]]])
    context, weights = attend(query, keys, values, torch.tensor([[True, True, False]]), attention.dot)
    torch.testing.assert_close(weights, torch.tensor([[[0.25, 0.75, 0.0]]]))
    torch.testing.assert_close(context, torch.tensor([[[7.0]]]))


@pytest.mark.parametrize("score", [attention.dot, attention.scaled_dot])
@given(SIZES, SEEDS, st.booleans())
@settings(max_examples=40)
def test_attending_is_a_loop_over_keys(score, sizes, seed, masked):
    B, U, T, D, _ = sizes
    query, keys, values = case(sizes, seed)
    mask = some_mask(seed, B, T) if masked else torch.ones(B, T, dtype=torch.bool)
    context, weights = attend(query, keys, values, mask if masked else None, score)
    for b in range(B):
        for u in range(U):
            fits = [
                math.exp((query[b, u] @ keys[b, t]).item() / (math.sqrt(D) if score is attention.scaled_dot else 1))
                if mask[b, t]
                else 0.0
                for t in range(T)
            ]
            assert weights[b, u].tolist() == pytest.approx([fit / sum(fits) for fit in fits], abs=1e-12)
            torch.testing.assert_close(context[b, u], sum(weights[b, u, t] * values[b, t] for t in range(T)))


@pytest.mark.parametrize("device", devices())
@given(SIZES, SEEDS, st.sampled_from(["none", "keys", "pairs"]))
@settings(max_examples=60)
def test_equal_to_torchs_scaled_dot_product_attention(device, sizes, seed, kind):
    B, U, T, _, _ = sizes
    query, keys, values = inputs = case(sizes, seed, device)
    by_key, by_pair = some_mask(seed, B, T).to(device), some_mask(seed, B, U, T).to(device)
    mask, their_mask = {"none": (None, None), "keys": (by_key, by_key[:, None]), "pairs": (by_pair, by_pair)}[kind]
    ours, _ = attend(query, keys, values, mask)
    theirs = scaled_dot_product_attention(query, keys, values, attn_mask=their_mask)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(gradients([ours], inputs), gradients([theirs], inputs))


@given(SIZES, SEEDS)
@settings(max_examples=30)
def test_equal_to_torchs_multihead_attention_of_one_head(sizes, seed):
    B, U, T, D, _ = sizes
    torch.manual_seed(seed)
    theirs = nn.MultiheadAttention(D, 1, batch_first=True).double()
    query, keys, values = case((B, U, T, D, D), seed)
    mask = some_mask(seed, B, T)
    inputs = [query, keys, values, theirs.in_proj_weight, theirs.in_proj_bias]
    asked, offered, answers = (
        linear(x, W, b)
        for x, W, b in zip(
            (query, keys, values), theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.chunk(3), strict=True
        )
    )
    context, weights = attend(asked, offered, answers, mask)
    results = [theirs.out_proj(context), weights]
    their_results = theirs(query, keys, values, key_padding_mask=~mask)
    torch.testing.assert_close(results, list(their_results))
    torch.testing.assert_close(gradients(results, inputs), gradients(their_results, inputs))


@pytest.mark.parametrize("device", devices())
@given(SIZES, SEEDS)
@settings(max_examples=30)
def test_additive_scores_are_their_equation(device, sizes, seed):
    B, U, T, D, V = sizes
    torch.manual_seed(seed)
    score = Additive(D, V, 3).double().to(device)
    query, keys = numbers(seed, B, U, D, device=device), numbers(seed + 1, B, T, V, device=device)
    W, V_, b, v = score.W.weight, score.V.weight, score.V.bias, score.v.weight[0]
    hidden = torch.einsum("bud,hd->buh", query, W)[:, :, None] + torch.einsum("btd,hd->bth", keys, V_)[:, None] + b
    theirs = torch.einsum("buth,h->but", hidden.tanh(), v)
    ours = score(query, keys)
    inputs = [query, keys, *score.parameters()]
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(gradients([ours], inputs), gradients([theirs], inputs))


@given(SIZES, SEEDS)
@settings(max_examples=20)
def test_location_aware_scores_are_their_equation(sizes, seed):
    B, _, T, D, V = sizes
    torch.manual_seed(seed)
    score = LocationAware(D, V, 3, filters=2, width=3).double()
    query, keys, last = numbers(seed, B, 1, D), numbers(seed + 1, B, T, V), numbers(seed + 2, B, T).softmax(-1)
    padded = nn.functional.pad(last, (1, 1))
    for b in range(B):
        for t in range(T):
            f = score.filter.weight[:, 0] @ padded[b, t : t + 3]
            hidden = score.W.weight @ query[b, 0] + score.V.weight @ keys[b, t] + score.F.weight @ f + score.V.bias
            torch.testing.assert_close(score(query, keys, last)[b, 0, t], score.v.weight[0] @ hidden.tanh())


def test_location_tells_equal_keys_apart():
    """With equal keys and a filter that looks one place back, attention walks on, one key a query."""
    score = LocationAware(1, 1, 1, filters=1, width=3)
    with torch.no_grad():
        for parameter in score.parameters():
            parameter.zero_()
        score.filter.weight[0, 0, 0] = score.F.weight[0, 0] = 1.0
        score.v.weight[0, 0] = 50.0
    first = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    _, weights = attend_along(torch.ones(1, 3, 1), torch.ones(1, 4, 1), torch.ones(1, 4, 1), None, score, first)
    assert weights.argmax(-1).tolist() == [[1, 2, 3]]


@given(SIZES, SEEDS)
@settings(max_examples=20)
def test_queries_one_after_the_other(sizes, seed):
    """Stepping by hand is the same, and a score that ignores the last weights makes it `attend`."""
    B, U, T, D, V = sizes
    torch.manual_seed(seed)
    score, (query, keys, values) = LocationAware(D, D, 3).double(), case(sizes, seed)
    mask, previous = some_mask(seed, B, T), torch.zeros(B, T, dtype=torch.float64)
    context, weights = attend_along(query, keys, values, mask, score, previous)
    for u in range(U):
        alone, looks = attend_along(query[:, u : u + 1], keys, values, mask, score, previous)
        previous = looks[:, 0]
        torch.testing.assert_close(context[:, u], alone[:, 0])
        torch.testing.assert_close(weights[:, u], previous)
    forgetful = attend_along(query, keys, values, mask, lambda q, k, _: attention.dot(q, k), previous)
    torch.testing.assert_close(forgetful, attend(query, keys, values, mask, attention.dot))
    assert attend_along(query[:, :0], keys, values, mask, score, previous)[0].shape == (B, 0, V)


@given(SIZES, SEEDS, st.integers(1, 3))
@settings(max_examples=30)
def test_padding_changes_nothing(sizes, seed, more):
    B, _, T, _, _ = sizes
    query, keys, values = inputs = case(sizes, seed)
    mask = some_mask(seed, B, T)
    result = attend(query, keys, values, mask)
    longer_keys, longer_values = (
        torch.cat([x, 1e3 * numbers(seed + k, B, more, x.shape[2])], 1) for k, x in enumerate((keys, values))
    )
    longer_mask = torch.cat([mask, torch.zeros(B, more, dtype=torch.bool)], 1)
    padded = attend(query, longer_keys, longer_values, longer_mask)
    assert (padded[1][..., T:] == 0).all()
    torch.testing.assert_close((padded[0], padded[1][..., :T]), result)
    torch.testing.assert_close(gradients([padded[0]], inputs), gradients([result[0]], inputs))


@given(SIZES, SEEDS)
@settings(max_examples=30)
def test_order_changes_nothing(sizes, seed):
    """Moving batch, queries or keys moves the answers, and nothing else."""
    B, U, T, _, _ = sizes
    query, keys, values = case(sizes, seed)
    mask = some_mask(seed, B, T)
    context, weights = attend(query, keys, values, mask)
    generator = torch.Generator().manual_seed(seed)
    b, u, t = (torch.randperm(n, generator=generator) for n in (B, U, T))
    moved = attend(query[b][:, u], keys[b][:, t], values[b][:, t], mask[b][:, t])
    torch.testing.assert_close(moved, (context[b][:, u], weights[b][:, u][:, :, t]))


@pytest.mark.parametrize("device", devices())
def test_a_query_that_may_look_at_nothing(device):
    query, keys, values = case((2, 3, 4, 2, 2), 0, device)
    mask = torch.tensor([[True, False, True, True], [False] * 4], device=device)
    context, weights = attend(query, keys, values, mask)
    assert (context[1] == 0).all()
    assert (weights[1] == 0).all()
    for gradient in gradients([context, weights], [query, keys, values]):
        assert gradient.isfinite().all()
        assert (gradient[1] == 0).all()
        assert (gradient[0] != 0).any()


@pytest.mark.parametrize("sizes", [(0, 2, 3, 2, 2), (2, 0, 3, 2, 2), (2, 2, 0, 2, 2)])
@pytest.mark.parametrize("score", [attention.dot, attention.scaled_dot, Additive(2, 2, 3).double()])
def test_no_sequences_no_queries_and_no_keys(sizes, score):
    B, U, T, _, V = sizes
    inputs = case(sizes, 0)
    for mask in (None, torch.ones(B, T, dtype=torch.bool)):
        context, weights = attend(*inputs, mask, score)
        assert weights.shape == (B, U, T)
        assert torch.equal(context, torch.zeros(B, U, V))
        assert all((gradient == 0).all() for gradient in gradients([context, weights], inputs))


def test_where_nothing_may_be_looked_at_torchs_modules_differ():
    x, nothing = torch.ones(1, 2, 4), torch.zeros(1, 2, dtype=torch.bool)
    assert nn.MultiheadAttention(4, 1, batch_first=True)(x, x, x, key_padding_mask=~nothing)[0].isnan().all()
    assert (scaled_dot_product_attention(x, x, x, attn_mask=nothing[:, None]) == attend(x, x, x, nothing)[0]).all()


def test_scores_of_minus_infinity_and_very_large_ones():
    scores = torch.tensor([[[-torch.inf, 1e4, 1e4, -1e30]]])
    torch.testing.assert_close(masked_softmax(scores), torch.tensor([[[0.0, 0.5, 0.5, 0.0]]]))
    first_two = torch.tensor([[True, True, False, False]])
    torch.testing.assert_close(masked_softmax(scores, first_two), torch.tensor([[[0.0, 1.0, 0.0, 0.0]]]))


def test_gradcheck():
    inputs = case((2, 2, 3, 2, 2), 3)
    mask = torch.tensor([[True, True, False], [False, False, False]])
    for score in (attention.dot, attention.scaled_dot, Additive(2, 2, 3).double()):
        assert torch.autograd.gradcheck(lambda *given, score=score: attend(*given, mask, score), inputs)
    aware, last = LocationAware(2, 2, 3).double(), numbers(9, 2, 3)
    assert torch.autograd.gradcheck(
        lambda q, k, v, last: attend_along(q, k, v, mask, aware, last.softmax(-1)), [*inputs, last]
    )


def test_float32_over_a_thousand_keys():
    exact = case((2, 5, 1000, 64, 8), 0)
    context, weights = attend(*exact)
    rough, rough_weights = attend(*(x.float() for x in exact))
    torch.testing.assert_close(rough.double(), context, rtol=0, atol=2e-6)
    torch.testing.assert_close(rough_weights.double(), weights, rtol=1e-5, atol=1e-7)


def test_entropy():
    weights = torch.tensor([[[1.0, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0], [0.0] * 4]], requires_grad=True)
    found = attention.entropy(weights)
    torch.testing.assert_close(found, torch.tensor([[0.0, math.log(4), math.log(2), 0.0]]))
    assert torch.autograd.grad(found.sum(), weights)[0].isfinite().all()


def test_the_guided_penalty_is_its_equation():
    weights = numbers(0, 2, 3, 4).softmax(-1)
    queries, keys = torch.tensor([3, 2]), torch.tensor([4, 2])
    total = 0.0
    for b in range(2):
        for u in range(queries[b]):
            for t in range(keys[b]):
                distance = u / int(queries[b]) - t / int(keys[b])
                total += weights[b, u, t].item() * (1 - math.exp(-(distance**2) / (2 * 0.3**2)))
    assert attention.guided_penalty(weights, queries, keys, 0.3).item() == pytest.approx(total / 5)


def test_the_guided_penalty_by_place():
    diagonal, corner = torch.eye(50)[None], torch.eye(50).flip(1)[None]
    fifty = torch.tensor([50])
    assert attention.guided_penalty(diagonal, fifty, fifty) == 0
    assert 0.6 < attention.guided_penalty(corner, fifty, fifty) < 1
    one_query, last_key = torch.tensor([1]), torch.tensor([[[0.0, 0.0, 0.0, 1.0]]])
    expected = 1 - math.exp(-(0.75**2) / (2 * 0.2**2))
    assert attention.guided_penalty(last_key, one_query, torch.tensor([4])).item() == pytest.approx(expected)
    assert attention.guided_penalty(last_key, torch.tensor([0]), torch.tensor([4])) == 0
    wider = nn.functional.pad(diagonal, (0, 5, 0, 5), value=1.0)  # padding of queries and keys
    assert attention.guided_penalty(wider, fifty, fifty) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.ones(2, 3), torch.ones(2, 4, 3), torch.ones(2, 4, 3)), r"query \(2, 3\).*query\[:, None\]"),
        ((torch.ones(2, 1, 3), torch.ones(3, 4, 3), torch.ones(3, 4, 3)), "same B"),
        ((torch.ones(2, 1, 3), torch.ones(2, 4, 3), torch.ones(2, 5, 3)), r"values \(2, 5, 3\).*T keys a value"),
        (
            (torch.ones(2, 1, 3), torch.ones(2, 4, 5), torch.ones(2, 4, 5)),
            "3 and keys of 5 numbers: this score takes 3 and 3",
        ),
        ((*[torch.ones(2, 4, 3)] * 3, None, Additive(3, 4, 2)), "3 and keys of 3 numbers: this score takes 3 and 4"),
        ((*[torch.ones(2, 4, 3)] * 3, None, Additive(4, 3, 2)), "this score takes 4 and 3; `Additive` can"),
        ((*[torch.ones(2, 4, 3)] * 3, torch.ones(2, 4)), "float32.*torch.bool mask"),
        ((*[torch.ones(2, 4, 3)] * 3, torch.ones(4, 2, dtype=torch.bool)), r"\(4, 2\).*\(2, 4\) or \(2, 4, 4\)"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        attend(*arguments)


def test_bad_settings_are_named():
    for width in (4, -1):
        with pytest.raises(ValueError, match=f"width {width} must be odd and at least 1"):
            LocationAware(1, 1, 1, width=width)
    with pytest.raises(ValueError, match=r"last weights have shape \(2, 1, 4\); the keys need \(2, 4\)"):
        attend_along(*[torch.ones(2, 4, 3)] * 3, None, LocationAware(3, 3, 1), torch.ones(2, 1, 4))
    with pytest.raises(ValueError, match="this score takes 6 and 3"):
        attend_along(*[torch.ones(2, 4, 3)] * 3, None, LocationAware(6, 3, 1), torch.ones(2, 4))
    with pytest.raises(ValueError, match=r"scores have shape \(2, 4\); give \(B, U, T\)"):
        masked_softmax(torch.ones(2, 4), torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="width above 0"):
        attention.guided_penalty(torch.ones(1, 1, 1), torch.tensor([1]), torch.tensor([1]), 0)
    with pytest.raises(ValueError, match="1 query_lengths"):
        attention.guided_penalty(torch.ones(1, 1, 1), torch.tensor([1, 1]), torch.tensor([1]))
