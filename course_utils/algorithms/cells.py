"""One step of a recurrent network, of three kinds: plain, LSTM, GRU. Each is a function of the input and the old state.

The plain network overwrites its state at each step. The LSTM and the GRU have *gates*, numbers between 0 and 1 that
say, unit by unit, how much of the old to keep and how much of the new to let in.
"""

import torch
from torch import Tensor
from torch.nn.functional import linear

Pair = tuple[Tensor, Tensor]


def rnn_step(x: Tensor, h: Tensor, W_ax: Tensor, W_aa: Tensor, b_a: Tensor) -> Tensor:
    """Return the new state of each sequence: a<t> = tanh(W_aa a<t-1> + W_ax x<t> + b_a) (Elman 1990).

    Args:
        x: (B, D), the input of this step.
        h: (B, H), the state before it, a<t-1>.
        W_ax: (H, D), from input to state.
        W_aa: (H, H), from state to state.
        b_a: (H,), the bias.

    Returns:
        (B, H), each number between -1 and 1.

    Raises:
        ValueError: shapes that do not fit together; the message says which.
    """
    _check_step(x, h, 1, W_ax=W_ax, W_aa=W_aa, b_a=b_a)
    return torch.tanh(h @ W_aa.T + x @ W_ax.T + b_a)


def lstm_step(x: Tensor, state: Pair, W_ih: Tensor, W_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> Pair:
    """Return the new state (h, c) of each sequence (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000).

        i, f, o = sigmoid(W x<t> + b + U h<t-1> + b'), three gates with weights of their own: input, forget, output
        g       = tanh(W x<t> + b + U h<t-1> + b'), the candidate
        c<t>    = f * c<t-1> + i * g
        h<t>    = o * tanh(c<t>)

    One matrix product makes all four: the weights stand on top of each other in torch's order, i, f, g, o.

    Args:
        x: (B, D), the input of this step.
        state: h and c before it, each (B, H).
        W_ih: (4H, D), the four W.
        W_hh: (4H, H), the four U.
        b_ih: (4H,), the four b.
        b_hh: (4H,), the four b'; torch keeps two biases where one would do.

    Returns:
        h, each number between -1 and 1, and c, which has no bound; each (B, H).

    Raises:
        ValueError: shapes that do not fit together; the message says which.
    """
    h, c = check_pair(state)
    _check_step(x, h, 4, c=c, W_ih=W_ih, W_hh=W_hh, b_ih=b_ih, b_hh=b_hh)
    return lstm_update(linear(x, W_ih, b_ih) + linear(h, W_hh, b_hh), c)


def lstm_update(sums: Tensor, c: Tensor) -> Pair:
    """Return (h, c) from the four weighted sums (B, 4H), in the order i, f, g, o, and the cell before, (B, H)."""
    i, f, g, o = sums.chunk(4, dim=1)
    c = torch.addcmul(f.sigmoid() * c, i.sigmoid(), g.tanh())  # f * c + i * g
    return o.sigmoid() * c.tanh(), c


def gru_step(x: Tensor, h: Tensor, W_ih: Tensor, W_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> Tensor:
    """Return the new state of each sequence (Cho et al. 2014).

        r, z = sigmoid(W x<t> + b + U h<t-1> + b'), two gates with weights of their own: reset and update
        n    = tanh(W x<t> + b + r * (U h<t-1> + b')), the candidate
        h<t> = (1 - z) * n + z * h<t-1>

    The weights stand on top of each other in torch's order, r, z, n. As in torch, z = 1 keeps the old state, and r
    acts after the matrix product. In the paper r acts before it, U (r * h<t-1>); that needs a second product,
    which has to wait for r.

    Args:
        x: (B, D), the input of this step.
        h: (B, H), the state before it.
        W_ih: (3H, D), the three W.
        W_hh: (3H, H), the three U.
        b_ih: (3H,), the three b.
        b_hh: (3H,), the three b'.

    Returns:
        (B, H), each number between -1 and 1 if those of h are.

    Raises:
        ValueError: shapes that do not fit together; the message says which.
    """
    _check_step(x, h, 3, W_ih=W_ih, W_hh=W_hh, b_ih=b_ih, b_hh=b_hh)
    return gru_update(linear(x, W_ih, b_ih), linear(h, W_hh, b_hh), h)


def gru_update(from_input: Tensor, from_state: Tensor, h: Tensor) -> Tensor:
    """Return the state from the sums over inputs and over states, (B, 3H) in the order r, z, n, and the one before."""
    H = h.shape[1]
    input_gates, input_candidate = from_input.split([2 * H, H], dim=1)
    state_gates, state_candidate = from_state.split([2 * H, H], dim=1)
    r, z = (input_gates + state_gates).sigmoid().chunk(2, dim=1)
    n = torch.addcmul(input_candidate, r, state_candidate).tanh()  # r acts after the product
    return torch.lerp(n, h, z)  # (1 - z) * n + z * h


def check_pair(state: Pair) -> Pair:
    """Return an LSTM's state (h, c), or say that it is no such pair."""
    if not isinstance(state, tuple | list) or len(state) != 2 or not all(isinstance(part, Tensor) for part in state):
        raise ValueError(f"an LSTM's state is the pair (h, c) of two tensors (B, H); got {type(state).__name__}")
    return state[0], state[1]


def _check_step(x: Tensor, h: Tensor, blocks: int, c: Tensor | None = None, **weights: Tensor) -> None:
    if x.dim() != 2 or h.dim() != 2:
        raise ValueError(f"x {tuple(x.shape)} and h {tuple(h.shape)} must be (B, D) and (B, H): one row a sequence")
    (B, D), H = x.shape, h.shape[1]
    W_x, W_h, *biases = weights
    given = {"h": h, "c": h if c is None else c, **weights}
    states, rows = {"h": (B, H), "c": (B, H)}, dict.fromkeys(biases, (blocks * H,))
    asked = {**states, W_x: (blocks * H, D), W_h: (blocks * H, H), **rows}
    for name, tensor in given.items():
        if tensor.shape != asked[name]:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}; with x {tuple(x.shape)} and h {tuple(h.shape)} "
                f"it must be {asked[name]}"
            )
