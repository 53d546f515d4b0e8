"""What a decoder reads while it learns, coin by coin; its loss against torch's; schedules by their equations."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.algorithms import teacher_forcing
from course_utils.algorithms.teacher_forcing import cross_entropy, write

from .devices import devices

SOS = 1


class Echo:
    """A decoder that notes what it reads, and finds the token after it likeliest: 3 after 2."""

    def __init__(self, classes=7):
        self.classes, self.read = classes, []

    def __call__(self, tokens, state):
        self.read.append(tokens)
        following = nn.functional.one_hot((tokens + 1) % self.classes, self.classes).float()
        return following, following[..., :2], state + tokens.shape[1]


def test_all_truth_is_one_call():
    decoder, targets = Echo(), torch.tensor([[4, 5, 2], [6, 2, 0]])
    logits, weights = write(decoder, 0, targets, SOS)
    assert [read.tolist() for read in decoder.read] == [[[1, 4, 5], [1, 6, 2]]]
    assert weights is not None
    assert (logits.shape, weights.shape) == ((2, 3, 7), (2, 3, 2))


def test_free_running_reads_what_it_wrote():
    decoder, targets = Echo(), torch.tensor([[4, 5, 2, 0], [6, 2, 0, 0]])
    logits, weights = write(decoder, 0, targets, SOS, ratio=0)
    assert torch.cat(decoder.read, 1).tolist() == [[1, 2, 3, 4]] * 2
    assert logits.argmax(-1).tolist() == [[2, 3, 4, 5]] * 2
    assert weights is not None
    assert weights.shape == (2, 4, 2)


@pytest.mark.parametrize("device", devices())
def test_the_coin_falls_as_often_as_the_ratio_says(device):
    targets = torch.full((400, 11), 6, device=device)
    decoder = Echo()
    write(decoder, 0, targets, SOS, 0.3, torch.Generator(device).manual_seed(0))
    read = torch.cat(decoder.read, 1)
    assert (read[:, 0] == SOS).all()
    truth = read[:, 1:] == 6
    own = read[:, 1:] == (read[:, :-1] + 1) % 7  # both after 5
    assert (truth | own).all()
    assert truth[:, 0].float().mean().item() == pytest.approx(0.3, abs=0.08)
    again = Echo()
    write(again, 0, targets, SOS, 0.3, torch.Generator(device).manual_seed(0))
    assert torch.equal(torch.cat(again.read, 1), read)


def test_a_ratio_just_below_one_is_teacher_forcing():
    targets = torch.tensor([[4, 5, 2], [6, 2, 0]])
    stepped, whole = Echo(), Echo()
    logits = write(stepped, 0, targets, SOS, 1 - 1e-9)[0]
    torch.testing.assert_close(logits, write(whole, 0, targets, SOS)[0])


@pytest.mark.parametrize("device", devices())
@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 5), st.sampled_from([0.0, 0.1, 1.0]), st.integers(0, 500))
@settings(max_examples=60)
def test_the_loss_is_torchs(device, B, U, C, smoothing, seed):
    source = torch.Generator().manual_seed(seed)
    logits = (5 * torch.randn(B, U, C, generator=source, dtype=torch.float64)).to(device).requires_grad_()
    targets = torch.randint(0, C, (B, U), generator=source).to(device)
    lengths = torch.randint(0, U + 1, (B,), generator=source).to(device)
    ours = cross_entropy(logits, targets, lengths, smoothing)
    if not lengths.any():
        assert ours == 0
        assert (torch.autograd.grad(ours, logits)[0] == 0).all()
        return
    ignored = torch.where(torch.arange(U, device=device) < lengths[:, None], targets, -100)
    theirs = nn.functional.cross_entropy(logits.flatten(0, 1), ignored.flatten(), label_smoothing=smoothing)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(ours, logits), torch.autograd.grad(theirs, logits))


def test_a_loss_that_a_pencil_can_follow():
    logits = torch.tensor([[[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], [[0.125, 0.375, 0.5], [1e9, 1e-9, 1.0]]]).log()
    loss = cross_entropy(logits, torch.tensor([[0, 2], [0, 1]]), torch.tensor([2, 1]))
    assert loss.item() == pytest.approx((1 + 2 + 3) * math.log(2) / 3)


def test_padding_changes_nothing():
    logits, targets, lengths = torch.randn(2, 3, 4), torch.randint(0, 4, (2, 3)), torch.tensor([3, 1])
    longer = torch.cat([logits, torch.full((2, 2, 4), torch.nan)], 1)
    more = torch.cat([targets, torch.full((2, 2), -7)], 1)
    torch.testing.assert_close(cross_entropy(longer, more, lengths, 0.1), cross_entropy(logits, targets, lengths, 0.1))


def test_impossible_tokens_cost_nothing_unless_smoothed():
    logits = torch.tensor([[[0.0, -torch.inf]]])
    assert cross_entropy(logits, torch.tensor([[0]]), torch.tensor([1])) == 0
    assert cross_entropy(logits, torch.tensor([[0]]), torch.tensor([1]), 0.1) == torch.inf


def test_gradcheck():
    logits = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    targets, lengths = torch.tensor([[0, 1, 2], [3, 0, 0]]), torch.tensor([3, 1])
    assert torch.autograd.gradcheck(lambda x: cross_entropy(x, targets, lengths, 0.2), (logits,))


def test_schedules():
    assert [teacher_forcing.linear_ratio(i, 0.25, 0.1) for i in range(5)] == [1, 0.75, 0.5, 0.25, 0.1]
    assert [teacher_forcing.exponential_ratio(i, 0.5) for i in range(3)] == [1, 0.5, 0.25]
    assert teacher_forcing.inverse_sigmoid_ratio(0, 1) == 0.5
    for update in (0, 1, 7, 40):
        expected = 5 / (5 + math.exp(update / 5))
        assert teacher_forcing.inverse_sigmoid_ratio(update, 5) == pytest.approx(expected)
    assert teacher_forcing.inverse_sigmoid_ratio(round(100 * math.log(100)), 100) == pytest.approx(0.5, abs=0.01)
    assert teacher_forcing.inverse_sigmoid_ratio(10**9, 5) < 1e-100


@pytest.mark.parametrize("schedule", ["linear_ratio", "exponential_ratio", "inverse_sigmoid_ratio"])
def test_truth_becomes_rarer(schedule):
    constant = {"linear_ratio": 0.01, "exponential_ratio": 0.99, "inverse_sigmoid_ratio": 20}[schedule]
    shares = [getattr(teacher_forcing, schedule)(update, constant) for update in range(300)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.9
    assert 0 <= shares[-1] < 0.1


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"the ratio is 1[.]5"):
        write(Echo(), 0, torch.tensor([[1]]), SOS, 1.5)
    with pytest.raises(ValueError, match=r"shape \(1, 0\).*<eos> at least"):
        write(Echo(), 0, torch.zeros(1, 0, dtype=torch.long), SOS)
    logits, targets, lengths = torch.zeros(2, 3, 4), torch.tensor([[0, 1, 3], [2, 0, 0]]), torch.tensor([3, 1])
    with pytest.raises(ValueError, match=r"need targets \(B, U\).*got \(2, 3, 4\), \(3, 2\)"):
        cross_entropy(logits, targets.T, lengths)
    with pytest.raises(ValueError, match=r"got \(3, 4\), \(2, 3\)"):
        cross_entropy(logits[0], targets, lengths)
    with pytest.raises(ValueError, match="smoothing in 0 to 1"):
        cross_entropy(logits, targets, lengths, 2.0)
    with pytest.raises(ValueError, match="lengths run from 1 to 4; they must lie in 0 to 3"):
        cross_entropy(logits, targets, lengths + torch.tensor([1, 0]))
    with pytest.raises(ValueError, match="targets run from 1 to 4; they must lie in 0 to 3"):
        cross_entropy(logits, targets + 1, lengths)
    with pytest.raises(ValueError, match=r"targets are torch.float32; give whole numbers"):
        cross_entropy(logits, targets.float(), lengths)
    for k in (0, 1):
        with pytest.raises(ValueError, match=f"k is {k}"):
            teacher_forcing.exponential_ratio(3, k)
    with pytest.raises(ValueError, match="at least 1"):
        teacher_forcing.inverse_sigmoid_ratio(3, 0.5)
