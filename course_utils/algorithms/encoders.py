"""Encoders: a sequence is read, and what was read is kept, position by position and as one summary.

Each is called as ``encoder(x, lengths)`` and answers with `Encoded`. Speech has a hundred frames a second and a handful
of words; an encoder may join frames on its way, so that a decoder has fewer positions to look at.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_utils.algorithms.recurrent import RNN

Cell = Callable[[int, int], nn.Module]  # RNN, LSTM or GRU of ``recurrent``: from input and hidden size to a layer


@dataclass(frozen=True)
class Encoded:
    """What was read: outputs (B, T, H), zero where a sequence has ended, a summary (B, H), and lengths (B,)."""

    outputs: Tensor
    summary: Tensor
    lengths: Tensor

    @property
    def mask(self) -> Tensor:
        """(B, T), True where a sequence has an output and False where it has padding."""
        return _mask(self.lengths, self.outputs.shape[1])


class Bidirectional(nn.Module):
    """Two recurrent layers, one reading forward and one backward, side by side (Schuster and Paliwal 1997).

    Args:
        input_size: D.
        hidden_size: H, the units of each of the two.
        cell: RNN, LSTM or GRU.
    """

    def __init__(self, input_size: int, hidden_size: int, cell: Cell = RNN):
        super().__init__()
        self.forwards, self.backwards = cell(input_size, hidden_size), cell(input_size, hidden_size)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, T, 2H), zeros where a sequence has ended, and (B, 2H), each reader's output at its own end."""
        ahead, _ = self.forwards(x, lengths=lengths)
        back, _ = self.backwards(reverse(x, lengths), lengths=lengths)
        rows = torch.arange(len(x), device=x.device)
        summary = torch.cat([ahead[rows, lengths - 1], back[rows, lengths - 1]], -1)
        return torch.cat([ahead, reverse(back, lengths)], -1), summary


class RecurrentEncoder(nn.Module):
    """Bidirectional recurrent layers, one on the other, each of which may first join neighbouring frames.

    Args:
        input_size: D.
        hidden_size: H of each direction; an output has 2H numbers.
        cell: RNN, LSTM or GRU.
        joined: for each layer, how many neighbours it reads as one; (1,) is a single layer that joins none, (4,) one
            that leaves a quarter of the positions.
    """

    def __init__(self, input_size: int, hidden_size: int, cell: Cell = RNN, joined: Sequence[int] = (1,)):
        super().__init__()
        if not joined or min(joined) < 1:
            raise ValueError(f"joined is {tuple(joined)}; give each layer a number of at least 1")
        self.joined, self.output_size = tuple(joined), 2 * hidden_size
        sizes = [input_size, *[self.output_size] * len(joined)]
        self.layers = nn.ModuleList(
            Bidirectional(size * count, hidden_size, cell) for size, count in zip(sizes, joined, strict=False)
        )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Return what was read of x (B, T, D), of which ``lengths`` (B,) steps are no padding (all if None)."""
        lengths = _lengths(x, lengths)
        summary = x
        for count, layer in zip(self.joined, self.layers, strict=True):
            x, lengths = join(x, lengths, count)
            x, summary = layer(x, lengths)
        return Encoded(x, summary, lengths)


def pyramidal(input_size: int, hidden_size: int, cell: Cell = RNN, halvings: int = 3) -> RecurrentEncoder:
    """Return the encoder of "Listen, Attend and Spell": each layer above the first reads two outputs as one.

    With three halvings eight frames become one position (Chan et al. 2016, section 3.1).
    """
    return RecurrentEncoder(input_size, hidden_size, cell, joined=(1, *[2] * halvings))


class ConvolutionalEncoder(nn.Module):
    """Layers of filters, each looking at a few neighbours: all positions are computed at once, none has to wait.

    Each layer adds what it found to what it was given, x + relu(conv(x)), so that many can be stacked. A position
    knows only its surroundings, ``layers * (width - 1) / 2`` steps each way; the summary is the mean over positions
    (after Gehring et al. 2017, "A convolutional encoder model", sections 3.2 and 3.3).

    Args:
        input_size: D.
        hidden_size: H, the numbers in an output.
        layers: how many.
        width: how many neighbours a filter sees, an odd number.
        joined: how many frames are read as one, before the first layer.
    """

    def __init__(self, input_size: int, hidden_size: int, layers: int = 3, width: int = 5, joined: int = 1):
        super().__init__()
        if width % 2 == 0 or layers < 1 or joined < 1:
            raise ValueError(f"width {width} must be odd, and layers {layers} and joined {joined} at least 1")
        self.joined, self.output_size = joined, hidden_size
        self.enter = nn.Linear(input_size * joined, hidden_size)
        self.layers = nn.ModuleList(
            nn.Conv1d(hidden_size, hidden_size, width, padding=width // 2) for _ in range(layers)
        )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Encoded:
        """Return what was read of x (B, T, D), of which ``lengths`` (B,) steps are no padding (all if None)."""
        x, lengths = join(x, _lengths(x, lengths), self.joined)
        padding = ~_mask(lengths, x.shape[1])[:, None]  # (B, 1, T)
        x = self.enter(x).transpose(1, 2).masked_fill(padding, 0.0)  # (B, H, T)
        for layer in self.layers:
            # Beyond the end stand zeros, as torch puts them beyond the last column: padding changes nothing.
            x = (x + layer(x).relu()).masked_fill(padding, 0.0)
        return Encoded(x.transpose(1, 2), x.sum(2) / lengths[:, None], lengths)


def reverse(x: Tensor, lengths: Tensor) -> Tensor:
    """Return each sequence of x (B, T, D) from its last step to its first, its padding left in place."""
    t = torch.arange(x.shape[1], device=x.device)
    source = torch.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)  # (B, T)
    return x.gather(1, source[..., None].expand_as(x))


def join(x: Tensor, lengths: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return (B, ⌈T / count⌉, count·D), neighbouring steps as one, and the new lengths; missing steps are zeros.

    >>> join(torch.tensor([[[1.0], [2.0], [3.0]]]), torch.tensor([3]), 2)
    (tensor([[[1., 2.],
             [3., 0.]]]), tensor([2]))
    """
    B, T, D = x.shape
    x = x.masked_fill(~_mask(lengths, T)[..., None], 0.0)  # whatever stood there: even a NaN has no say
    x = nn.functional.pad(x, (0, 0, 0, -T % count))
    return x.reshape(B, x.shape[1] // count, count * D), (lengths + count - 1) // count


def _mask(lengths: Tensor, T: int) -> Tensor:
    return torch.arange(T, device=lengths.device) < lengths[:, None]


def _lengths(x: Tensor, lengths: Tensor | None) -> Tensor:
    if x.dim() != 3 or not x.is_floating_point():
        raise ValueError(
            f"x is {x.dtype} of shape {tuple(x.shape)}; an encoder reads frames (B, T, D), or tokens by an embedding"
        )
    B, T, _ = x.shape
    lengths = torch.full((B,), T, device=x.device) if lengths is None else torch.as_tensor(lengths, device=x.device)
    if lengths.shape != (B,) or lengths.is_floating_point() or (B and not 1 <= lengths.min() <= lengths.max() <= T):
        raise ValueError(
            f"lengths are {lengths.tolist()}; {B} sequences of {T} steps need {B} whole numbers in 1 to {T}"
        )
    return lengths
