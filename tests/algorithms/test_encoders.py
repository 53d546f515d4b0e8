"""Encoders against torch's layers and loops over positions; padding and the rest of the batch change nothing."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from course_utils.algorithms.encoders import (
    Bidirectional,
    ConvolutionalEncoder,
    RecurrentEncoder,
    join,
    pyramidal,
    reverse,
)
from course_utils.algorithms.recurrent import GRU, LSTM, RNN

from .devices import devices

SEEDS = st.integers(0, 1000)
KINDS = {
    "recurrent": lambda: RecurrentEncoder(3, 4),
    "joining by four": lambda: RecurrentEncoder(3, 4, LSTM, joined=(4,)),
    "pyramidal": lambda: pyramidal(3, 4, GRU, halvings=2),
    "convolutional": lambda: ConvolutionalEncoder(3, 4),
    "convolutional, joining": lambda: ConvolutionalEncoder(3, 4, layers=2, width=3, joined=3),
}


def numbers(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def make(kind, seed=0):
    torch.manual_seed(seed)
    return KINDS[kind]().double()


def lengths_for(B, T, seed):
    return torch.randint(1, T + 1, (B,), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("cell", "peer"), [(RNN, nn.RNN), (LSTM, nn.LSTM), (GRU, nn.GRU)])
@given(st.integers(1, 4), st.integers(1, 7), SEEDS)
@settings(max_examples=15)
def test_both_directions_are_torchs(cell, peer, B, T, seed):
    torch.manual_seed(seed)
    theirs = peer(3, 4, batch_first=True, bidirectional=True).double()
    ours = Bidirectional(3, 4, cell).double()
    weights = theirs.state_dict()
    ours.forwards.load_state_dict({name: w for name, w in weights.items() if "reverse" not in name})
    ours.backwards.load_state_dict({name[:-8]: w for name, w in weights.items() if "reverse" in name})
    x, lengths = numbers(seed, B, T, 3).requires_grad_(), lengths_for(B, T, seed)

    outputs, summary = ours(x, lengths)
    packed, last = theirs(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
    their_outputs, _ = pad_packed_sequence(packed, batch_first=True, total_length=T)
    h = last[0] if isinstance(last, tuple) else last
    torch.testing.assert_close(outputs, their_outputs)
    torch.testing.assert_close(summary, torch.cat([h[0], h[1]], -1))
    pull = numbers(seed + 1, *outputs.shape)
    torch.testing.assert_close(
        torch.autograd.grad((outputs * pull).sum(), x), torch.autograd.grad((their_outputs * pull).sum(), x)
    )


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(1, 4), st.integers(1, 10), st.integers(0, 5), SEEDS)
@settings(max_examples=10)
def test_padding_and_company_change_nothing(device, kind, B, T, more, seed):
    encoder = make(kind, seed).to(device)
    x, lengths = numbers(seed, B, T, 3), lengths_for(B, T, seed)
    noise = 1e3 * numbers(seed + 1, B, T + more, 3)
    padding = torch.arange(T + more) >= lengths[:, None]
    padded = torch.where(padding[..., None], noise, nn.functional.pad(x, (0, 0, 0, more)))
    found = encoder(padded.to(device), lengths.to(device))
    assert (found.outputs[~found.mask] == 0).all()
    for b in range(B):
        alone = encoder(x[b : b + 1, : int(lengths[b])].to(device))
        count = int(found.lengths[b])
        assert alone.outputs.shape == (1, count, encoder.output_size)
        torch.testing.assert_close(found.outputs[b, :count], alone.outputs[0])
        torch.testing.assert_close(found.summary[b], alone.summary[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("anything", [torch.nan, torch.inf])
def test_whatever_stands_in_the_padding_has_no_say_in_the_gradients(kind, anything):
    encoder, lengths = make(kind), torch.tensor([7, 4])
    padding = (torch.arange(7) >= lengths[:, None])[..., None]

    def gradients(x):
        x.requires_grad_()
        found = encoder(x, lengths)
        return torch.autograd.grad(found.outputs.sum() + found.summary.sum(), (x, *encoder.parameters()))

    x = numbers(0, 2, 7, 3)
    expected, got = gradients(x.masked_fill(padding, 0.0)), gradients(x.masked_fill(padding, anything))
    torch.testing.assert_close(got, expected)
    assert (got[0].masked_select(padding) == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_of_any_whole_kind_and_a_batch_of_none(kind):
    encoder, x = make(kind), numbers(0, 2, 7, 3)
    expected = encoder(x, torch.tensor([7, 4]))
    for lengths in ([7, 4], torch.tensor([7, 4], dtype=torch.int32)):
        torch.testing.assert_close(encoder(x, lengths).outputs, expected.outputs)
        torch.testing.assert_close(encoder(x, lengths).summary, expected.summary)
    assert encoder(x[:0]).outputs.shape == (0, *expected.outputs.shape[1:])


@pytest.mark.parametrize(
    ("kind", "frames"),
    [("recurrent", 1), ("joining by four", 4), ("pyramidal", 4), ("convolutional", 1), ("convolutional, joining", 3)],
)
def test_joining_leaves_fewer_positions(kind, frames):
    lengths = torch.tensor([1, frames, frames + 1, 20])
    found = make(kind)(numbers(0, 4, 20, 3), lengths)
    assert found.lengths.tolist() == [1, 1, 2, -(-20 // frames)]
    assert pyramidal(3, 4)(torch.zeros(1, 17, 3)).lengths.tolist() == [3]  # by default eight frames become one


def test_the_pyramid_is_layers_on_pairs():
    encoder, x = make("pyramidal"), numbers(0, 1, 8, 3)
    outputs = x
    for k, layer in enumerate(encoder.layers):
        if k:
            outputs = torch.stack(
                [torch.cat([outputs[:, t], outputs[:, t + 1]], -1) for t in range(0, 8 >> k - 1, 2)], 1
            )
        outputs, _ = layer(outputs, torch.tensor([outputs.shape[1]]))
    torch.testing.assert_close(encoder(x).outputs, outputs)


def test_the_convolution_is_its_definition():
    torch.manual_seed(0)
    encoder, x = ConvolutionalEncoder(2, 3, layers=1, width=3).double(), numbers(0, 1, 5, 2)
    h = nn.functional.pad(encoder.enter(x)[0], (0, 0, 1, 1))
    weights = encoder.state_dict()
    kernel, bias = weights["layers.0.weight"], weights["layers.0.bias"]
    for t in range(5):
        filtered = torch.einsum("hik,ki->h", kernel, h[t : t + 3]) + bias
        torch.testing.assert_close(encoder(x).outputs[0, t], h[t + 1] + filtered.relu())
    torch.testing.assert_close(encoder(x).summary[0], encoder(x).outputs[0].mean(0))


def test_a_convolution_sees_its_surroundings_only():
    encoder, x = ConvolutionalEncoder(3, 4, layers=2, width=5).double(), numbers(0, 1, 20, 3).requires_grad_()
    reach = torch.autograd.grad(encoder(x).outputs[0, 10].sum(), x)[0][0].abs().sum(-1) > 0
    assert reach.nonzero().flatten().tolist() == list(range(6, 15))


def test_reverse():
    x = torch.arange(1, 9).reshape(2, 4, 1)
    assert reverse(x, torch.tensor([4, 2]))[..., 0].tolist() == [[4, 3, 2, 1], [6, 5, 7, 8]]


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 5), SEEDS)
def test_joining_keeps_every_number(B, T, count, seed):
    x, lengths = numbers(seed, B, T, 2), lengths_for(B, T, seed)
    joined, short = join(x, lengths, count)
    for b in range(B):
        assert int(short[b]) == -(-int(lengths[b]) // count)
        flat = joined[b].reshape(-1, 2)
        torch.testing.assert_close(flat[: int(lengths[b])], x[b, : int(lengths[b])])
        assert (flat[int(lengths[b]) :] == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck(kind):
    encoder, x = make(kind), numbers(1, 2, 5, 3).requires_grad_()

    def read(x):
        found = encoder(x, torch.tensor([5, 3]))
        return found.outputs, found.summary

    assert torch.autograd.gradcheck(read, (x,))


@pytest.mark.parametrize("kind", ["recurrent", "convolutional"])
@pytest.mark.parametrize(
    ("x", "lengths", "message"),
    [
        (torch.zeros(2, 4, dtype=torch.long), None, "int64.*an encoder reads frames"),
        (torch.zeros(2, 4, 3, dtype=torch.long), None, "int64.*an encoder reads frames"),
        (torch.zeros(2, 4), None, r"float32 of shape \(2, 4\); an encoder reads frames"),
        (torch.zeros(2, 4, 3), torch.tensor([5, 1]), r"\[5, 1\].*2 whole numbers in 1 to 4"),
        (torch.zeros(2, 4, 3), torch.tensor([4, 0]), "in 1 to 4"),
        (torch.zeros(2, 4, 3), torch.tensor([4]), "2 sequences"),
        (torch.zeros(2, 4, 3), torch.tensor([4.0, 1.0]), "whole numbers"),
    ],
)
def test_bad_input_is_named(kind, x, lengths, message):
    with pytest.raises(ValueError, match=message):
        KINDS[kind]()(x, lengths)


def test_bad_settings_are_named():
    with pytest.raises(ValueError, match=r"joined is \(2, 0\)"):
        RecurrentEncoder(1, 1, joined=(2, 0))
    with pytest.raises(ValueError, match="width 4 must be odd"):
        ConvolutionalEncoder(1, 1, width=4)
