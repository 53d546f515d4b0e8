"""Encoder and decoder: stepping is the same as one call, and small models learn to turn strings round."""

import pytest
import torch
from torch import nn

from course_utils.algorithms.attention import Additive, LocationAware, dot, scaled_dot
from course_utils.algorithms.beam import beam_search, greedy
from course_utils.algorithms.encoders import ConvolutionalEncoder, RecurrentEncoder, pyramidal
from course_utils.algorithms.recurrent import GRU, LSTM, RNN
from course_utils.algorithms.seq2seq import Decoder, Seq2Seq, shift
from course_utils.algorithms.teacher_forcing import cross_entropy, write

from .devices import devices

SOS, EOS = 1, 2
SCORES = {
    "none": lambda: None,
    "dot": lambda: dot,
    "scaled": lambda: scaled_dot,
    "additive": lambda: Additive(6, 6, 5),
    "location": lambda: LocationAware(6, 6, 5, filters=2, width=3),
}
ENCODERS = {
    "recurrent": lambda: RecurrentEncoder(4, 3, LSTM),
    "pyramidal": lambda: pyramidal(4, 3, halvings=1),
    "convolutional": lambda: ConvolutionalEncoder(4, 6, joined=2),
}


def model_of(score="dot", cell=RNN, encoder="recurrent", tokens=True, seed=0):
    torch.manual_seed(seed)
    read = ENCODERS[encoder]()
    decoder = Decoder(7, 4, 6, read.output_size, cell, SCORES[score]())
    return Seq2Seq(read, decoder, nn.Embedding(9, 4) if tokens else None).double()


def batch(seed=0, B=3, T=6, U=4, tokens=True):
    source = torch.Generator().manual_seed(seed)
    inputs = torch.randint(0, 9, (B, T), generator=source)
    if not tokens:
        inputs = torch.randn(B, T, 4, generator=source, dtype=torch.float64)
    lengths = torch.randint(1, T + 1, (B,), generator=source)
    return inputs, lengths, torch.randint(0, 7, (B, U), generator=source)


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize("cell", [RNN, LSTM, GRU])
@pytest.mark.parametrize("score", SCORES)
def test_step_by_step_is_the_whole_at_once(score, cell, device):
    model = model_of(score, cell).to(device)
    inputs, lengths, targets = (x.to(device) for x in batch())
    logits, weights = model(inputs, lengths, targets, SOS)
    state = model.start(inputs, lengths)
    for u, tokens in enumerate(shift(targets, SOS).T):
        log_probs, looks, state = model.decoder.step(tokens, state)
        torch.testing.assert_close(log_probs, logits[:, u].log_softmax(-1))
        if score == "none":
            assert looks is weights is None
        else:
            torch.testing.assert_close(looks, weights[:, u])
            torch.testing.assert_close(state.previous, looks)


@pytest.mark.parametrize("score", ["none", "dot", "location"])
def test_truth_token_by_token_has_the_gradients_of_the_whole_at_once(score):
    model, (frames, lengths, targets) = model_of(score, LSTM, tokens=False), batch(tokens=False)
    frames.requires_grad_()

    def written(ratio):
        logits, weights = write(model.decoder, model.start(frames, lengths), targets, SOS, ratio)
        return logits, weights, torch.autograd.grad(logits.square().sum(), (frames, *model.parameters()))

    torch.testing.assert_close(written(1 - 1e-9), written(1.0))


@pytest.mark.parametrize("score", ["none", "dot", "location"])
def test_free_running_writes_what_greedy_writes(score):
    model, (inputs, lengths, targets) = model_of(score, GRU), batch(U=6)
    logits, _ = write(model.decoder, model.start(inputs, lengths), targets, SOS, ratio=0)
    texts = greedy(model.decoder.step, model.start(inputs, lengths), SOS, EOS, 6)
    for said, text in zip(logits.argmax(-1), texts, strict=True):
        steps = len(text.tokens) + text.ended
        assert said[:steps].tolist() == [*text.tokens.tolist(), *[EOS] * text.ended]


@pytest.mark.parametrize("score", ["none", "dot"])
def test_the_decoder_is_its_equations(score):
    model = model_of(score)
    inputs, lengths, targets = batch()
    encoded = model.encoder(model.embedding(inputs), lengths)
    logits, _ = model(inputs, lengths, targets, SOS)
    decoder = model.decoder
    h = torch.tanh(decoder.begin(encoded.summary))
    for u, tokens in enumerate(shift(targets, SOS).T):
        cell = decoder.cell
        sums = cell.weight_ih_l0 @ decoder.embedding(tokens).T + cell.weight_hh_l0 @ h.T
        h = torch.tanh(sums.T + cell.bias_ih_l0 + cell.bias_hh_l0)
        o = h
        if score == "dot":
            contexts = []
            for b, count in enumerate(lengths.tolist()):
                outputs = encoded.outputs[b, :count]
                a = (outputs @ decoder.key.weight.T @ h[b]).softmax(0)
                contexts.append(a @ outputs)
            o = torch.tanh(decoder.combine(torch.cat([h, torch.stack(contexts)], 1)))
        torch.testing.assert_close(logits[:, u], decoder.output(o))


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("tokens", [True, False])
@pytest.mark.parametrize("score", ["none", "additive", "location"])
def test_padding_and_company_change_nothing(score, tokens, encoder):
    model = model_of(score, encoder=encoder, tokens=tokens)
    inputs, lengths, targets = batch(tokens=tokens)
    more = torch.cat([inputs, inputs.flip(0)], 1)
    padding = torch.arange(more.shape[1]) >= lengths[:, None]
    noisy = more.masked_fill(padding if tokens else padding[..., None], 8)
    logits, weights = model(noisy, lengths, targets, SOS)
    for b in range(len(inputs)):
        alone, looks = model(inputs[b : b + 1, : int(lengths[b])], None, targets[b : b + 1], SOS)
        torch.testing.assert_close(logits[b], alone[0])
        if weights is not None:
            T = looks.shape[2]
            torch.testing.assert_close(weights[b, :, :T], looks[0])
            assert (weights[b, :, T:] == 0).all()


