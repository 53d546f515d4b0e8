"""Recurrent networks: one step, and the same step along a sequence.

A recurrent network keeps a *state*, a vector that it carries from one step to the next. At each step it reads one
input and makes the new state from the old one and the input, with the same weights at every step.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


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
    _check_step(x, h, W_ax, W_aa, b_a)
    return torch.tanh(h @ W_aa.T + x @ W_ax.T + b_a)


class RNN(nn.Module):
    """A layer that reads sequences of any length, one step after the other, with one set of weights.

    Its parameters have the names, shapes and first values of ``torch.nn.RNN``'s, so that each loads the other's.
    torch adds two biases where the equation has one: b_a = bias_ih_l0 + bias_hh_l0.

    Args:
        input_size: D, the numbers in each input.
        hidden_size: H, the numbers in the state.
    """

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        if input_size < 1 or hidden_size < 1:
            raise ValueError(f"input_size {input_size} and hidden_size {hidden_size} must both be at least 1")
        self.input_size, self.hidden_size = input_size, hidden_size
        self.weight_ih_l0 = nn.Parameter(torch.empty(hidden_size, input_size))  # W_ax
        self.weight_hh_l0 = nn.Parameter(torch.empty(hidden_size, hidden_size))  # W_aa
        self.bias_ih_l0 = nn.Parameter(torch.empty(hidden_size))
        self.bias_hh_l0 = nn.Parameter(torch.empty(hidden_size))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(hidden_size**-0.5), hidden_size**-0.5)

    def forward(self, x: Tensor, state: Tensor | None = None, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the state after every step, and the state after each sequence's last.

        Args:
            x: (B, T, D), padded sequences.
            state: (B, H), the state before the first step; zeros if None.
            lengths: (B,), how many steps of each sequence are no padding; T if None.

        Returns:
            (B, T, H), zeros where a sequence has ended, and (B, H).

        Raises:
            ValueError: wrong shapes, no steps at all, or lengths outside 1 to T.
        """
        self._check(x, state, lengths)
        B, T, _ = x.shape
        h = x.new_zeros(B, self.hidden_size) if state is None else state
        W_ax, W_aa, b_a = self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0 + self.bias_hh_l0
        # W_ax x<t> + b_a waits for nothing and is computed for all steps at once; only W_aa a<t-1> has to wait.
        from_inputs = linear(x.transpose(0, 1), W_ax, b_a)  # (T, B, H)
        W_aa_T, states = W_aa.T, []
        for from_input in from_inputs:
            h = torch.tanh(torch.addmm(from_input, h, W_aa_T))
            states.append(h)
        outputs = torch.stack(states).transpose(0, 1)  # (B, T, H)
        if lengths is None:
            return outputs, h
        # A state depends on no later input: padding, which comes last, changes nothing that is kept.
        padding = torch.arange(T, device=x.device) >= lengths[:, None]  # (B, T)
        last = outputs[torch.arange(B, device=x.device), lengths - 1]
        return outputs.masked_fill(padding[..., None], 0.0), last

    def _check(self, x: Tensor, state: Tensor | None, lengths: Tensor | None) -> None:
        D, H = self.input_size, self.hidden_size
        if x.dim() != 3 or x.shape[2] != D or x.shape[1] == 0:
            raise ValueError(
                f"x has shape {tuple(x.shape)}; this RNN reads (B, T, {D}), batch first, with T at least 1"
            )
        B, T = x.shape[:2]
        if state is not None and state.shape != (B, H):
            raise ValueError(f"the state has shape {tuple(state.shape)}; {B} sequences and {H} units need {(B, H)}")
        if lengths is None:
            return
        if lengths.shape != (B,) or lengths.is_floating_point():
            raise ValueError(f"lengths are {lengths.dtype} of shape {tuple(lengths.shape)}; give {B} whole numbers")
        if B and not (int(lengths.min()) >= 1 and int(lengths.max()) <= T):
            raise ValueError(
                f"lengths run from {int(lengths.min())} to {int(lengths.max())}; they must lie in 1 to {T}"
            )


def _check_step(x: Tensor, h: Tensor, W_ax: Tensor, W_aa: Tensor, b_a: Tensor) -> None:
    if x.dim() != 2 or h.dim() != 2:
        raise ValueError(f"x {tuple(x.shape)} and h {tuple(h.shape)} must be (B, D) and (B, H): one row a sequence")
    (B, D), H = x.shape, h.shape[1]
    given = {"h": h, "W_ax": W_ax, "W_aa": W_aa, "b_a": b_a}
    asked = {"h": (B, H), "W_ax": (H, D), "W_aa": (H, H), "b_a": (H,)}
    for name, tensor in given.items():
        if tensor.shape != asked[name]:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}; with x {tuple(x.shape)} and h {tuple(h.shape)} "
                f"it must be {asked[name]}"
            )
