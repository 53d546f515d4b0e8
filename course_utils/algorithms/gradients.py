"""Gradients through time: how large they are, how far back they reach, and how they are clipped.

The gradient that reaches a state k steps back has passed through k Jacobians, one for each step, and their product
says whether it shrank or grew. The influence of an input on an output is the norm of the output's gradient with regard
to that input. Clipping shortens a gradient that is too long, before the optimiser's step.
"""

from collections.abc import Callable, Iterable
from math import isfinite

import torch
from torch import Tensor
from torch.linalg import vector_norm

# The slope of each nonlinearity g, written in terms of its value a = g(z), which is what a network keeps.
SLOPES: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": lambda a: 1 - a**2,
    "relu": lambda a: (a > 0).to(a.dtype),
    "linear": torch.ones_like,
}


def step_jacobians(states: Tensor, W_aa: Tensor, nonlinearity: str = "tanh") -> Tensor:
    """Return the Jacobian of each state with regard to the one before: diag(g'(z<t>)) W_aa.

    For tanh the slope is 1 - a<t>², so that the states alone say it (Pascanu, Mikolov and Bengio 2013, section 2.1).

    Args:
        states: (B, T, H), the states a<1> to a<T> of a plain recurrent network.
        W_aa: (H, H), from state to state.
        nonlinearity: "tanh", "relu" or "linear".

    Returns:
        (B, T, H, H); entry [b, t - 1, i, j] is the derivative of a<t>[i] with regard to a<t-1>[j].
    """
    if states.dim() != 3 or 0 in states.shape[1:]:
        raise ValueError(f"the states have shape {tuple(states.shape)}; give (B, T, H) with T and H at least 1")
    H = states.shape[2]
    if W_aa.shape != (H, H):
        raise ValueError(f"W_aa has shape {tuple(W_aa.shape)}; states of {H} units need {(H, H)}")
    if nonlinearity not in SLOPES:
        raise ValueError(f"nonlinearity {nonlinearity!r} is unknown; choose from {', '.join(SLOPES)}")
    return SLOPES[nonlinearity](states)[..., None] * W_aa


def jacobian_products(states: Tensor, W_aa: Tensor, nonlinearity: str = "tanh") -> Tensor:
    """Return, for each lag k, the Jacobian of the last state with regard to the state k steps before it.

    ∂a<T> / ∂a<T-k> = J<T> J<T-1> … J<T-k+1> with J<t> = diag(g'(z<t>)) W_aa, by the chain rule; at lag 0 it is the
    identity. In a linear network every J<t> is W_aa, and the product is its k-th power.

    The arguments are those of `step_jacobians`.

    Returns:
        (B, T, H, H); entry [:, k] belongs to lag k, from 0 to T - 1.
    """
    jacobians = step_jacobians(states, W_aa, nonlinearity).unbind(1)
    B, _, H = states.shape
    product = torch.eye(H, dtype=states.dtype, device=states.device).expand(B, H, H)
    products = [product]
    for jacobian in reversed(jacobians[1:]):  # the first leads to the state before the run, which is none of these
        product = product @ jacobian
        products.append(product)
    return torch.stack(products, 1)


def spectral_radius(matrix: Tensor) -> Tensor:
    """Return the largest absolute value of a square matrix's eigenvalues: the rate at which its powers grow or shrink.

    ‖W^k‖^(1/k) tends to it (Gelfand's formula), and it is never above the largest singular value, which bounds a single
    step. Takes (…, H, H) and returns (…), at least 0; refuses a matrix that is not square, or not finite.
    """
    if matrix.dim() < 2 or matrix.shape[-1] != matrix.shape[-2] or matrix.shape[-1] == 0:
        raise ValueError(f"a matrix of shape {tuple(matrix.shape)} has no eigenvalues; it must be square: (…, H, H)")
    if not bool(torch.isfinite(matrix).all()):
        raise ValueError("the matrix holds NaN or infinite values, so it has no spectral radius; look for their origin")
    return torch.linalg.eigvals(matrix).abs().amax(-1)


def scale_to_spectral_radius(matrix: Tensor, radius: float) -> Tensor:
    """Return the matrix times the number that gives it the spectral radius asked for.

    Takes and returns (…, H, H), a new tensor whose eigenvectors are those of the matrix; refuses a radius below 0, and
    a matrix whose eigenvalues are all 0.
    """
    if not (radius >= 0 and isfinite(radius)):
        raise ValueError(f"radius is {radius}; a spectral radius is at least 0, and finite")
    now = spectral_radius(matrix)
    if bool((now == 0).any()):
        raise ValueError("every eigenvalue of the matrix is 0, so no scale gives it another radius; start from another")
    return matrix * (radius / now)[..., None, None]


