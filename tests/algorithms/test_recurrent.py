"""The recurrent layer against torch's own, in values and gradients, and the invariants that padding must keep."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from course_utils.algorithms.recurrent import RNN, rnn_step

SIZES = st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 6), st.integers(1, 7))  # B, T, D, H


def numbers(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pair(D, H, seed=0):
    """Return our layer and torch's, with the same weights, in float64."""
    torch.manual_seed(seed)
    ours, theirs = RNN(D, H).double(), nn.RNN(D, H, batch_first=True).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def lengths_for(B, T, seed):
    return torch.randint(1, T + 1, (B,), generator=torch.Generator().manual_seed(seed))


def gradients(layer, inputs, results, seed):
    """Return the gradients of a random weighted sum of the results, by parameter and for the inputs."""
    total = sum((result * numbers(seed + k, *result.shape)).sum() for k, result in enumerate(results))
    names = [name for name, _ in layer.named_parameters()]
    found = torch.autograd.grad(total, [*layer.parameters(), *inputs])
    return dict(zip([*names, *range(len(inputs))], found, strict=True))


@given(SIZES, st.integers(0, 1000), st.booleans())
def test_equal_to_torch_in_values_and_gradients(sizes, seed, with_state):
    B, T, D, H = sizes
    ours, theirs = pair(D, H, seed)
    x = numbers(seed, B, T, D).requires_grad_()
    state = numbers(seed + 1, B, H).requires_grad_() if with_state else None
    inputs = [x] if state is None else [x, state]

    outputs, last = ours(x, state)
    their_outputs, their_last = theirs(x, None if state is None else state[None])
    torch.testing.assert_close(outputs, their_outputs)
    torch.testing.assert_close(last, their_last[0])
    torch.testing.assert_close(
        gradients(ours, inputs, [outputs, last], seed), gradients(theirs, inputs, [their_outputs, their_last[0]], seed)
    )


@given(SIZES, st.integers(0, 1000))
def test_equal_to_torch_on_packed_sequences(sizes, seed):
    B, T, D, H = sizes
    ours, theirs = pair(D, H, seed)
    x, lengths = numbers(seed, B, T, D).requires_grad_(), lengths_for(B, T, seed)

    outputs, last = ours(x, lengths=lengths)
    packed, their_last = theirs(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
    their_outputs, _ = pad_packed_sequence(packed, batch_first=True, total_length=T)
    torch.testing.assert_close(outputs, their_outputs)
    torch.testing.assert_close(last, their_last[0])
    torch.testing.assert_close(
        gradients(ours, [x], [outputs, last], seed), gradients(theirs, [x], [their_outputs, their_last[0]], seed)
    )


@given(SIZES, st.integers(0, 1000))
def test_a_layer_is_its_step_taken_again_and_again(sizes, seed):
    B, T, D, H = sizes
    layer, x, h = RNN(D, H).double(), numbers(seed, B, T, D), numbers(seed + 1, B, H)
    outputs, last = layer(x, h)
    bias = layer.bias_ih_l0 + layer.bias_hh_l0
    for t in range(T):
        h = rnn_step(x[:, t], h, layer.weight_ih_l0, layer.weight_hh_l0, bias)
        torch.testing.assert_close(outputs[:, t], h)
    torch.testing.assert_close(last, h)


def test_a_step_that_a_pencil_can_follow():
    # tanh(1.0 * 0.5 + 2.0 * -0.25 + 0.5) = tanh(0.5)
    new = rnn_step(*(torch.tensor(value) for value in ([[-0.25]], [[0.5]], [[2.0]], [[1.0]], [0.5])))
    torch.testing.assert_close(new, torch.tensor([[0.5]]).tanh())


@given(SIZES, st.integers(0, 1000), st.integers(1, 4))
def test_padding_changes_nothing(sizes, seed, more):
    B, T, D, H = sizes
    layer, x, lengths = RNN(D, H).double(), numbers(seed, B, T, D), lengths_for(B, T, seed)
    padding = torch.arange(T) >= lengths[:, None]
    outputs, last = layer(x, lengths=lengths)

    noisy = torch.where(padding[..., None], 1e3 * numbers(seed + 1, B, T, D), x)
    longer = torch.cat([noisy, numbers(seed + 2, B, more, D)], 1)
    padded_outputs, padded_last = layer(longer, lengths=lengths)
    assert (padded_outputs[:, T:] == 0).all()
    torch.testing.assert_close(padded_outputs[:, :T], outputs)
    torch.testing.assert_close(padded_last, last)


@given(SIZES, st.integers(0, 1000))
def test_each_sequence_is_read_alone(sizes, seed):
    B, T, D, H = sizes
    layer, x, lengths = RNN(D, H).double(), numbers(seed, B, T, D), lengths_for(B, T, seed)
    outputs, last = layer(x, lengths=lengths)
    order = torch.randperm(B, generator=torch.Generator().manual_seed(seed))
    moved_outputs, moved_last = layer(x[order], lengths=lengths[order])
    torch.testing.assert_close(moved_outputs, outputs[order])
    torch.testing.assert_close(moved_last, last[order])
    for b in range(B):
        alone, alone_last = layer(x[b : b + 1, : int(lengths[b])])
        torch.testing.assert_close(outputs[b, : int(lengths[b])], alone[0])
        torch.testing.assert_close(last[b], alone_last[0])


@settings(max_examples=20)
@given(SIZES, st.integers(0, 1000))
def test_a_sequence_may_be_read_in_two_parts(sizes, seed):
    B, T, D, H = sizes
    layer, x = RNN(D, H).double(), numbers(seed, B, T + 1, D)
    whole, _ = layer(x)
    _, between = layer(x[:, :T])
    end, _ = layer(x[:, T:], between)
    torch.testing.assert_close(whole[:, T:], end)


def test_gradcheck():
    layer = RNN(2, 3).double()
    x, state = numbers(0, 2, 4, 2).requires_grad_(), numbers(1, 2, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda *given: layer(*given), (x, state))
    assert torch.autograd.gradcheck(lambda x: layer(x, lengths=torch.tensor([4, 2])), (x,))
    weights = tuple(
        numbers(k, *shape).requires_grad_() for k, shape in enumerate([(2, 2), (2, 3), (3, 2), (3, 3), (3,)])
    )
    assert torch.autograd.gradcheck(rnn_step, weights)


def test_first_weights_are_torchs():
    torch.manual_seed(3)
    ours = RNN(4, 6)
    torch.manual_seed(3)
    theirs = nn.RNN(4, 6, batch_first=True)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=0, atol=0)


