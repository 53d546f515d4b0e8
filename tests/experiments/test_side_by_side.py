"""Networks side by side are what they are alone: the same scores, losses, gradients and training."""

import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, ctc_loss

from course_utils.experiments import side_by_side
from course_utils.experiments.side_by_side import KINDS, Listener, by_norm, compare

SGD = partial(torch.optim.SGD, lr=0.5, momentum=0.9)


def networks(kind, count=3, C=5):
    torch.manual_seed(0)
    return [Listener(kind, 128, 6, C) for _ in range(count)]


def batch(*labels, lengths=(7, 4)):
    generator = torch.Generator().manual_seed(1)
    examples = [(torch.randn(T, 128, generator=generator), said) for T, said in zip(lengths, labels, strict=True)]
    return side_by_side.batched(examples, len(examples))[0]


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_each_alone(kind):
    models, x = networks(kind), torch.randn(2, 7, 128)
    together = side_by_side.scores(models, x)
    alone = torch.stack([model.output(s[0] if isinstance(s := model.layer(x), tuple) else s) for model in models])
    torch.testing.assert_close(together, alone)
    found = torch.autograd.grad(together.square().sum(), list(models[1].parameters()))
    torch.testing.assert_close(found, torch.autograd.grad(alone.square().sum(), list(models[1].parameters())))


@pytest.mark.parametrize("kind", ["RNN", "LSTM"])
def test_losses_are_torchs(kind):
    models = networks(kind)
    x, lengths, labels = batch([1], [2, 3], lengths=(4, 7))
    found = side_by_side.ctc_losses(models, (x, lengths, labels))
    for model, value in zip(models, found, strict=True):
        parts = [
            ctc_loss(
                model(x[k, None, :T])[0].log_softmax(-1),
                torch.tensor(said),
                T,
                torch.tensor(len(said)),
                reduction="sum",
            )
            for k, (T, said) in enumerate(zip(lengths, labels, strict=True))
        ]
        torch.testing.assert_close(value, torch.stack(parts).mean())
    words = x, lengths, [[1], [4]]
    found = side_by_side.word_losses(models, words)
    for model, value in zip(models, found, strict=True):
        last = torch.stack([model(x[k, None, :T])[0, -1] for k, T in enumerate(lengths)])
        torch.testing.assert_close(value, cross_entropy(last, torch.tensor([1, 4])))
        share = (last.argmax(1) == torch.tensor([1, 4])).double().mean()
        torch.testing.assert_close(side_by_side.share_right([model], words)[0], share)


def test_each_gradient_has_memory_of_its_own():
    """Else clipping in place would shorten some of them twice."""
    models = networks("RNN")
    side_by_side.ctc_losses(models, batch([1], [2, 3], lengths=(4, 7))).sum().backward()
    weights = list(models[1].parameters())
    before = side_by_side.gradient_of(weights)
    by_norm(0.5 * float(before.norm()))(weights)
    torch.testing.assert_close(side_by_side.gradient_of(weights), before / 2)


def test_training_side_by_side_is_training_alone():
    batches = [batch([1], [2, 3], lengths=(4, 7)), batch([4], [4, 4], lengths=(6, 6))]
    build = partial(Listener, "RNN", 128, 6, 5)
    rules = {"free": by_norm(math.inf), "short": by_norm(0.1)}
    runs = compare(rules, build, [3, 4], batches, side_by_side.ctc_losses, SGD, 12)
    for name, limit in [("free", math.inf), ("short", 0.1)]:
        torch.manual_seed(4)
        model = build()
        optimizer = SGD(model.parameters())
        for k in range(12):
            loss = side_by_side.ctc_losses([model], batches[k % 2]).sum()
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), limit)
            torch.testing.assert_close(runs[name].losses[k, 1], loss.detach(), rtol=1e-3, atol=1e-4)
            torch.testing.assert_close(runs[name].norms[k, 1], norm, rtol=1e-3, atol=1e-4)
            optimizer.step()
    assert torch.equal(runs["free"].losses[0], runs["short"].losses[0])  # the same first weights


