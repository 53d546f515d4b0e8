"""The recurrent cells and layers against torch's own, in values and gradients, and what padding must never change."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from course_utils.algorithms.recurrent import (
    GRU,
    LSTM,
    RNN,
    backward_through_time,
    chrono_init,
    gru_step,
    lstm_step,
    rnn_step,
)

from .devices import devices

LAYERS = {"RNN": (RNN, nn.RNN), "LSTM": (LSTM, nn.LSTM), "GRU": (GRU, nn.GRU)}
KINDS = list(LAYERS)
SIZES = st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 6), st.integers(1, 7))  # B, T, D, H
SEEDS = st.integers(0, 1000)

few = settings(max_examples=15, deadline=None)
each_kind = pytest.mark.parametrize("kind", KINDS)


def numbers(seed, *shape, device="cpu", dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype).to(device)


def pair(kind, D, H, seed=0, device="cpu"):
    """Return our layer and torch's, with the same weights, in float64."""
    torch.manual_seed(seed)
    ours, theirs = LAYERS[kind][0](D, H).double(), LAYERS[kind][1](D, H, batch_first=True).double()
    ours.load_state_dict(theirs.state_dict())
    return ours.to(device), theirs.to(device)


def parts(state):
    """Return a state's tensors, (h,) or (h, c), without torch's first axis of layers."""
    state = state if isinstance(state, tuple) else (state,)
    return tuple(part[0] if part.dim() == 3 else part for part in state)


def join(kind, tensors, torchs=False):
    """Return the state that a layer takes, ours or torch's."""
    tensors = tuple(tensor[None] for tensor in tensors) if torchs else tuple(tensors)
    return tensors if kind == "LSTM" else tensors[0]


def state_for(kind, B, H, seed, device="cpu"):
    return [numbers(seed + k, B, H, device=device).requires_grad_() for k in range(2 if kind == "LSTM" else 1)]


def lengths_for(B, T, seed):
    return torch.randint(1, T + 1, (B,), generator=torch.Generator().manual_seed(seed))


def gradients(layer, inputs, results, seed):
    """Return the gradients of a random weighted sum of the results, by parameter and for the inputs."""
    weights = [numbers(seed + k, *result.shape).to(result) for k, result in enumerate(results)]
    total = sum((result * weight).sum() for result, weight in zip(results, weights, strict=True))
    names = [name for name, _ in layer.named_parameters()]
    found = torch.autograd.grad(total, [*layer.parameters(), *inputs])
    return dict(zip([*names, *range(len(inputs))], found, strict=True))


@pytest.mark.parametrize("device", devices())
@each_kind
@few
@given(SIZES, SEEDS, st.booleans())
def test_equal_to_torch_in_values_and_gradients(kind, device, sizes, seed, with_state):
    B, T, D, H = sizes
    ours, theirs = pair(kind, D, H, seed, device)
    x = numbers(seed, B, T, D, device=device).requires_grad_()
    first = state_for(kind, B, H, seed + 1, device) if with_state else []

    outputs, last = ours(x, join(kind, first) if first else None)
    their_outputs, their_last = theirs(x, join(kind, first, torchs=True) if first else None)
    results, their_results = (outputs, *parts(last)), (their_outputs, *parts(their_last))
    torch.testing.assert_close(results, their_results)
    torch.testing.assert_close(
        gradients(ours, [x, *first], results, seed), gradients(theirs, [x, *first], their_results, seed)
    )


