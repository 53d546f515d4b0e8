"""Recurrent layers: the steps of a plain network, an LSTM and a GRU, taken along padded sequences.

A recurrent network keeps a *state*, a vector that it carries from one step to the next. At each step it reads one
input and makes the new state from the old one and the input, with the same weights at every step. The steps
themselves are in ``cells``, the plain network's way back is in ``backpropagation``; both can be had from here.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from course_utils.algorithms.backpropagation import Gradients, backward_through_time
from course_utils.algorithms.cells import check_pair, gru_step, gru_update, lstm_step, lstm_update, rnn_step

__all__ = [
    "GRU", "LSTM", "RNN", "Gradients", "backward_through_time", "chrono_init", "gru_step", "gru_update", "lstm_step",
    "lstm_update", "rnn_step",
]  # fmt: skip


class _Layer(nn.Module):
    """What the three layers share: weights as torch's, a loop over the steps, and care for padding.

    Its parameters have the names, shapes and first values of torch.nn's layer of one direction, so that each loads
    the other's. Each is a stack of blocks of H rows, one for each gate and one for the candidate.
    """

    blocks = ""  # one letter a block, from top to bottom
    candidate = ""  # the letter that is no gate
    parts = 1  # how many tensors (B, H) make the state

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        if input_size < 1 or hidden_size < 1:
            raise ValueError(f"input_size {input_size} and hidden_size {hidden_size} must both be at least 1")
        self.input_size, self.hidden_size = input_size, hidden_size
        rows = len(self.blocks) * hidden_size
        self.weight_ih_l0 = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh_l0 = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias_ih_l0 = nn.Parameter(torch.empty(rows))
        self.bias_hh_l0 = nn.Parameter(torch.empty(rows))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(hidden_size**-0.5), hidden_size**-0.5)

    def forward(self, x: Tensor, state=None, lengths: Tensor | None = None):
        """Return the outputs h after every step, and the state after each sequence's last.

        Args:
            x: (B, T, D), padded sequences.
            state: the state before the first step, (B, H), and for an LSTM the pair (h, c) of those; zeros if None.
            lengths: (B,), how many steps of each sequence are no padding; T if None.

        Returns:
            (B, T, H), zeros where a sequence has ended, and a state like the one that goes in.

        Raises:
            ValueError: wrong shapes, no steps at all, or lengths outside 1 to T.
        """
        self._check(x, lengths)
        if lengths is not None:
            lengths = lengths.to(x.device)
            padding = (torch.arange(x.shape[1], device=x.device) >= lengths[:, None])[..., None]  # (B, T, 1)
            x = x.masked_fill(padding, 0.0)  # whatever stood there: even a NaN has no say
        states = self._run(x, self._first_state(x, state))
        outputs, last = torch.stack([h for h, *_ in states], dim=1), states[-1]  # (B, T, H)
        if lengths is not None:
            # A state depends on no later input: padding, which comes last, changes nothing that is kept.
            outputs = outputs.masked_fill(padding, 0.0)
            rows = torch.arange(len(x), device=x.device)
            last = tuple(torch.stack(part)[lengths - 1, rows] for part in zip(*states, strict=True))
        return outputs, last if self.parts > 1 else last[0]

    def gates(self, x: Tensor, state=None) -> dict[str, Tensor]:
        """Return how far each gate is open at each step: (B, T, H) from 0 to 1, by the gate's letter."""
        outputs, _ = self(x, state)
        before = torch.cat([self._first_state(x, state)[0][:, None], outputs[:, :-1]], dim=1)
        sums = linear(x, self.weight_ih_l0, self.bias_ih_l0) + linear(before, self.weight_hh_l0, self.bias_hh_l0)
        blocks = zip(self.blocks, sums.chunk(len(self.blocks), dim=2), strict=True)
        return {letter: block.sigmoid() for letter, block in blocks if letter != self.candidate}

    @torch.no_grad()
    def set_bias(self, letter: str, value: float | Tensor) -> None:
        """Give the block of that letter one bias, a number or one for each unit, (H,); its second becomes 0.

        ``LSTM.set_bias("f", 1.0)`` opens the forget gates, so that a new layer keeps what it has (Jozefowicz et al.
        2015); ``GRU.set_bias("z", 1.0)`` does the same.
        """
        if letter not in self.blocks or len(letter) != 1:
            raise ValueError(f"no bias is called {letter!r}; this {type(self).__name__} has {', '.join(self.blocks)}")
        H, value = self.hidden_size, torch.as_tensor(value)
        if value.shape not in ((), (H,)):
            raise ValueError(f"the bias has shape {tuple(value.shape)}; give a number or {(H,)}, one for each unit")
        rows = slice(self.blocks.index(letter) * H, (self.blocks.index(letter) + 1) * H)
        self.bias_ih_l0[rows] = value
        self.bias_hh_l0[rows] = 0.0

    def _input_bias(self) -> Tensor:
        """Return the bias that waits for nothing."""
        return self.bias_ih_l0 + self.bias_hh_l0

    def _run(self, x: Tensor, state: tuple[Tensor, ...]) -> list[tuple[Tensor, ...]]:
        """Return the state after every step."""
        # W x<t> + b waits for nothing and is computed for all steps at once; only U h<t-1> has to wait.
        from_inputs = linear(x.transpose(0, 1), self.weight_ih_l0, self._input_bias())  # (T, B, rows)
        W_hh_T, states = self.weight_hh_l0.T, []
        for from_input in from_inputs:
            state = self._advance(from_input, state, W_hh_T)
            states.append(state)
        return states

    def _advance(self, from_input: Tensor, state: tuple[Tensor, ...], W_hh_T: Tensor) -> tuple[Tensor, ...]:
        """Return the state after one step, given W x<t> + b."""
        raise NotImplementedError

    def _first_state(self, x: Tensor, state) -> tuple[Tensor, ...]:
        shape = (len(x), self.hidden_size)
        if state is None:
            return (x.new_zeros(shape),) * self.parts
        if self.parts == 1 and not isinstance(state, Tensor):
            raise ValueError(
                f"the state of this {type(self).__name__} is one tensor (B, H); got {type(state).__name__}"
            )
        state = check_pair(state) if self.parts > 1 else (state,)
        for part in state:
            if part.shape != shape:
                raise ValueError(
                    f"the state has shape {tuple(part.shape)}; {shape[0]} sequences and {shape[1]} units need {shape}"
                )
        return state

    def _check(self, x: Tensor, lengths: Tensor | None) -> None:
        if x.dim() != 3 or x.shape[2] != self.input_size or x.shape[1] == 0:
            raise ValueError(
                f"x has shape {tuple(x.shape)}; this {type(self).__name__} reads (B, T, {self.input_size}), "
                "batch first, with T at least 1"
            )
        if lengths is None:
            return
        B, T = x.shape[:2]
        if lengths.shape != (B,) or lengths.is_floating_point():
            raise ValueError(f"lengths are {lengths.dtype} of shape {tuple(lengths.shape)}; give {B} whole numbers")
        if B and not (int(lengths.min()) >= 1 and int(lengths.max()) <= T):
            raise ValueError(
                f"lengths run from {int(lengths.min())} to {int(lengths.max())}; they must lie in 1 to {T}"
            )


