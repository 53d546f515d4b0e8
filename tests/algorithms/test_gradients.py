"""Gradients through time against matrix powers, autograd and finite differences; clipping against torch's utilities."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from course_utils.algorithms.gradients import (
    clip_adaptively,
    clip_by_norm,
    clip_by_value,
    clip_each_by_norm,
    gradient_norm_by_lag,
    influence,
    jacobian_products,
    scale_to_spectral_radius,
    spectral_radius,
    step_jacobians,
)
from course_utils.algorithms.recurrent import GRU, LSTM, RNN

from .devices import devices

SIZES = st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 4), st.integers(1, 5))  # B, T, D, H
SEEDS = st.integers(0, 1000)
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "linear": lambda z: z}


def numbers(seed, *shape, device="cpu"):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(device)


def run(x, W_ax, W_aa, nonlinearity="tanh", h=None):
    """Return the states (B, T, H) of a plain network as a list, each in the graph of the next."""
    h = x.new_zeros(len(x), len(W_aa)) if h is None else h
    states = []
    for t in range(x.shape[1]):
        h = ACTIVATIONS[nonlinearity](h @ W_aa.T + x[:, t] @ W_ax.T)
        states.append(h)
    return states


# --- Jacobians


@given(SIZES, SEEDS, st.sampled_from([*ACTIVATIONS]))
def test_products_equal_autograds_jacobian_of_the_last_state(sizes, seed, nonlinearity):
    B, T, D, H = sizes
    x, W_ax, W_aa = numbers(seed, B, T, D).requires_grad_(), numbers(seed + 1, H, D), numbers(seed + 2, H, H)
    states = run(x, W_ax, W_aa, nonlinearity)
    products = jacobian_products(torch.stack(states, 1), W_aa, nonlinearity)
    assert products.shape == (B, T, H, H)
    for i in range(H):
        rows = torch.autograd.grad(states[-1][:, i].sum(), states, retain_graph=True)
        torch.testing.assert_close(products[:, :, i], torch.stack(rows[::-1], 1))


def test_a_product_that_a_pencil_can_follow():
    # One unit: a<1> = 0.6, a<2> = 0.8, slopes 0.64 and 0.36, weight 2: ∂a<2>/∂a<1> = 0.36 · 2.
    states, W_aa = torch.tensor([[[0.6], [0.8]]]), torch.tensor([[2.0]])
    torch.testing.assert_close(step_jacobians(states, W_aa).flatten(), torch.tensor([1.28, 0.72]))
    torch.testing.assert_close(jacobian_products(states, W_aa).flatten(), torch.tensor([1.0, 0.72]))


@given(st.integers(1, 5), st.integers(1, 12), SEEDS)
def test_in_a_linear_network_the_products_are_matrix_powers(H, T, seed):
    states, W_aa = numbers(seed, 2, T, H), numbers(seed + 1, H, H) / 2
    products = jacobian_products(states, W_aa, "linear")
    for k in range(T):
        torch.testing.assert_close(products[:, k], torch.linalg.matrix_power(W_aa, k).expand(2, H, H))


def test_products_equal_finite_differences():
    x, W_ax, W_aa = numbers(0, 1, 6, 2), numbers(1, 3, 2), numbers(2, 3, 3)
    states = run(x, W_ax, W_aa)
    products, step = jacobian_products(torch.stack(states, 1), W_aa), 1e-6
    for k in range(6):
        start, rest = states[5 - k], x[:, 6 - k :]
        for j in range(3):
            ends = []
            for sign in (1, -1):
                moved = start.clone()
                moved[0, j] += sign * step
                ends.append([moved, *run(rest, W_ax, W_aa, h=moved)][-1])
            torch.testing.assert_close(products[:, k, :, j], (ends[0] - ends[1]) / (2 * step), rtol=1e-6, atol=1e-8)


@given(SIZES, SEEDS)
def test_each_sequence_has_its_own_products(sizes, seed):
    B, T, _, H = sizes
    states, W_aa = numbers(seed, B, T, H).tanh(), numbers(seed + 1, H, H)
    order = torch.randperm(B, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(jacobian_products(states[order], W_aa), jacobian_products(states, W_aa)[order])


def test_products_are_differentiable():
    states, W_aa = numbers(0, 2, 4, 3).tanh().requires_grad_(), numbers(1, 3, 3).requires_grad_()
    assert torch.autograd.gradcheck(jacobian_products, (states, W_aa))


def test_a_thousand_steps_in_single_precision():
    W_aa = nn.init.orthogonal_(torch.empty(8, 8), generator=torch.Generator().manual_seed(0))
    single = jacobian_products(torch.zeros(1, 1000, 8), W_aa)  # slope 1 everywhere: powers of an orthogonal matrix
    double = jacobian_products(torch.zeros(1, 1000, 8, dtype=torch.float64), W_aa.double())
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-4)


# --- spectral radius


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=6), SEEDS)
def test_spectral_radius_of_planted_eigenvalues(eigenvalues, seed):
    H = len(eigenvalues)
    basis = torch.linalg.qr(numbers(seed, H, H))[0]  # orthogonal, so that the eigenvalues are well conditioned
    planted = basis @ torch.tensor(eigenvalues, dtype=torch.float64).diag() @ basis.T
    expected = torch.tensor(max(abs(value) for value in eigenvalues), dtype=torch.float64)
    torch.testing.assert_close(spectral_radius(planted), expected, rtol=1e-9, atol=1e-9)


def test_spectral_radius_of_complex_pairs_and_of_batches():
    angle = torch.tensor(0.7, dtype=torch.float64)
    rotation = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    torch.testing.assert_close(
        spectral_radius(torch.stack([rotation, 3 * rotation])), torch.tensor([1.0, 3.0], dtype=torch.float64)
    )


@given(st.integers(1, 8), st.floats(0, 4), SEEDS)
def test_scaling_gives_the_radius_and_keeps_the_direction(H, radius, seed):
    matrix = numbers(seed, H, H)
    before = matrix.clone()
    scaled = scale_to_spectral_radius(matrix, radius)
    torch.testing.assert_close(spectral_radius(scaled), torch.tensor(radius, dtype=torch.float64))
    torch.testing.assert_close(scaled * spectral_radius(matrix), matrix * radius)
    torch.testing.assert_close(matrix, before, rtol=0, atol=0)


def test_powers_grow_as_the_spectral_radius_says():
    W = scale_to_spectral_radius(numbers(3, 6, 6), 0.9)
    norms = torch.linalg.matrix_norm(jacobian_products(torch.zeros(1, 401, 6, dtype=torch.float64), W, "linear")[0], 2)
    assert float((norms[400] / norms[200]) ** (1 / 200)) == pytest.approx(0.9, abs=2e-3)


# --- influence and gradient by lag


@given(SIZES, SEEDS)
def test_influence_equals_autograds_jacobian(sizes, seed):
    B, T, D, H = sizes
    layer, x = RNN(D, H).double(), numbers(seed, B, T, D)
    found = influence(lambda x: layer(x)[1], x)
    for b in range(B):
        jacobian = torch.autograd.functional.jacobian(lambda x: layer(x)[1][0], x[b : b + 1])  # (H, 1, T, D)
        torch.testing.assert_close(found[b], jacobian[:, 0].square().sum((0, 2)).sqrt())
    assert not x.requires_grad
    assert all(parameter.grad is None for parameter in layer.parameters())


def test_influence_is_zero_where_there_is_none():
    x = torch.ones(2, 4, 3)
    expected = torch.tensor([[0.0, 2.0, 0.0, 0.0]] * 2)
    with torch.no_grad():  # a function in which gradients are off does not switch ours off
        torch.testing.assert_close(influence(lambda x: 2 * x[:, 1, 0], x), expected)
    weight = nn.Parameter(torch.ones(2))
    assert (influence(lambda x: weight, x) == 0).all()  # it has a gradient, and none of it is the input's


@pytest.mark.parametrize(("dtype", "far"), [(torch.float32, 22), (torch.float64, 161)])
def test_a_norm_whose_square_is_zero_comes_back_as_zero(dtype, far):
    layer, x = RNN(3, 2).to(dtype), torch.ones(2, 4, 3, dtype=dtype)
    kept, lost = (gradient_norm_by_lag(layer, x, lambda h, k=k: 0.1**k * h.sum(-1)) for k in (far - 2, far + 2))
    assert (kept[:, 0] > 0).all()
    assert (lost == 0).all()


@settings(max_examples=30)
@given(SIZES, SEEDS, st.sampled_from([nn.RNN, nn.GRU, nn.LSTM]))
def test_gradient_by_lag_equals_the_definition_for_torchs_layers(sizes, seed, kind):
    B, T, D, H = sizes
    layer, x = kind(D, H, num_layers=2, batch_first=True).double(), numbers(seed, B, T, D)
    weights = numbers(seed + 1, H)
    found = gradient_norm_by_lag(layer, x, lambda output: output @ weights)
    for k in range(T):
        _, state = layer(x[:, : T - k])
        parts = [part.detach().requires_grad_() for part in (state if isinstance(state, tuple) else (state,))]
        rest = tuple(parts) if len(parts) == 2 else parts[0]
        output = layer(x[:, T - k :], rest)[0][:, -1] if k else parts[0][-1]
        gradients = torch.autograd.grad((output @ weights).sum(), parts, materialize_grads=True, allow_unused=True)
        squares = torch.stack([gradient.square().sum((0, 2)) for gradient in gradients])
        torch.testing.assert_close(found[:, k], squares.sum(0).sqrt())


@settings(max_examples=20)
@given(SIZES, SEEDS, st.sampled_from([(RNN, nn.RNN), (GRU, nn.GRU), (LSTM, nn.LSTM)]), st.booleans())
def test_gradient_by_lag_of_our_layers_equals_that_of_torchs_even_if_frozen(sizes, seed, kinds, frozen):
    B, T, D, H = sizes
    ours, theirs = kinds[0](D, H).double(), kinds[1](D, H, batch_first=True).double()
    ours.load_state_dict(theirs.state_dict())
    ours.requires_grad_(not frozen)
    x = numbers(seed, B, T, D)
    for of in ("state", "input"):
        found = gradient_norm_by_lag(ours, x, lambda output: output, of)
        torch.testing.assert_close(found, gradient_norm_by_lag(theirs, x, lambda output: output, of))
    assert not x.requires_grad
    assert all(parameter.grad is None for parameter in ours.parameters())


def test_influence_and_lag_where_the_caller_has_gradients_off_and_of_no_sequences():
    layer, x = RNN(3, 2), torch.ones(2, 4, 3)
    expected = influence(lambda x: layer(x)[1], x), gradient_norm_by_lag(layer, x)
    with torch.inference_mode():
        found = influence(lambda x: layer(x)[1], x), gradient_norm_by_lag(layer, x)
        torch.testing.assert_close(influence(lambda x: layer(x)[1], torch.ones(2, 4, 3)), expected[0])
    torch.testing.assert_close(found, expected)
    assert influence(lambda x: layer(x)[1], x[:0]).shape == gradient_norm_by_lag(layer, x[:0]).shape == (0, 4)


@given(SIZES, SEEDS)
def test_gradient_by_lag_is_the_product_of_jacobians(sizes, seed):
    B, T, D, H = sizes
    layer, x, weights = RNN(D, H).double(), numbers(seed, B, T, D), numbers(seed + 1, H)
    products = jacobian_products(layer(x)[0].detach(), layer.weight_hh_l0.detach())
    torch.testing.assert_close(
        gradient_norm_by_lag(layer, x, lambda output: output @ weights), (weights @ products).norm(dim=-1)
    )
    every_unit = gradient_norm_by_lag(layer, x, lambda output: output)
    torch.testing.assert_close(every_unit, products.flatten(2).norm(dim=-1))


@given(SIZES, SEEDS)
def test_gradient_by_lag_of_inputs_is_influence_read_backwards(sizes, seed):
    B, T, D, H = sizes
    layer, x = RNN(D, H).double(), numbers(seed, B, T, D)
    found = gradient_norm_by_lag(layer, x, of="input")
    torch.testing.assert_close(found, influence(lambda x: layer(x)[1].sum(-1), x).flip(1))


# --- clipping


class Given(nn.Module):
    """Parameters with planted gradients, one of them without any."""

    def __init__(self, seed, scale, dtype=torch.float64, device="cpu"):
        super().__init__()
        shapes = [(4, 3), (5,), (), (2, 3, 2), (3, 1), (0, 2)]
        self.all = nn.ParameterList([numbers(seed + k, *shape).to(device, dtype) for k, shape in enumerate(shapes)])
        for k, parameter in enumerate(self.all):
            if k != 4:
                parameter.grad = scale * numbers(seed + k + 50, *parameter.shape).to(device, dtype)

    def gradients(self):
        return [parameter.grad for parameter in self.all]


def pair(*arguments, **named):
    return Given(*arguments, **named), Given(*arguments, **named)


SCALES = st.sampled_from([0.0, 1e-12, 1e-3, 1.0, 1e6])


@pytest.mark.parametrize("device", devices())
@given(SEEDS, SCALES, st.floats(1e-4, 100), st.sampled_from([torch.float32, torch.float64, torch.float16]))
def test_clipping_by_norm_equals_torchs(device, seed, scale, max_norm, dtype):
    ours, theirs = pair(seed, scale, dtype, device=device)
    before = clip_by_norm(ours.parameters(), max_norm)
    torch.testing.assert_close(before, clip_grad_norm_(theirs.parameters(), max_norm))
    torch.testing.assert_close(ours.gradients(), theirs.gradients(), equal_nan=True)  # 1e6 is infinite in float16


def test_a_parameter_given_twice_counts_twice_as_in_torch():
    ours, theirs = pair(0, 10.0)
    before = clip_by_norm([*ours.all, *ours.all], 1.0)
    torch.testing.assert_close(before, clip_grad_norm_([*theirs.all, *theirs.all], 1.0))
    torch.testing.assert_close(ours.gradients(), theirs.gradients())


@pytest.mark.parametrize("device", devices())
@given(SEEDS, SCALES, st.floats(1e-4, 100))
def test_clipping_by_value_equals_torchs(device, seed, scale, limit):
    ours, theirs = pair(seed, scale, device=device)
    before = clip_by_value(ours.parameters(), limit)
    torch.testing.assert_close(before, clip_grad_norm_(theirs.parameters(), math.inf))
    clip_grad_value_(theirs.parameters(), limit)
    torch.testing.assert_close(ours.gradients(), theirs.gradients())


@given(SEEDS, SCALES, st.floats(1e-4, 100))
def test_clipping_each_equals_torchs_on_each_alone(seed, scale, max_norm):
    ours, theirs = pair(seed, scale)
    before = clip_each_by_norm(ours.parameters(), max_norm)
    alone = [clip_grad_norm_(parameter, max_norm) for parameter in theirs.all if parameter.grad is not None]
    torch.testing.assert_close(before, torch.stack(alone))
    torch.testing.assert_close(ours.gradients(), theirs.gradients())


@given(SEEDS, SCALES, st.floats(1e-3, 1))
def test_adaptive_clipping_unit_by_unit(seed, scale, ratio):
    ours, theirs = pair(seed, scale)
    weights = [parameter.detach().clone() for parameter in ours.all]
    total = clip_adaptively(ours.parameters(), ratio)
    torch.testing.assert_close(total, clip_grad_norm_(theirs.parameters(), math.inf))
    for weight, after, before in zip(weights, ours.gradients(), theirs.gradients(), strict=True):
        if before is None:
            assert after is None
            continue
        units = zip(weight, after, before, strict=True) if weight.dim() > 1 else [(weight, after, before)]
        for w, new, old in units:
            allowed = ratio * max(float(w.norm()), 1e-3)
            factor = min(1.0, allowed / float(old.norm())) if float(old.norm()) else 1.0
            torch.testing.assert_close(new, old * factor)
    torch.testing.assert_close([parameter.detach() for parameter in ours.all], weights)


def test_clipping_that_a_pencil_can_follow():
    weight = nn.Parameter(torch.tensor([1.0, 1.0]))
    weight.grad = torch.tensor([3.0, 4.0])
    assert clip_by_norm(weight, 1.0) == 5
    torch.testing.assert_close(weight.grad, torch.tensor([0.6, 0.8]))
    weight.grad = torch.tensor([3.0, 4.0])
    assert clip_by_value([weight], 3.5) == 5
    torch.testing.assert_close(weight.grad, torch.tensor([3.0, 3.5]))


@given(SEEDS, st.floats(1e-3, 1))
def test_by_norm_keeps_the_direction(seed, max_norm):
    model = Given(seed, 1.0)
    flat = [torch.cat([g.flatten() for g in model.gradients() if g is not None])]
    clip_by_norm(model.parameters(), max_norm)
    flat.append(torch.cat([g.flatten() for g in model.gradients() if g is not None]))
    torch.testing.assert_close(flat[1] / flat[1].norm(), flat[0] / flat[0].norm())
    assert flat[1].norm() <= max_norm


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_handled_as_torch_does(bad):
    ours, theirs = pair(0, 1.0)
    for model in (ours, theirs):
        model.all[0].grad[0, 0] = bad
    untouched = [None if g is None else g.clone() for g in ours.gradients()]
    with pytest.raises(RuntimeError, match=r"nan|inf"):
        clip_by_norm(ours.parameters(), 1.0, error_if_nonfinite=True)
    torch.testing.assert_close(ours.gradients(), untouched, equal_nan=True)

    values, their_values = pair(0, 1.0)
    for model in (values, their_values):
        model.all[0].grad[0, 0] = bad
    clip_by_value(values.parameters(), 0.5)
    clip_grad_value_(their_values.parameters(), 0.5)
    torch.testing.assert_close(values.gradients(), their_values.gradients(), equal_nan=True)

    before = clip_by_norm(ours.parameters(), 1.0)
    torch.testing.assert_close(before, clip_grad_norm_(theirs.parameters(), 1.0), equal_nan=True)
    torch.testing.assert_close(ours.gradients(), theirs.gradients(), equal_nan=True)

    each = Given(0, 1.0)
    each.all[0].grad[0, 0] = bad
    norms = clip_each_by_norm(each.parameters(), 1.0)
    assert norms.isfinite().tolist() == [False, *[True] * 4]
    assert all(g is None or g.isfinite().all() for g in each.gradients()[1:])

    units, sound = pair(0, 1.0)
    units.all[0].grad[0, 0] = bad
    assert not clip_adaptively(units.parameters()).isfinite()
    clip_adaptively(sound.parameters())
    spoilt = units.all[0].grad[0].isnan().tolist()
    assert spoilt == [True, False, False]  # NaN and infinite numbers, no others
    units.all[0].grad[0] = sound.all[0].grad[0]
    torch.testing.assert_close(units.gradients(), sound.gradients())  # and no other unit has noticed


@pytest.mark.parametrize("clip", [clip_by_value, clip_by_norm, clip_adaptively])
def test_without_gradients_the_norm_is_zero(clip):
    assert clip([nn.Parameter(torch.ones(2))], 1.0) == 0
    assert clip((), 1.0) == 0


def test_gradients_with_a_graph_are_clipped_too():
    weight = nn.Parameter(torch.tensor([3.0, 4.0]))
    (gradient,) = torch.autograd.grad((weight**2).sum(), weight, create_graph=True)
    weight.grad = gradient
    clip_by_norm([weight], 5.0)
    torch.testing.assert_close(gradient.detach(), torch.tensor([3.0, 4.0]))
    weight.grad = None  # parameter and gradient hold each other


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: step_jacobians(torch.zeros(2, 3), torch.zeros(3, 3)), r"\(2, 3\).*\(B, T, H\)"),
        (lambda: step_jacobians(torch.zeros(1, 2, 3), torch.zeros(3, 2)), r"W_aa.*\(3, 2\).*\(3, 3\)"),
        (lambda: jacobian_products(torch.zeros(1, 2, 3), torch.zeros(3, 3), "gelu"), "'gelu'.*tanh, relu, linear"),
        (lambda: jacobian_products(torch.zeros(1, 0, 3), torch.zeros(3, 3)), "at least 1"),
        (lambda: spectral_radius(torch.zeros(2, 3)), r"\(2, 3\).*square"),
        (lambda: spectral_radius(torch.full((2, 2), math.nan)), "NaN"),
        (lambda: scale_to_spectral_radius(torch.eye(2), -1.0), "-1.0.*at least 0"),
        (lambda: scale_to_spectral_radius(torch.tensor([[0.0, 1.0], [0.0, 0.0]]), 1.0), "eigenvalue.*is 0"),
        (lambda: influence(lambda x: x.sum(), torch.zeros(2, 3, 1)), r"shape \(\).*\(2,\) or \(2, K\)"),
        (lambda: influence(lambda x: torch.zeros(2), torch.zeros(2, 3, 1)), "depends on no input"),
        (lambda: influence(lambda x: x[:, 0, 0], torch.zeros(2, 3, 1).long()), "int64.*floats"),
        (lambda: influence(lambda x: x[:, 0], torch.zeros(2, 3)), r"\(2, 3\).*\(B, T, D\)"),
        (lambda: gradient_norm_by_lag(RNN(1, 2), torch.zeros(2, 3, 1), of="weights"), "'weights'.*'state' or 'input'"),
        (
            lambda: gradient_norm_by_lag(RNN(1, 2), torch.zeros(2, 0, 1)),
            r"floats of shape \(B, T, D\) with T at least 1",
        ),
        (lambda: influence(lambda x: x.sum((1, 2)), torch.zeros(2, 0, 1)), r"x is .* with T at least 1"),
        (lambda: spectral_radius(torch.zeros(2, 3, 4)), r"\(2, 3, 4\).*square"),
        (lambda: spectral_radius(torch.zeros(0, 0)), "no eigenvalues"),
        (lambda: clip_by_norm([], 0.0), "max_norm is 0.0.*above 0"),
        (lambda: clip_by_norm([], math.nan), "max_norm is nan"),
        (lambda: clip_by_value([], -1.0), "limit is -1.0"),
        (lambda: clip_each_by_norm([], -1.0), "max_norm is -1.0"),
        (lambda: clip_adaptively([], ratio=0.0), "ratio is 0.0"),
        (lambda: clip_adaptively([], floor=0.0), "floor is 0.0"),
    ],
)
def test_bad_input_is_refused_with_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
