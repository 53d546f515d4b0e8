"""Sequence to sequence: an encoder reads, a decoder writes, one token after the other.

The decoder is a language model that has been told something: first by the state it starts from, the encoder's summary
(Sutskever et al. 2014, Cho et al. 2014), then, with attention, by a look back at the input after every step (Luong et
al. 2015). It computes P(y | x) = Π_u P(y_u | y_1 … y_{u-1}, x), from the token ``<sos>`` on, until it writes ``<eos>``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from course_utils.algorithms.attention import LocationAware, attend, attend_along
from course_utils.algorithms.encoders import Cell, Encoded
from course_utils.algorithms.recurrent import LSTM, RNN

Hidden = Tensor | tuple[Tensor, ...]


@dataclass(frozen=True)
class DecoderState:
    """All that a decoder knows between two steps, one row for each sequence it writes.

    ``hidden`` is the recurrent layer's state, (B, H) or a pair of them. With attention, ``keys`` (B, T, H) and
    ``values`` (B, T, V) are what it looks back at, ``mask`` (B, T) is True where they are no padding, and ``previous``
    (B, T) the weights of its last look; without, these four are None.
    """

    hidden: Hidden
    keys: Tensor | None = None
    values: Tensor | None = None
    mask: Tensor | None = None
    previous: Tensor | None = None

    def __len__(self) -> int:
        return len(self._first)

    @property
    def device(self) -> torch.device:
        return self._first.device

    @property
    def _first(self) -> Tensor:
        return self.hidden[0] if isinstance(self.hidden, tuple) else self.hidden

    def select(self, rows: Tensor) -> "DecoderState":
        """Return the state of these rows, in this order; a row may be taken more than once."""
        hidden = tuple(h[rows] for h in self.hidden) if isinstance(self.hidden, tuple) else self.hidden[rows]
        rest = (None if part is None else part[rows] for part in (self.keys, self.values, self.mask, self.previous))
        return DecoderState(hidden, *rest)


class Decoder(nn.Module):
    """Writes tokens: embeds the last one, takes a recurrent step, looks back at the input, and scores the next token.

        h_u = cell(embed(y_{u-1}), h_{u-1}),   c_u = attend(h_u, keys, values),
        o_u = tanh(W [h_u; c_u]),              logits_u = V o_u

    Since the look comes after the step (Luong et al. 2015, section 3), the step needs nothing of it, and a whole target
    sequence is one call: all steps of the recurrent layer, then all looks at once.

    Args:
        classes: C, the number of tokens.
        embedding_size: the numbers that stand for a token.
        hidden_size: H, the numbers in the state.
        memory_size: the numbers in each of the encoder's outputs, its ``output_size``.
        cell: RNN, LSTM or GRU.
        score: how queries and keys of H numbers are compared: a function or module of ``attention``, `LocationAware`
            included; None is a decoder without attention, which knows of the input what its first state holds.
    """

    def __init__(
        self,
        classes: int,
        embedding_size: int,
        hidden_size: int,
        memory_size: int,
        cell: Cell = RNN,
        score: Callable[..., Tensor] | None = None,
    ):
        super().__init__()
        self.classes, self.score = classes, score
        self.embedding = nn.Embedding(classes, embedding_size)
        self.cell = cell(embedding_size, hidden_size)
        parts = 2 if isinstance(self.cell, LSTM) else 1  # an LSTM's state is a pair
        self.begin = nn.Linear(memory_size, hidden_size * parts)
        if score is not None:
            self.key = nn.Linear(memory_size, hidden_size, bias=False)
            self.combine = nn.Linear(hidden_size + memory_size, hidden_size)
        self.output = nn.Linear(hidden_size, classes)

    def start(self, encoded: Encoded) -> DecoderState:
        """Return the state before the first token, made from what the encoder read."""
        first = torch.tanh(self.begin(encoded.summary))
        H = self.output.in_features
        hidden = first if first.shape[1] == H else tuple(first.split(H, 1))
        if self.score is None:
            return DecoderState(hidden)
        memory = encoded.outputs
        return DecoderState(hidden, self.key(memory), memory, encoded.mask, memory.new_zeros(memory.shape[:2]))

    def forward(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, Tensor | None, DecoderState]:
        """Return the scores of the token after each of these, and the state after the last.

        Args:
            tokens: (B, U), each step's last token, ``<sos>`` the first; U is 1 where the next is not yet known.
            state: from `start`, or from the call before.

        Returns:
            logits (B, U, C), attention weights (B, U, T) or None, and the new state.
        """
        if tokens.dim() != 2 or tokens.is_floating_point():
            raise ValueError(f"tokens are {tokens.dtype} of shape {tuple(tokens.shape)}; give whole numbers (B, U)")
        h, hidden = self.cell(self._embedded(tokens), state.hidden)  # (B, U, H)
        if self.score is None:
            return self.output(h), None, replace(state, hidden=hidden)
        context, weights = self._look(h, state)
        o = torch.tanh(self.combine(torch.cat([h, context], -1)))
        return self.output(o), weights, replace(state, hidden=hidden, previous=weights[:, -1])

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, Tensor | None, DecoderState]:
        """Return log-probabilities (B, C) of the token after each of tokens (B,), weights (B, T), and the new state."""
        logits, weights, state = self(tokens[:, None], state)
        return logits[:, 0].log_softmax(-1), None if weights is None else weights[:, 0], state

    def _embedded(self, tokens: Tensor) -> Tensor:
        try:
            return self.embedding(tokens)
        except IndexError as error:  # to ask first would have a GPU wait at every step
            run = f"tokens run from {tokens.min()} to {tokens.max()}"
            raise ValueError(f"{run}; they must lie in 0 to {self.classes - 1}, padding included") from error

    def _look(self, h: Tensor, state: DecoderState) -> tuple[Tensor, Tensor]:
        if state.keys is None or state.values is None or state.previous is None or self.score is None:
            raise ValueError("a decoder with attention needs a state with keys and values, as its own start gives it")
        if isinstance(self.score, LocationAware):
            return attend_along(h, state.keys, state.values, state.mask, self.score, state.previous)
        return attend(h, state.keys, state.values, state.mask, self.score)


class Seq2Seq(nn.Module):
    """An encoder and a decoder, trained together.

    Args:
        encoder: from frames (B, T, D) and lengths to `Encoded`.
        decoder: a `Decoder` for its outputs.
        embedding: from tokens (B, T) to frames (B, T, D), where the input is text; None where it is frames already.
    """

    def __init__(self, encoder: nn.Module, decoder: Decoder, embedding: nn.Module | None = None):
        super().__init__()
        self.encoder, self.decoder, self.embedding = encoder, decoder, embedding

    def start(self, inputs: Tensor, lengths: Tensor | None = None) -> DecoderState:
        """Return the decoder's state after the encoder has read inputs, tokens (B, T) or frames (B, T, D)."""
        frames = inputs if self.embedding is None else self.embedding(inputs)
        return self.decoder.start(self.encoder(frames, lengths))

    def forward(
        self, inputs: Tensor, lengths: Tensor | None, targets: Tensor, sos: int
    ) -> tuple[Tensor, Tensor | None]:
        """Return logits (B, U, C) of each target token, given all true ones before it, and attention weights.

        Args:
            inputs: (B, T) tokens or (B, T, D) frames, padded.
            lengths: (B,), how many of each are no padding.
            targets: (B, U), each ending with ``<eos>``, then padded.
            sos: the token that stands before the first.
        """
        logits, weights, _ = self.decoder(shift(targets, sos), self.start(inputs, lengths))
        return logits, weights


def shift(targets: Tensor, sos: int) -> Tensor:
    """Return what the decoder reads as it writes the targets (B, U): ``<sos>``, then all but the last of them.

    >>> shift(torch.tensor([[5, 6, 2]]), sos=1)
    tensor([[1, 5, 6]])
    """
    return torch.cat([torch.full_like(targets[:, :1], sos), targets[:, :-1]], 1)