def influence(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return how strongly each input moves an output: the norm of the output's gradient with regard to each step.

    This is the saliency of Simonyan, Vedaldi and Zisserman (2013), section 3, one number a step. It is the slope at
    these inputs: it says what a small change would do, not what removing the input would do.

    Args:
        function: from (B, T, D) to (B,) or (B, K), each sequence on its own; with K outputs, the norm is that of the
            Jacobian (Frobenius), for which the gradient is taken K times.
        x: (B, T, D), floating point; left as it is.

    Returns:
        (B, T), at least 0; exactly 0 where the output cannot depend on the input.
    """
    _check_input(x)
    with torch.inference_mode(False), torch.enable_grad():  # whatever the caller switched off
        x = x.detach().clone().requires_grad_()
        values = _one_row_a_sequence(function(x), x)
        rows = [torch.autograd.grad(y.sum(), x, retain_graph=True, materialize_grads=True)[0] for y in values.unbind(1)]
    return vector_norm(torch.stack(rows), dim=(0, 3))  # over the K outputs and the D features


def gradient_norm_by_lag(
    network: Callable, x: Tensor, quantity: Callable[[Tensor], Tensor] | None = None, of: str = "state"
) -> Tensor:
    """Return how much gradient arrives k steps back: ‖∂ quantity<T> / ∂ state<T-k>‖ for each lag k.

    Args:
        network: a layer as those of `recurrent` and torch's (batch first, one direction), called with inputs and a
            state: (x, state) to (outputs (B, T, H), state). An LSTM's state is the pair (h, c): the norm is over both.
        x: (B, T, D), the inputs of the run; all T steps are taken.
        quantity: from the last output (B, H) to (B,) or (B, K); the sum of its numbers if None.
        of: "state", with regard to the state k steps back, or "input", with regard to the input k steps back.

    Returns:
        (B, T); entry [:, k] belongs to lag k, from 0 to T - 1. A norm below about 1e-22 (float32) or 1e-162 (float64)
        comes back as 0, because its square is: measure far lags in float64.
    """
    _check_input(x)
    if of not in ("state", "input"):
        raise ValueError(f"of is {of!r}; choose 'state' or 'input'")
    quantity = quantity or (lambda output: output.sum(-1))
    if of == "input":
        return influence(lambda x: quantity(network(x)[0][:, -1]), x).flip(1)
    with torch.inference_mode(False), torch.enable_grad():
        states = _states_of_a_run(network, x.detach().clone().requires_grad_())  # even if all weights are frozen
        h = states[-1][0]  # torch's has a dimension for layers; the top one is the output
        values = _one_row_a_sequence(quantity(h if h.dim() == 2 else h[-1]), x)
        parts = [part for state in states for part in state]
        rows = [_gradient_norms(value.sum(), parts) for value in values.unbind(1)]
    norms = vector_norm(torch.stack(rows), dim=0)  # (T · parts, B), over the K numbers of the quantity
    return vector_norm(norms.unflatten(0, (len(states), -1)), dim=1).T.flip(1)


def clip_by_value(parameters: Tensor | Iterable[Tensor], limit: float) -> Tensor:
    """Cut every number of the gradients to between -limit and limit, in place, and return the norm before.

    Each number is cut on its own, so the gradient changes its direction (Mikolov 2012, in training language models).
    Equal to ``torch.nn.utils.clip_grad_value_``, which returns nothing: infinities become the limit, NaN stays.

    Args:
        parameters: tensors whose `.grad` is cut; those without one are skipped.
        limit: above 0.

    Returns:
        A scalar: the norm of all gradients together, before; 0 without any.
    """
    _check_above_zero("limit", limit)
    gradients = _gradients(parameters)
    total = _total_norm(gradients)
    for gradient in gradients:
        gradient.clamp_(-limit, limit)
    return total


def clip_by_norm(parameters: Tensor | Iterable[Tensor], max_norm: float, error_if_nonfinite: bool = False) -> Tensor:
    """Shorten the gradient to the length max_norm where it is longer, in place, and return its norm before.

    All gradients count as one long vector g, which keeps its direction: g ← g · min(1, max_norm / (‖g‖ + 10⁻⁶))
    (Pascanu, Mikolov and Bengio 2013, section 3.2). Equal to ``torch.nn.utils.clip_grad_norm_``, 10⁻⁶ included.

    Args:
        parameters: tensors whose `.grad` is scaled; those without one are skipped.
        max_norm: above 0.
        error_if_nonfinite: raise a RuntimeError, as torch does, where the norm is NaN or infinite, and leave the
            gradients as they are. Otherwise a NaN makes every gradient NaN, and an infinite norm makes finite numbers 0
            and infinite ones NaN, as in torch.

    Returns:
        A scalar: the norm of all gradients together, before; 0 without any.
    """
    _check_above_zero("max_norm", max_norm)
    gradients = _gradients(parameters)
    total = _total_norm(gradients)
    if error_if_nonfinite and not bool(torch.isfinite(total)):
        raise RuntimeError(f"the norm of the gradients is {float(total)}, which no scale can mend; skip this step")
    _shorten(gradients, [total] * len(gradients), max_norm)
    return total


def clip_each_by_norm(parameters: Tensor | Iterable[Tensor], max_norm: float) -> Tensor:
    """Shorten the gradient of each parameter that is longer than max_norm, in place, and return the norms before.

    This is clipping per layer: each tensor is clipped by its own norm, so that one large gradient leaves the others as
    they are, at the price of the direction of the whole. What is not finite spoils its own tensor only.

    Returns:
        (N,), the norm of each of the N gradients, before, in the order of the parameters that have one.
    """
    _check_above_zero("max_norm", max_norm)
    gradients = _gradients(parameters)
    norms = _norms(gradients)
    _shorten(gradients, norms, max_norm)
    return torch.stack(norms) if norms else torch.zeros(0)


def clip_adaptively(parameters: Tensor | Iterable[Tensor], ratio: float = 0.01, floor: float = 1e-3) -> Tensor:
    """Shorten the gradient of each unit that is long beside the unit's weights, in place, and return the norm before.

    Unit by unit, g ← g · ratio · max(‖w‖, floor) / ‖g‖ where ‖g‖ is above ratio · max(‖w‖, floor) (Brock et al. 2021,
    section 4). A unit is a row of a weight: its norms run over all dimensions but the first; a vector or a single
    number is one unit. Leave the output layer out, as the paper does. NaN stays where it is.

    Args:
        parameters: as for `clip_by_norm`.
        ratio: the longest step in proportion to the weights, above 0 (the paper's λ).
        floor: the smallest norm that a unit counts with, above 0 (the paper's ε), so that zeros can still learn.

    Returns:
        A scalar, as `clip_by_norm`.
    """
    _check_above_zero("ratio", ratio)
    _check_above_zero("floor", floor)
    parameters = _with_gradient(parameters)
    gradients = _gradients(parameters)
    total = _total_norm(gradients)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        allowed = ratio * _unit_norms(parameter.detach()).clamp(min=floor)
        norms = _unit_norms(gradient)
        gradient.mul_(torch.where(norms > allowed, allowed / norms, 1.0))
    return total


def _states_of_a_run(network: Callable, x: Tensor) -> list[tuple[Tensor, ...]]:
    """Return the state after each step, each in the graph of the next; a state may have several parts."""
    state, states = None, []
    for step in x.split(1, dim=1):
        _, state = network(step, state)
        # h is computed from c, but the next step takes both as given: without copies the way c to h counts twice.
        state = tuple(part.clone() for part in state) if isinstance(state, tuple) else state
        states.append(state if isinstance(state, tuple) else (state,))
    return states


def _gradient_norms(value: Tensor, tensors: list[Tensor]) -> Tensor:
    """Return (N, B): for each of N tensors, (B, H) or (layers, B, H), the norm of its gradient, by sequence."""
    gradients = torch.autograd.grad(value, tensors, retain_graph=True, materialize_grads=True)
    return torch.stack([vector_norm(g if g.dim() == 3 else g[None], dim=(0, 2)) for g in gradients])


def _unit_norms(tensor: Tensor) -> Tensor:
    """Return one norm a row, in a shape that multiplies the tensor; a vector or a number is one unit."""
    return vector_norm(tensor, dim=tuple(range(1, tensor.dim())) if tensor.dim() > 1 else None, keepdim=True)


def _shorten(gradients: list[Tensor], norms: list[Tensor], max_norm: float) -> None:
    for gradient, norm in zip(gradients, norms, strict=True):
        # No `if`: whether the norm is above the limit stays on its device. A NaN passes through clamp as NaN.
        gradient.mul_((max_norm / (norm + 1e-6)).clamp(max=1.0).to(gradient.device))


def _norms(gradients: list[Tensor]) -> list[Tensor]:
    return [vector_norm(gradient).to(gradients[0].device) for gradient in gradients]


def _total_norm(gradients: list[Tensor]) -> Tensor:
    """Return the norm of the gradients as one vector: the norm of their norms."""
    return vector_norm(torch.stack(_norms(gradients))) if gradients else torch.tensor(0.0)


def _with_gradient(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [parameter for parameter in parameters if parameter.grad is not None]


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """Return the gradients, sharing their memory but no graph, so that autograd takes no note of a change in place."""
    return [parameter.grad.detach() for parameter in _with_gradient(parameters) if parameter.grad is not None]


def _one_row_a_sequence(outputs: Tensor, x: Tensor) -> Tensor:
    """Return (B, K), or say what an output must be."""
    if outputs.dim() not in (1, 2) or len(outputs) != len(x):
        raise ValueError(f"the output has shape {tuple(outputs.shape)}; it must be ({len(x)},) or ({len(x)}, K)")
    if not outputs.requires_grad:
        raise ValueError("the output depends on no input: it has no gradient; compute it with torch, without detach()")
    return outputs if outputs.dim() == 2 else outputs[:, None]


def _check_input(x: Tensor) -> None:
    if x.dim() != 3 or x.shape[1] == 0 or not x.is_floating_point():
        raise ValueError(f"x is {x.dtype} of shape {tuple(x.shape)}; give floats of shape (B, T, D) with T at least 1")


def _check_above_zero(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} is {value}; it must be above 0")
