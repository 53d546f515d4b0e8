"""The gradients module against torch's own: clipping by norm, Jacobians through time, and growth with T and H."""

import torch
from pairs import Curve, Row, against, curve, ratio
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from course_utils.algorithms import gradients
from course_utils.algorithms.recurrent import RNN


def _parameters(H: int) -> list[nn.Parameter]:
    """Return the parameters of an LSTM with gradients of norm about 1."""
    parameters = list(nn.LSTM(40, H).parameters())
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter) / parameter.numel() ** 0.5
    return parameters


def _clip(H: int) -> float:
    ours, theirs = _parameters(H), _parameters(H)
    return ratio(lambda: gradients.clip_by_norm(ours, 1e3), lambda: clip_grad_norm_(theirs, 1e3))


def _run(T: int, H: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    W_aa = gradients.scale_to_spectral_radius(torch.randn(H, H), 0.95)
    return torch.randn(1, T, H).tanh(), W_aa


def _jacobian_product(T: int, H: int) -> float:
    """∂a<T> / ∂a<0>: our product of the steps' Jacobians against autograd through the run, row by row."""
    torch.manual_seed(0)
    layer, x, start = RNN(4, H), torch.randn(1, T, 4), torch.zeros(1, H)

    def ours() -> Tensor:
        with torch.no_grad():
            states, _ = layer(x, start)
            return gradients.jacobian_products(torch.cat([start[:, None], states], 1), layer.weight_hh_l0)[0, -1]

    def theirs() -> Tensor:
        return torch.autograd.functional.jacobian(lambda h: layer(x, h)[1], start)[0, :, 0]

    torch.testing.assert_close(ours(), theirs(), rtol=1e-3, atol=1e-6)
    return ratio(ours, theirs, pairs=7)


def rows() -> list[Row]:
    """Return (what, our time over torch's, goal)."""
    clipping = [(f"clip_by_norm of an LSTM of {H}, against torch's", *against(_clip(H), 1.3)) for H in (32, 512)]
    products = [
        (f"Jacobian of {T} steps of {H} units, against autograd.functional's", *against(_jacobian_product(T, H), 0.5))
        for T, H in ((20, 16), (100, 32))
    ]
    return clipping + products


def growth() -> list[Curve]:
    """Return the time of the products by T and by H, and of clipping by the number of weights."""

    def products(T: int, H: int):
        states, W_aa = _run(T, H)
        return lambda: gradients.jacobian_products(states, W_aa)

    def by_lag(T: int):
        layer, x = RNN(4, 32), torch.randn(4, T, 4)
        return lambda: gradients.gradient_norm_by_lag(layer, x)

    return [
        curve("jacobian_products, H = 32", "T (steps)", [50, 100, 200, 400, 800], lambda T: products(T, 32)),
        curve("jacobian_products, T = 50", "H (units)", [64, 128, 256, 512], lambda H: products(50, H), theory=3.0),
        curve("gradient_norm_by_lag, H = 32", "T (steps)", [50, 100, 200, 400, 800], by_lag),
    ]


if __name__ == "__main__":
    for row in rows():
        print(*row, sep=" | ")
    for found in growth():
        print(found.name, found.size, f"exponent {found.exponent:.2f}, theory {found.theory:g}", sep=" | ")