@pytest.mark.parametrize("cell", [RNN, LSTM])
@pytest.mark.parametrize("score", ["none", "location"])
def test_rows_of_a_state_can_be_taken_again(score, cell):
    model = model_of(score, cell)
    inputs, lengths, targets = batch()
    _, _, state = model.decoder(targets[:, :2], model.start(inputs, lengths))
    rows = torch.tensor([2, 0, 2])
    assert len(state.select(rows[:2])) == 2
    one = model.decoder.step(targets[rows, 2], state.select(rows))[0]
    torch.testing.assert_close(one, model.decoder.step(targets[:, 2], state)[0][rows])


def test_a_target_may_be_forced_halfway():
    """What comes after a forced token is what teacher forcing with that token gives."""
    model = model_of("dot")
    inputs, lengths, targets = batch()
    _, _, state = model.decoder(shift(targets, SOS)[:, :2], model.start(inputs, lengths))
    forced = torch.tensor([3, 4, 5])
    log_probs, _, _ = model.decoder.step(forced, state)
    targets[:, 1] = forced
    torch.testing.assert_close(log_probs, model(inputs, lengths, targets, SOS)[0][:, 2].log_softmax(-1))


@pytest.mark.parametrize("score", SCORES)
def test_gradients_by_finite_differences(score):
    model, (frames, lengths, targets) = model_of(score, LSTM, tokens=False), batch(B=2, T=3, U=2, tokens=False)
    frames.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: model(x, lengths, targets, SOS)[0], (frames,))
    assert all(p.grad is None for p in model.parameters())
    model(frames, lengths, targets, SOS)[0].sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(("score", "encoder"), [(None, "recurrent"), (dot, "recurrent"), (dot, "convolutional")])
def test_overfits_four_strings_turned_round(score, encoder):
    torch.manual_seed(0)
    strings = [[3, 4, 5], [6, 3], [5, 5, 4, 6], [4]]
    lengths = torch.tensor([len(string) for string in strings])
    inputs = nn.utils.rnn.pad_sequence([torch.tensor(string) for string in strings], batch_first=True)
    turned = [torch.tensor([*string[::-1], EOS]) for string in strings]
    targets = nn.utils.rnn.pad_sequence(turned, batch_first=True)
    read = RecurrentEncoder(8, 16, GRU) if encoder == "recurrent" else ConvolutionalEncoder(8, 32, width=3)
    model = Seq2Seq(read, Decoder(7, 8, 32, 32, GRU, score), nn.Embedding(7, 8))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(70):
        logits, _ = write(model.decoder, model.start(inputs, lengths), targets, SOS)
        loss = cross_entropy(logits, targets, lengths + 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05
    model.eval()
    for found in (
        greedy(model.decoder.step, model.start(inputs, lengths), SOS, EOS, 10),
        [best[0] for best in beam_search(model.decoder.step, model.start(inputs, lengths), 3, SOS, EOS, 10)],
    ):
        assert [text.tokens.tolist() for text in found] == [string[::-1] for string in strings]
        assert all(text.ended for text in found)


@pytest.mark.parametrize("score", ["none", "dot", "additive"])
def test_float32_over_a_thousand_frames(score):
    model, (frames, _, targets) = model_of(score, LSTM, tokens=False), batch(T=1000, U=20, tokens=False)
    exact, _ = model(frames, None, targets, SOS)
    rough, _ = model.float()(frames.float(), None, targets, SOS)
    torch.testing.assert_close(rough.double(), exact, rtol=0, atol=1e-5)


def test_bad_input_is_named():
    model = model_of("dot")
    inputs, lengths, targets = batch()
    state = model.start(inputs, lengths)
    with pytest.raises(ValueError, match=r"tokens are torch.int64 of shape \(3,\).*\(B, U\)"):
        model.decoder(targets[:, 0], state)
    with pytest.raises(ValueError, match=r"tokens run from -1 to \d; they must lie in 0 to 6, padding included"):
        model.decoder(targets.clone().fill_diagonal_(-1), state)
    with pytest.raises(ValueError, match="state with keys and values"):
        model.decoder(targets, model_of("none").start(inputs, lengths))
    with pytest.raises(ValueError, match="tokens by an embedding"):
        model_of("dot", tokens=False).start(inputs, lengths)