def test_a_network_that_is_lost_spoils_no_other():
    def explode(parameters):
        for parameter in parameters:
            parameter.grad.fill_(math.inf)
        return torch.tensor(math.inf)

    build, batches = partial(Listener, "RNN", 128, 6, 5), [batch([1], [2, 3], lengths=(4, 7))]
    alone = compare({"free": by_norm(1.0)}, build, [1], batches, side_by_side.ctc_losses, SGD, 12)["free"]
    runs = compare({"free": by_norm(1.0), "lost": explode}, build, [1], batches, side_by_side.ctc_losses, SGD, 12)
    torch.testing.assert_close(runs["free"].losses, alone.losses)
    assert runs["lost"].ends.tolist() == [math.inf]
    assert runs["lost"].losses.isfinite().sum() == 1
    assert side_by_side.error_rates(runs["lost"].models, batches[0]).tolist() == [1.0]
    assert [part.tolist()[-1] for part in runs["lost"].band(9.0)[1:]] == [9.0, 9.0, 9.0]


def test_no_other_random_numbers_are_touched():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    compare(
        {"a": by_norm(1.0)},
        partial(Listener, "RNN", 128, 2, 5),
        [1],
        [batch([1], [2])],
        side_by_side.ctc_losses,
        SGD,
        10,
    )
    assert torch.equal(torch.rand(3), expected)


def test_small_numbers_are_dropped():
    weight = nn.Parameter(torch.zeros(2, 5))
    weight.grad = torch.tensor([[1.0, -2, 3, -4, 5], [-6, 7, -8, 9, -10]])
    norm = side_by_side.drop_small([weight], 0.8)
    assert weight.grad.flatten().tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 9, -10]
    assert norm == pytest.approx(385**0.5)
    assert side_by_side.gradient_of([weight, weight]).shape == (20,)


def test_error_rates_count_edits():
    model = networks("RNN", 1)[0]
    x, lengths, labels = batch([1, 2], [3], lengths=(7, 4))
    with torch.no_grad():
        model.output.weight.zero_()
        model.output.bias.copy_(torch.tensor([0.0, 1, 0, 0, 0]))  # says 1, and nothing else
    assert side_by_side.error_rates([model], (x, lengths, labels)).tolist() == [pytest.approx(2 / 3)]


def test_a_sound_is_written_by_each_network():
    says_two, lost = networks("RNN", 2, 11)
    with torch.no_grad():
        for parameter in says_two.output.parameters():
            parameter.zero_()
        says_two.output.bias[3] = 1.0
        lost.output.bias.fill_(math.nan)
    sound = torch.randn(4000, generator=torch.Generator().manual_seed(0))
    assert side_by_side.transcribe([says_two, lost], sound) == ["two", ""]


def test_tunes_and_end_losses():
    ids, real = side_by_side.tunes(8)
    V = int(ids.max()) + 1
    models = [Listener("RNN", V, 4, V) for _ in range(2)]
    assert (ids[:, 1:][~real] == 0).all()
    assert side_by_side.next_losses(models, (ids, real)).shape == (2,)
    x, y = torch.randn(3, 5, V), torch.tensor([0, 1, 2])
    expected = torch.stack([cross_entropy(model(x)[:, -1], y) for model in models])
    torch.testing.assert_close(side_by_side.end_losses(models, (x, y)), expected)


def test_speech_in_inputs_of_four_frames():
    heard = side_by_side.strings("valid", 6, longest=2)
    assert len(heard) == 6
    assert all(x.shape[1] == 128 and x.isfinite().all() for x, _ in heard)
    assert all(1 <= len(said) <= 2 and min(said) >= 1 and max(said) <= 10 for _, said in heard)
    batches = side_by_side.batched(heard, 4, torch.Generator().manual_seed(0))
    assert sorted(len(b[2]) for b in batches) == [2, 4]
    assert all(len(said) == 1 and 0 <= said[0] <= 9 for _, said in side_by_side.words("test", 10))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Listener("GRU", 1, 1, 1), "kind is 'GRU'; choose one of 'RNN'"),
        (
            lambda: compare({}, partial(Listener, "RNN", 1, 1, 1), [1], [1], side_by_side.ctc_losses, SGD),
            "0 rules, 1 seeds, 1 batches, 80 updates: too few",
        ),
        (lambda: side_by_side.words("valid", 100000), "gave .* single words; ask for fewer than 100000"),
        (lambda: by_norm(0.0)([]), "max_norm is 0.0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