def test_overfits_four_examples():
    torch.manual_seed(0)
    layer, read = RNN(3, 16), nn.Linear(16, 1)
    x, y = torch.randn(4, 6, 3), torch.tensor([0.0, 1.0, 1.0, 0.0])
    optimizer = torch.optim.Adam([*layer.parameters(), *read.parameters()], lr=0.02)
    for _ in range(100):
        loss = nn.functional.binary_cross_entropy_with_logits(read(layer(x)[1])[:, 0], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.02


def test_empty_batch():
    outputs, last = RNN(2, 3)(torch.zeros(0, 4, 2), lengths=torch.zeros(0, dtype=torch.long))
    assert (outputs.shape, last.shape) == ((0, 4, 3), (0, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(4, 2),), r"\(4, 2\).*\(B, T, 2\), batch first"),
        ((torch.zeros(1, 4, 3),), r"\(1, 4, 3\).*\(B, T, 2\)"),
        ((torch.zeros(1, 0, 2),), "T at least 1"),
        ((torch.zeros(2, 4, 2), torch.zeros(1, 2, 3)), r"state has shape \(1, 2, 3\).*\(2, 3\)"),
        ((torch.zeros(2, 4, 2), None, torch.tensor([4])), "give 2 whole numbers"),
        ((torch.zeros(2, 4, 2), None, torch.tensor([4.0, 1.0])), "float32.*whole numbers"),
        ((torch.zeros(2, 4, 2), None, torch.tensor([5, 1])), "from 1 to 5.*1 to 4"),
        ((torch.zeros(2, 4, 2), None, torch.tensor([4, 0])), "from 0 to 4.*1 to 4"),
    ],
)
def test_the_layer_refuses_what_it_cannot_read(arguments, message):
    with pytest.raises(ValueError, match=message):
        RNN(2, 3)(*arguments)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("x", (2,), "one row a sequence"),
        ("h", (3, 4), r"h has shape \(3, 4\).*\(2, 4\)"),
        ("W_ax", (3, 4), r"W_ax has shape \(3, 4\).*\(4, 3\)"),
        ("W_aa", (4, 3), r"W_aa .*\(4, 4\)"),
        ("b_a", (3,), r"b_a .*\(4,\)"),
    ],
)
def test_a_step_says_which_shape_is_wrong(name, shape, message):
    right = {"x": (2, 3), "h": (2, 4), "W_ax": (4, 3), "W_aa": (4, 4), "b_a": (4,)}
    with pytest.raises(ValueError, match=message):
        rnn_step(**{key: torch.zeros(size) for key, size in (right | {name: shape}).items()})


@pytest.mark.parametrize("sizes", [(0, 3), (3, 0), (2, -1)])
def test_sizes_are_at_least_one(sizes):
    with pytest.raises(ValueError, match="at least 1"):
        RNN(*sizes)
