"""Back-propagation through time: the gradients of a plain recurrent network, worked out by hand."""

from typing import NamedTuple

import torch
from torch import Tensor


class Gradients(NamedTuple):
    """What back-propagation through time found, each of the shape of what it belongs to."""

    x: Tensor
    first_state: Tensor
    W_ax: Tensor
    W_aa: Tensor
    b_a: Tensor


def backward_through_time(x: Tensor, states: Tensor, grad_outputs: Tensor, W_ax: Tensor, W_aa: Tensor) -> Gradients:
    """Return the gradients of a plain RNN by hand: back-propagation through time (Werbos 1990).

    Two gradients arrive at a<t>: the loss's own, and the one from step t+1. Backwards from t = T,

        grad z<t>   = (grad a<t>) * (1 - a<t>^2)    through the tanh, whose argument is z<t>
        grad a<t-1> = W_aa^T grad z<t> + the loss's own at t-1

    The weights are the same at every step, so that their gradients are sums over the steps.

    Args:
        x: (B, T, D), the inputs.
        states: (B, T + 1, H), a<0> to a<T>: the first state, then the RNN's outputs.
        grad_outputs: (B, T, H), the loss's own gradients at a<1> to a<T>; zeros at padding.
        W_ax: (H, D).
        W_aa: (H, H).

    Raises:
        ValueError: shapes that do not fit together; the message says which.
    """
    _check_backward(x, states, grad_outputs, W_ax, W_aa)
    arriving, backwards = torch.zeros_like(states[:, 0]), []
    for t in range(x.shape[1], 0, -1):
        grad_z = (grad_outputs[:, t - 1] + arriving) * (1 - states[:, t] ** 2)
        arriving = grad_z @ W_aa
        backwards.append(grad_z)
    grad_z = torch.stack(backwards[::-1], dim=1)  # (B, T, H)
    return Gradients(
        x=grad_z @ W_ax,
        first_state=arriving,
        W_ax=torch.einsum("bth,btd->hd", grad_z, x),
        W_aa=torch.einsum("bth,btk->hk", grad_z, states[:, :-1]),
        b_a=grad_z.sum(dim=(0, 1)),
    )


def _check_backward(x: Tensor, states: Tensor, grad_outputs: Tensor, W_ax: Tensor, W_aa: Tensor) -> None:
    if x.dim() != 3 or states.dim() != 3 or x.shape[1] == 0:
        raise ValueError(
            f"x {tuple(x.shape)} and states {tuple(states.shape)} must be (B, T, D) and (B, T + 1, H), T at least 1"
        )
    (B, T, D), H = x.shape, states.shape[2]
    given = {"states": states, "grad_outputs": grad_outputs, "W_ax": W_ax, "W_aa": W_aa}
    asked = {"states": (B, T + 1, H), "grad_outputs": (B, T, H), "W_ax": (H, D), "W_aa": (H, H)}
    for name, tensor in given.items():
        if tensor.shape != asked[name]:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}; {B} sequences of {T} steps, {D} features and {H} units "
                f"need {asked[name]}"
            )
