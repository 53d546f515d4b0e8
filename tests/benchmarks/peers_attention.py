"""Attention against ``nn.MultiheadAttention`` with one head, and how it grows; seq2seq's training, by its choices.

Both sides project queries, keys, values and the answer with the same weights, forward and backward, and both return
the weights.
"""

import torch
from pairs import Curve, Row, against, curve, ratio
from torch import nn
from torch.nn.functional import linear

from course_utils.algorithms.attention import Additive, attend, scaled_dot
from course_utils.algorithms.beam import beam_search
from course_utils.algorithms.encoders import RecurrentEncoder
from course_utils.algorithms.recurrent import GRU
from course_utils.algorithms.seq2seq import Decoder, Seq2Seq
from course_utils.algorithms.teacher_forcing import cross_entropy, write

D = 128
SOS, EOS, CLASSES = 1, 2, 30


def rows() -> list[Row]:
    """Return (what, ratio, goal)."""
    found = []
    for (B, T), goal in {(32, 20): 0.9, (32, 100): 0.9, (8, 500): None}.items():
        for masked in (False, True):
            what = f"attention, batch {B}, T = {T}{', masked' if masked else ''} / nn.MultiheadAttention"
            found.append((what, *against(ratio(*_pair(B, T, masked)), goal)))
    alone, stepped = _training(1.0), _training(1 - 1e-9)
    found.append(
        ("a decoder's training, U = 20: whole target at once / step by step", *against(ratio(alone, stepped, 7)))
    )
    return found


def growth() -> list[Curve]:
    """Return how attention grows with T, all queries against all keys, and beam search with its width."""
    return [
        curve("dot-product attention", "T (keys), 20 queries", (250, 500, 1000, 2000, 4000), lambda T: _attend(T)),
        curve("additive attention", "T (keys), 20 queries", (50, 100, 200, 400, 800), lambda T: _attend(T, True)),
        curve("beam search", "drafts", (32, 64, 128, 256, 512), _search),
    ]


def _pair(B: int, T: int, masked: bool):
    peer = nn.MultiheadAttention(D, 1, batch_first=True)
    x = torch.randn(B, T, D, requires_grad=True)
    lengths = torch.linspace(T / 2, T, B).long()
    mask = torch.arange(T) < lengths[:, None] if masked else None
    padding = None if mask is None else ~mask

    def ours():
        query, keys, values = linear(x, peer.in_proj_weight, peer.in_proj_bias).chunk(3, -1)
        peer.out_proj(attend(query, keys, values, mask)[0]).sum().backward()

    def theirs():
        peer(x, x, x, key_padding_mask=padding)[0].sum().backward()

    return ours, theirs


def _attend(T: int, additive: bool = False):
    query, keys = torch.randn(8, 20, 64, requires_grad=True), torch.randn(8, T, 64, requires_grad=True)
    score = Additive(64, 64, 16) if additive else scaled_dot
    return lambda: attend(query, keys, keys, score=score)[0].sum().backward()


def _model() -> tuple[Seq2Seq, torch.Tensor]:
    torch.manual_seed(0)
    return Seq2Seq(RecurrentEncoder(40, 64, GRU), Decoder(CLASSES, 32, 64, 128, GRU, scaled_dot)), torch.randn(
        16, 50, 40
    )


def _training(share: float):
    model, x = _model()
    targets, lengths = torch.randint(3, CLASSES, (16, 20)), torch.full((16,), 20)
    state = model.start(x)

    def update():
        logits, _ = write(model.decoder, state, targets, SOS, share)
        cross_entropy(logits, targets, lengths).backward(retain_graph=True)

    return update


def _search(width: int):
    model, x = _model()
    with torch.no_grad():
        state = model.start(x[:4])
    return lambda: beam_search(model.decoder.step, state, width, SOS, EOS, 10)