class RNN(_Layer):
    """A layer that reads sequences of any length, one ``rnn_step`` after the other, with one set of weights.

    Names, shapes and first values are torch.nn.RNN's. It adds two biases where the equation has one: W_ax is
    weight_ih_l0, W_aa is weight_hh_l0, b_a = bias_ih_l0 + bias_hh_l0.

    Args:
        input_size: D, the numbers in each input.
        hidden_size: H, the numbers in the state.
    """

    blocks = candidate = "a"

    def _advance(self, from_input, state, W_hh_T):
        return (torch.addmm(from_input, state[0], W_hh_T).tanh(),)


class LSTM(_Layer):
    """A layer of ``lstm_step`` after ``lstm_step``; its state is the pair (h, c), and its outputs are the h.

    Names, shapes and first values are torch.nn.LSTM's, blocks in the order i, f, g, o. Arguments as for ``RNN``.
    torch runs its own as one compiled piece; step by step in Python takes 1.2 to 1.9 times as long.
    """

    blocks, candidate, parts = "ifgo", "g", 2

    def _advance(self, from_input, state, W_hh_T):
        h, c = state
        return lstm_update(torch.addmm(from_input, h, W_hh_T), c)


class GRU(_Layer):
    """A layer of ``gru_step`` after ``gru_step``.

    Names, shapes and first values are torch.nn.GRU's, blocks in the order r, z, n. Arguments as for ``RNN``.
    """

    blocks, candidate = "rzn", "n"

    def _input_bias(self):
        return self.bias_ih_l0  # the other bias stands beside U h<t-1>, where r can reach it

    def _advance(self, from_input, state, W_hh_T):
        (h,) = state
        return (gru_update(from_input, torch.addmm(self.bias_hh_l0, h, W_hh_T), h),)


def chrono_init(layer: LSTM | GRU, longest: int, generator: torch.Generator | None = None) -> None:
    """Start each unit with a memory of its own length, from 1 to ``longest`` steps (Tallec & Ollivier 2018).

    A gate that keeps a share sigmoid(b) at each step forgets within about 1 + e^b steps. So for a delay d, uniform in
    1 to longest - 1, the bias of the LSTM's forget gate or the GRU's update gate becomes log d. The LSTM's input gate
    gets -log d, so that what is written is as little as what is forgotten; in a GRU one gate does both.

    Args:
        layer: its biases change in place.
        longest: the longest memory, in steps, at least 2.
        generator: draws the delays.
    """
    if not isinstance(layer, LSTM | GRU):
        raise ValueError(f"{type(layer).__name__} has no gate that keeps; give an LSTM or a GRU")
    if longest < 2:
        raise ValueError(f"the longest memory is {longest} steps; it must be at least 2")
    delays = 1 + (longest - 2) * torch.rand(layer.hidden_size, generator=generator)
    if isinstance(layer, LSTM):
        layer.set_bias("f", delays.log())
        layer.set_bias("i", -delays.log())
    else:
        layer.set_bias("z", delays.log())