@each_kind
@few
@given(SIZES, SEEDS)
def test_equal_to_torch_on_packed_sequences(kind, sizes, seed):
    B, T, D, H = sizes
    ours, theirs = pair(kind, D, H, seed)
    x, lengths = numbers(seed, B, T, D).requires_grad_(), lengths_for(B, T, seed)

    outputs, last = ours(x, lengths=lengths)
    packed, their_last = theirs(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
    their_outputs, _ = pad_packed_sequence(packed, batch_first=True, total_length=T)
    results, their_results = (outputs, *parts(last)), (their_outputs, *parts(their_last))
    torch.testing.assert_close(results, their_results)
    torch.testing.assert_close(gradients(ours, [x], results, seed), gradients(theirs, [x], their_results, seed))


def take_step(kind, layer, x, state):
    """Return the state after one step, by the pure functions."""
    weights = [layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0]
    if kind == "RNN":
        return (rnn_step(x, *state, *weights[:2], weights[2] + weights[3]),)
    return lstm_step(x, state, *weights) if kind == "LSTM" else (gru_step(x, *state, *weights),)


@each_kind
@few
@given(SIZES, SEEDS)
def test_a_layer_is_its_step_taken_again_and_again(kind, sizes, seed):
    B, T, D, H = sizes
    layer, x, state = LAYERS[kind][0](D, H).double(), numbers(seed, B, T, D), state_for(kind, B, H, seed + 1)
    outputs, last = layer(x, join(kind, state))
    for t in range(T):
        state = take_step(kind, layer, x[:, t], state)
        torch.testing.assert_close(outputs[:, t], state[0])
    torch.testing.assert_close(parts(last), tuple(state))


def test_a_plain_step_that_a_pencil_can_follow():
    # tanh(1.0 * 0.5 + 2.0 * -0.25 + 0.5) = tanh(0.5)
    new = rnn_step(*(torch.tensor(value) for value in ([[-0.25]], [[0.5]], [[2.0]], [[1.0]], [0.5])))
    torch.testing.assert_close(new, torch.tensor([[0.5]]).tanh())


OPEN, SHUT = 40.0, -40.0


def gated(biases):
    """Return weights for one unit and one input: only the candidate, a gate's or the cell's, sees the input."""
    rows = len(biases)
    W = torch.zeros(rows, 1, dtype=torch.float64)
    W[2] = 1.0  # g of i, f, g, o and n of r, z, n
    return W, torch.zeros(rows, 1).double(), torch.tensor(biases).double(), torch.zeros(rows).double()


@pytest.mark.parametrize(
    ("i", "f", "cell"), [(SHUT, OPEN, 0.5), (OPEN, SHUT, 0.3), (OPEN, OPEN, 0.8), (SHUT, SHUT, 0.0)]
)
def test_an_lstm_keeps_overwrites_adds_and_forgets(i, f, cell):
    x, old = torch.tensor([[0.3]]).double().atanh(), torch.tensor([[0.5]]).double()
    h, c = lstm_step(x, (old, old), *gated([i, f, 0.0, OPEN]))
    torch.testing.assert_close(c, torch.full_like(c, cell))
    torch.testing.assert_close(h, c.tanh())
    shut, _ = lstm_step(x, (old, old), *gated([i, f, 0.0, SHUT]))
    assert shut.abs() < 1e-9


@pytest.mark.parametrize(("z", "state"), [(OPEN, 0.5), (SHUT, 0.3), (0.0, 0.4)])
def test_a_gru_keeps_or_overwrites(z, state):
    x, old = torch.tensor([[0.3]]).double().atanh(), torch.tensor([[0.5]]).double()
    new = gru_step(x, old, *gated([0.0, z, 0.0]))
    torch.testing.assert_close(new, torch.full_like(new, state))


def test_where_the_reset_gate_acts():
    """After the product, as in torch: r * (U h + b'), not U (r * h) + b'."""
    h, b = numbers(0, 1, 2), numbers(1, 6)
    W, U = torch.zeros(6, 1).double(), numbers(2, 6, 2)
    U[2:4], b[2:4] = 0.0, SHUT  # z = 0: the new state is the candidate
    r = (U[:2] @ h[0] + b[:2]).sigmoid()
    after = (r * (U[4:] @ h[0] + b[4:])).tanh()
    before = (U[4:] @ (r * h[0]) + b[4:]).tanh()
    found = gru_step(torch.zeros(1, 1).double(), h, W, U, torch.zeros(6).double(), b)[0]
    torch.testing.assert_close(found, after)
    assert (found - before).abs().max() > 1e-3


@each_kind
@few
@given(SIZES, SEEDS, st.integers(1, 4))
def test_padding_changes_nothing(kind, sizes, seed, more):
    B, T, D, H = sizes
    layer, x, lengths = LAYERS[kind][0](D, H).double(), numbers(seed, B, T, D), lengths_for(B, T, seed)
    padding = torch.arange(T) >= lengths[:, None]
    outputs, last = layer(x, lengths=lengths)
    gradients = torch.autograd.grad(outputs.square().sum(), list(layer.parameters()))

    noisy = torch.where(padding[..., None], torch.nan, x)
    longer = torch.cat([noisy, numbers(seed + 2, B, more, D)], 1)
    padded_outputs, padded_last = layer(longer, lengths=lengths)
    assert (padded_outputs[:, T:] == 0).all()
    torch.testing.assert_close(padded_outputs[:, :T], outputs)
    torch.testing.assert_close(padded_last, last)
    torch.testing.assert_close(torch.autograd.grad(padded_outputs.square().sum(), list(layer.parameters())), gradients)


@each_kind
@few
@given(SIZES, SEEDS)
def test_each_sequence_is_read_alone(kind, sizes, seed):
    B, T, D, H = sizes
    layer, x, lengths = LAYERS[kind][0](D, H).double(), numbers(seed, B, T, D), lengths_for(B, T, seed)
    outputs, last = layer(x, lengths=lengths)
    order = torch.randperm(B, generator=torch.Generator().manual_seed(seed))
    moved_outputs, moved_last = layer(x[order], lengths=lengths[order])
    torch.testing.assert_close(moved_outputs, outputs[order])
    torch.testing.assert_close(parts(moved_last), tuple(part[order] for part in parts(last)))
    for b in range(B):
        alone, alone_last = layer(x[b : b + 1, : int(lengths[b])])
        torch.testing.assert_close(outputs[b, : int(lengths[b])], alone[0])
        torch.testing.assert_close([part[b] for part in parts(last)], [part[0] for part in parts(alone_last)])


@each_kind
@few
@given(SIZES, SEEDS)
def test_a_sequence_may_be_read_in_two_parts(kind, sizes, seed):
    B, T, D, H = sizes
    layer, x = LAYERS[kind][0](D, H).double(), numbers(seed, B, T + 1, D)
    whole, last = layer(x)
    _, between = layer(x[:, :T])
    end, end_last = layer(x[:, T:], between)
    torch.testing.assert_close(whole[:, T:], end)
    torch.testing.assert_close(last, end_last)


@each_kind
def test_gradcheck(kind):
    layer, x = LAYERS[kind][0](2, 3).double(), numbers(0, 2, 4, 2).requires_grad_()
    first = state_for(kind, 2, 3, 1)

    def run(x, *first, lengths=None):
        outputs, last = layer(x, join(kind, first) if first else None, lengths)
        return outputs, *parts(last)

    assert torch.autograd.gradcheck(run, (x, *first))
    assert torch.autograd.gradcheck(lambda x: run(x, lengths=torch.tensor([4, 2])), (x,))


@pytest.mark.parametrize(("step", "rows"), [(rnn_step, 1), (lstm_step, 4), (gru_step, 3)])
def test_gradcheck_of_a_step(step, rows):
    shapes = [(2, 2), (2, 3), (3 * rows, 2), (3 * rows, 3), *([(3 * rows,)] * min(rows, 2))]
    x, h, *weights = (numbers(k, *shape).requires_grad_() for k, shape in enumerate(shapes))
    assert torch.autograd.gradcheck(
        lambda x, h, *weights: step(x, (h, 2 * h) if step is lstm_step else h, *weights), (x, h, *weights)
    )


@each_kind
def test_single_precision_holds_over_a_thousand_steps(kind):
    """Forwards within 1e-5 and gradients within 1e-4 of double precision, relative to the largest."""
    ours, _ = pair(kind, 4, 8)
    x, weight = numbers(0, 2, 1000, 4), numbers(1, 2, 1000, 8)

    def measure(dtype):
        layer, inputs = ours.to(dtype), x.to(dtype).requires_grad_()
        outputs, _ = layer(inputs)
        found = torch.autograd.grad((outputs * weight.to(dtype)).sum(), [inputs, *layer.parameters()])
        return outputs.double(), [gradient.double() for gradient in found]

    (outputs, found), (exact_outputs, exact) = measure(torch.float32), measure(torch.float64)
    assert (outputs - exact_outputs).abs().max() < 1e-5
    for gradient, true in zip(found, exact, strict=True):
        assert (gradient - true).abs().max() < 1e-4 * true.abs().max()


@each_kind
def test_first_weights_are_torchs(kind):
    ours, theirs = LAYERS[kind]
    torch.manual_seed(3)
    layer = ours(4, 6)
    torch.manual_seed(3)
    peer = theirs(4, 6, batch_first=True)
    torch.testing.assert_close(layer.state_dict(), peer.state_dict(), rtol=0, atol=0)
    peer.load_state_dict(layer.state_dict())


@each_kind
def test_overfits_four_examples(kind):
    torch.manual_seed(0)
    layer, read = LAYERS[kind][0](3, 16), nn.Linear(16, 1)
    x, y = torch.randn(4, 6, 3), torch.tensor([0.0, 1.0, 1.0, 0.0])
    optimizer = torch.optim.Adam([*layer.parameters(), *read.parameters()], lr=0.02)
    for _ in range(100):
        loss = nn.functional.binary_cross_entropy_with_logits(read(layer(x)[0][:, -1])[:, 0], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.02


@each_kind
def test_empty_batch(kind):
    outputs, last = LAYERS[kind][0](2, 3)(torch.zeros(0, 4, 2), lengths=torch.zeros(0, dtype=torch.long))
    assert outputs.shape == (0, 4, 3)
    assert all(part.shape == (0, 3) for part in parts(last))


@pytest.mark.parametrize(("kind", "letters"), [("LSTM", "ifo"), ("GRU", "rz"), ("RNN", "")])
def test_gates_are_what_each_step_computes(kind, letters):
    layer, x = LAYERS[kind][0](2, 3).double(), numbers(0, 2, 5, 2)
    first = state_for(kind, 2, 3, 7)
    gates, (outputs, _) = layer.gates(x, join(kind, first)), layer(x, join(kind, first))
    assert "".join(gates) == letters
    before = torch.cat([first[0][:, None], outputs[:, :-1]], 1)
    for letter in letters:
        k = 3 * layer.blocks.index(letter)
        own = [weight[k : k + 3] for weight in layer.parameters()]
        expected = torch.sigmoid(x @ own[0].T + before @ own[1].T + own[2] + own[3])
        torch.testing.assert_close(gates[letter], expected)


def test_a_bias_goes_to_its_gate_alone():
    layer = LSTM(2, 3)
    before = layer.bias_ih_l0.detach().clone()
    layer.set_bias("f", torch.tensor([1.0, 2.0, 3.0]))
    assert layer.bias_ih_l0[3:6].tolist() == [1.0, 2.0, 3.0]
    assert layer.bias_hh_l0[3:6].tolist() == [0.0] * 3
    assert torch.equal(layer.bias_ih_l0[[0, 1, 2, *range(6, 12)]], before[[0, 1, 2, *range(6, 12)]])
    gru = GRU(2, 3)
    gru.set_bias("z", 40.0)
    state = torch.rand(1, 3)
    torch.testing.assert_close(gru(torch.randn(1, 9, 2), state)[1], state)  # z = 1 keeps


def test_chrono_gates_forget_within_delays_up_to_the_longest():
    layer = LSTM(1, 4000)
    chrono_init(layer, 101, torch.Generator().manual_seed(0))
    delays = layer.bias_ih_l0[4000:8000].detach().exp()
    assert 1 <= delays.min() < 1.2
    assert 99.8 < delays.max() <= 100
    assert float(delays.mean()) == pytest.approx(50.5, abs=1)
    torch.testing.assert_close(layer.bias_ih_l0[:4000], -layer.bias_ih_l0[4000:8000])
    again, gru = LSTM(1, 4000), GRU(1, 4000)
    chrono_init(again, 101, torch.Generator().manual_seed(0))
    chrono_init(gru, 101, torch.Generator().manual_seed(0))
    torch.testing.assert_close(again.bias_ih_l0[4000:8000], layer.bias_ih_l0[4000:8000])
    torch.testing.assert_close(gru.bias_ih_l0[4000:8000], layer.bias_ih_l0[4000:8000])


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
@each_kind
def test_a_layer_refuses_what_it_cannot_read(kind, arguments, message):
    x, *rest = arguments
    if kind == "LSTM" and rest and rest[0] is not None:
        rest[0] = (torch.zeros(2, 3), rest[0])
    with pytest.raises(ValueError, match=message):
        LAYERS[kind][0](2, 3)(x, *rest)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: LSTM(2, 3)(torch.zeros(2, 4, 2), torch.zeros(2, 3)), r"pair \(h, c\).*got Tensor"),
        (lambda: RNN(2, 3)(torch.zeros(2, 4, 2), (torch.zeros(2, 3),)), "one tensor.*got tuple"),
        (lambda: LSTM(2, 3).set_bias("z", 1.0), "'z'; this LSTM has i, f, g, o"),
        (lambda: GRU(2, 3).set_bias("rz", 1.0), "'rz'; this GRU has r, z, n"),
        (lambda: GRU(2, 3).set_bias("z", torch.zeros(2)), r"shape \(2,\).*a number or \(3,\)"),
        (
            lambda: chrono_init(RNN(2, 3), 10),  # ty: ignore[invalid-argument-type]
            "RNN has no gate that keeps",
        ),
        (lambda: chrono_init(LSTM(2, 3), 1), "1 steps; it must be at least 2"),
        (lambda: RNN(0, 3), "must both be at least 1"),
        (lambda: LSTM(3, 0), "must both be at least 1"),
        (lambda: GRU(2, -1), "must both be at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_rule(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


RIGHT = {
    "RNN": {"x": (2, 3), "h": (2, 4), "W_ax": (4, 3), "W_aa": (4, 4), "b_a": (4,)},
    "LSTM": {"x": (2, 3), "h": (2, 4), "c": (2, 4), "W_ih": (16, 3), "W_hh": (16, 4), "b_ih": (16,), "b_hh": (16,)},
    "GRU": {"x": (2, 3), "h": (2, 4), "W_ih": (12, 3), "W_hh": (12, 4), "b_ih": (12,), "b_hh": (12,)},
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in RIGHT[kind] if name != "x"])
def test_a_step_says_which_shape_is_wrong(kind, name):
    shapes = RIGHT[kind] | {name: (5, 5)}
    steps = {"RNN": rnn_step, "LSTM": lambda x, h, c, *weights: lstm_step(x, (h, c), *weights), "GRU": gru_step}
    x, *others = (torch.zeros(size) for size in shapes.values())
    message = "h has shape" if name == "h" else rf"{name} has shape \(5, 5\).*it must be"
    with pytest.raises(ValueError, match=message):
        steps[kind](x, *others)
    with pytest.raises(ValueError, match="one row a sequence"):
        steps[kind](torch.zeros(3), *others)


@few
@given(SIZES, SEEDS)
def test_backward_by_hand_is_autograds(sizes, seed):
    B, T, D, H = sizes
    layer, x = RNN(D, H).double(), numbers(seed, B, T, D).requires_grad_()
    first, weight = numbers(seed + 1, B, H).requires_grad_(), numbers(seed + 2, B, T, H)
    outputs, _ = layer(x, first)
    W_ax, W_aa, b_a = layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0
    expected = torch.autograd.grad((outputs * weight).sum(), [x, first, W_ax, W_aa, b_a])

    states = torch.cat([first[:, None], outputs], 1)
    found = backward_through_time(*(tensor.detach() for tensor in (x, states, weight, W_ax, W_aa)))
    torch.testing.assert_close(tuple(found), expected)


def test_backward_by_hand_skips_padding():
    layer, x, lengths = RNN(2, 3).double(), numbers(0, 2, 5, 2).requires_grad_(), torch.tensor([5, 2])
    outputs, last = layer(x, lengths=lengths)
    (expected,) = torch.autograd.grad(last.sum(), x)
    arriving = torch.zeros(2, 5, 3).double()
    arriving[torch.arange(2), lengths - 1] = 1.0
    states = torch.cat([torch.zeros(2, 1, 3).double(), outputs.detach()], 1)
    found = backward_through_time(
        x.detach(), states, arriving, layer.weight_ih_l0.detach(), layer.weight_hh_l0.detach()
    )
    torch.testing.assert_close(found.x, expected)
    assert (found.x[1, 2:] == 0).all()


def test_backward_by_hand_is_what_a_small_push_does():
    """Finite differences: push every number a little, both ways, and see what the loss does."""
    weights = [numbers(k, *shape) for k, shape in enumerate([(2, 4, 2), (2, 3), (3, 2), (3, 3), (3,)])]
    arriving, step = numbers(9, 2, 4, 3), 1e-6

    def states(x, first, W_ax, W_aa, b_a):
        found = [first]
        for t in range(4):
            found.append(rnn_step(x[:, t], found[-1], W_ax, W_aa, b_a))
        return torch.stack(found, 1)

    def loss():
        return float((states(*weights)[:, 1:] * arriving).sum())

    gradients = backward_through_time(weights[0], states(*weights), arriving, weights[2], weights[3])
    for tensor, gradient in zip(weights, gradients, strict=True):
        numbers_of_it, expected = tensor.view(-1), []
        for k in range(len(numbers_of_it)):
            numbers_of_it[k] += step
            up = loss()
            numbers_of_it[k] -= 2 * step
            expected.append((up - loss()) / (2 * step))
            numbers_of_it[k] += step
        torch.testing.assert_close(gradient.reshape(-1), torch.tensor(expected).double(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("x", (2, 3), r"\(B, T, D\)"),
        ("x", (2, 0, 2), "T at least 1"),
        ("states", (2, 4, 3), r"states .*\(2, 4, 3\).*\(2, 5, 3\)"),
        ("grad_outputs", (2, 5, 3), r"grad_outputs .*\(2, 4, 3\)"),
        ("W_ax", (2, 3), r"W_ax .*\(3, 2\)"),
        ("W_aa", (2, 2), r"W_aa .*\(3, 3\)"),
    ],
)
def test_the_way_back_says_which_shape_is_wrong(name, shape, message):
    right = {"x": (2, 4, 2), "states": (2, 5, 3), "grad_outputs": (2, 4, 3), "W_ax": (3, 2), "W_aa": (3, 3)}
    with pytest.raises(ValueError, match=message):
        backward_through_time(**{key: torch.zeros(size) for key, size in (right | {name: shape}).items()})
