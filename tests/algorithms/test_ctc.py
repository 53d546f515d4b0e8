"""CTC from its definition up: all paths, a search, the lattice, the loss that training uses, and torch's."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from course_utils.algorithms import ctc

from .devices import devices


def numbers(seed, *shape, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def problem(seed, B, T, C, U):
    """Return logits, targets and lengths at random; with few symbols there are repeats, and some texts do not fit."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(1, C, (B, U), generator=generator) if C > 1 else torch.zeros(B, 0, dtype=torch.long)
    input_lengths = torch.randint(0, T + 1, (B,), generator=generator)
    target_lengths = torch.randint(0, targets.shape[1] + 1, (B,), generator=generator)
    return 2 * numbers(seed, B, T, C), targets, input_lengths, target_lengths


def torchs(log_probs, *rest, **options):
    return functional.ctc_loss(log_probs.transpose(0, 1), *rest, **options)


def by_logits(loss, logits, *rest, **options):
    """Return the loss, and the derivative of its sum by the logits: there torch's and ours mean the same."""
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits.log_softmax(2), *rest, **options)
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    return value.detach(), gradient


PROBLEMS = st.builds(
    problem, st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 9), st.integers(1, 4), st.integers(0, 4)
)
TINY = st.builds(problem, st.integers(0, 10_000), st.just(2), st.integers(1, 6), st.integers(2, 3), st.integers(0, 3))


def with_frames(given):
    logits, targets, input_lengths, target_lengths = given
    return logits, targets, input_lengths.clamp(min=1), target_lengths


def test_collapse_merges_first_and_drops_blanks_then():
    assert ctc.collapse([0, 1, 1, 0, 1, 2, 2, 0, 0]) == [1, 1, 2]
    assert ctc.collapse([]) == ctc.collapse([0, 0, 0]) == []
    assert ctc.collapse([5, 5, 1, 5], blank=5) == [1]


@given(st.lists(st.integers(1, 2), max_size=4))
def test_a_text_fits_into_its_fewest_frames_and_not_into_one_less(target):
    frames = ctc.minimum_frames(target)
    assert any(ctc.collapse(path) == target for path in product(range(3), repeat=frames))
    assert not any(ctc.collapse(path) == target for path in product(range(3), repeat=max(0, frames - 1)) if target)


@settings(max_examples=60)
@given(st.lists(st.integers(1, 2), max_size=4), st.integers(0, 7))
def test_alignments_are_all_paths_that_collapse_to_the_target_and_their_number_has_a_formula(target, T):
    wanted = {path for path in product(range(3), repeat=T) if ctc.collapse(path) == target}
    found = ctc.alignments(target, T)
    assert set(found) == wanted
    assert len(found) == len(wanted) == ctc.count_alignments(target, T)
    assert ctc.alignments(torch.tensor(target, dtype=torch.long), T) == found  # each of them once


def test_counts_beyond_any_list():
    assert ctc.count_alignments([1, 2], 6) == 70  # the worked lattice: 10 over 4 or fewer frames to spare
    assert ctc.count_alignments(range(1, 41), 200) == math.comb(240, 80)


def test_extended_states():
    assert ctc.extend([]) == [0]
    assert ctc.extend([1, 2]) == [0, 1, 0, 2, 0]
    assert ctc.extend([3, 3], blank=7) == [7, 3, 7, 3, 7]


@given(st.lists(st.integers(1, 2), max_size=4))
def test_followers_are_the_moves_that_merging_and_blanks_allow(target):
    """From state to state within one alignment: exactly the pairs that occur in paths with durations of their own."""
    states = ctc.extend(target)
    for s, after in product(range(len(states)), repeat=2):
        # A move is right if what it passes over is nothing but a blank, which parts no two equal labels.
        passed = states[s + 1 : after]
        right = after in (s, s + 1) or (passed == [0] and after == s + 2 and states[s] != states[after])
        assert (after in ctc.followers(states, s)) == right


@settings(max_examples=40)
@given(TINY)
def test_enumeration_search_and_dynamic_programming_agree(given):
    logits, targets, input_lengths, target_lengths = given = with_frames(given)
    log_probs = logits.log_softmax(2)
    lattice, fast = (
        ctc.loss_by_dynamic_programming(log_probs, *given[1:]),
        ctc.ctc_loss(log_probs, *given[1:], reduction="none"),
    )
    for b, (T, U) in enumerate(zip(input_lengths.tolist(), target_lengths.tolist(), strict=True)):
        x, target = log_probs[b, :T], targets[b, :U].tolist()
        enumerated = ctc.loss_by_enumeration(x, target)
        assert ctc.loss_by_search(x, target) == pytest.approx(float(enumerated), abs=1e-12)
        torch.testing.assert_close(torch.stack([lattice[b], fast[b]]), enumerated.expand(2))


def test_the_worked_lattice():
    """Y = (a, b), T = 6, S = 5, each symbol equally probable in each frame: alpha counts paths, over 3^t."""
    log_probs = torch.full((1, 6, 3), -math.log(3.0), dtype=torch.float64)
    given = log_probs, torch.tensor([[1, 2]]), [6], [2]
    counts = (ctc.forward_variables(*given)[0].exp() * 3.0 ** torch.arange(1, 7)[:, None]).T.round().int()
    assert counts.tolist() == [
        [1, 1, 1, 1, 1, 1],  # blank
        [1, 2, 3, 4, 5, 6],  # a
        [0, 1, 3, 6, 10, 15],  # blank
        [0, 1, 4, 10, 20, 35],  # b: stays, steps from the blank, skips from a
        [0, 0, 1, 5, 15, 35],  # blank
    ]
    rest = (ctc.backward_variables(*given)[0].exp() * 3.0 ** torch.arange(5, -1, -1)[:, None]).T.round().int()
    assert rest[:, -1].tolist() == [0, 0, 0, 1, 1]
    assert rest[0, 0] + rest[1, 0] == 70 == ctc.count_alignments([1, 2], 6)
    torch.testing.assert_close(ctc.ctc_loss(*given, reduction="sum"), -torch.tensor(70 / 3.0**6).double().log())


@settings(max_examples=40)
@given(PROBLEMS)
def test_alpha_times_beta_sums_to_the_same_in_every_frame(given):
    logits, targets, input_lengths, target_lengths = given
    log_probs = logits.log_softmax(2)
    given = log_probs, targets, input_lengths, target_lengths
    alphas, betas, posterior = (
        variables(*given) for variables in (ctc.forward_variables, ctc.backward_variables, ctc.occupancy)
    )
    losses = ctc.ctc_loss(*given, reduction="none")
    padding = torch.arange(logits.shape[1]) >= input_lengths[:, None]
    totals = (alphas + betas).logsumexp(2)
    torch.testing.assert_close(totals, (-losses[:, None]).masked_fill(padding, -torch.inf).expand_as(totals))
    possible = (~padding & losses.isfinite()[:, None]).double()
    torch.testing.assert_close(posterior.sum(2), possible)


@settings(max_examples=40)
@given(PROBLEMS)
def test_equal_to_torch_in_values_and_in_gradients_by_the_logits(given):
    for reduction in ("none", "sum", "mean"):
        options = {"reduction": reduction, "zero_infinity": True}
        ours, gradient = by_logits(ctc.ctc_loss, *given, **options)
        theirs, their_gradient = by_logits(torchs, *given, **options)
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(gradient, their_gradient, rtol=1e-9, atol=1e-11)
    losses, theirs = (loss(given[0].log_softmax(2), *given[1:], reduction="none") for loss in (ctc.ctc_loss, torchs))
    torch.testing.assert_close(losses, theirs, rtol=1e-11, atol=1e-11)  # inf where torch's is


@settings(max_examples=40)
@given(PROBLEMS)
def test_the_gradient_is_autograds_through_the_lattice_and_minus_the_occupancy(given):
    logits, targets, _, target_lengths = given = with_frames(given)
    log_probs = logits.log_softmax(2).requires_grad_()
    closed, through = (
        torch.autograd.grad(loss.sum(), log_probs)[0]
        for loss in (
            ctc.ctc_loss(log_probs, *given[1:], reduction="none"),
            ctc.loss_by_dynamic_programming(log_probs, *given[1:]),
        )
    )
    torch.testing.assert_close(closed, through)
    posterior = ctc.occupancy(log_probs.detach(), *given[1:])
    for b, U in enumerate(target_lengths.tolist()):
        states = torch.tensor(ctc.extend(targets[b, :U].tolist()))
        by_symbol = torch.zeros_like(closed[b]).index_add_(1, states, posterior[b, :, : 2 * U + 1])
        torch.testing.assert_close(closed[b], -by_symbol)


def test_gradcheck_by_log_probs_and_finite_differences():
    """By log_probs themselves, normalised or not; torch's own fails this, since its gradient is by the logits."""
    targets, input_lengths, target_lengths = torch.tensor([[1, 1, 2], [2, 0, 0]]), [5, 3], [3, 1]
    log_probs = numbers(0, 2, 5, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: ctc.ctc_loss(x, targets, input_lengths, target_lengths), (log_probs,))
    step = torch.zeros_like(log_probs)
    step[0, 2, 1] = 1e-6
    up, down = (
        ctc.ctc_loss(log_probs.detach() + sign * step, targets, input_lengths, target_lengths) for sign in (1, -1)
    )
    (gradient,) = torch.autograd.grad(ctc.ctc_loss(log_probs, targets, input_lengths, target_lengths), log_probs)
    assert float((up - down) / 2e-6) == pytest.approx(float(gradient[0, 2, 1]), abs=1e-8)


@settings(max_examples=40)
@given(TINY, st.integers(0, 10_000))
def test_gradients_are_the_definitions_where_symbols_are_impossible(given, seed):
    logits, targets, input_lengths, target_lengths = given = with_frames(given)
    never = torch.rand(logits.shape, generator=torch.Generator().manual_seed(seed)) < 0.25
    log_probs = logits.masked_fill(never, -torch.inf).requires_grad_()
    enumerated = torch.stack([
        ctc.loss_by_enumeration(x[:T], target[:U])
        for x, target, T, U in zip(log_probs, targets, input_lengths.tolist(), target_lengths.tolist(), strict=True)
    ])  # fmt: skip
    (expected,) = torch.autograd.grad(enumerated.sum(), log_probs)
    assert expected.isfinite().all()
    for losses in (
        ctc.ctc_loss(log_probs, *given[1:], reduction="none"),
        ctc.loss_by_dynamic_programming(log_probs, *given[1:]),
    ):
        torch.testing.assert_close(losses, enumerated)
        torch.testing.assert_close(torch.autograd.grad(losses.sum(), log_probs)[0], expected)


def test_the_occupancy_can_be_differentiated_with_padding_and_without_a_path():
    targets, lengths = torch.tensor([[1, 1], [2, 0], [1, 1]]), ([4, 3, 2], [2, 1, 2])
    log_probs = numbers(1, 3, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: ctc.occupancy(x, targets, *lengths), (log_probs,))


def test_a_second_derivative_is_refused_and_not_silently_wrong():
    logits = numbers(0, 1, 4, 3).requires_grad_()
    loss = ctc.ctc_loss(logits.log_softmax(2), torch.tensor([[1]]), [4], [1])
    with pytest.raises(RuntimeError, match="first derivative only"):
        torch.autograd.grad(loss, logits, create_graph=True)


@settings(max_examples=40)
@given(PROBLEMS, st.integers(1, 3))
def test_padding_changes_nothing(given, more):
    logits, targets, input_lengths, target_lengths = given
    B, T, C = logits.shape
    padding = torch.arange(T) >= input_lengths[:, None]
    log_probs = logits.log_softmax(2)
    noisy = torch.cat([log_probs.masked_fill(padding[..., None], torch.nan), numbers(1, B, more, C)], 1)
    beyond = torch.arange(targets.shape[1]) >= target_lengths[:, None]
    odd = torch.cat([targets.masked_fill(beyond, -7), targets.new_full((B, more), 99)], 1)
    kept = log_probs.clone().requires_grad_()
    loss = ctc.ctc_loss(kept, targets, input_lengths, target_lengths, reduction="none")
    noisy.requires_grad_()
    longer = ctc.ctc_loss(noisy, odd, input_lengths, target_lengths, reduction="none")
    torch.testing.assert_close(longer, loss)
    (gradient,), (longer_gradient,) = torch.autograd.grad(loss.sum(), kept), torch.autograd.grad(longer.sum(), noisy)
    torch.testing.assert_close(longer_gradient[:, :T], gradient)
    assert (longer_gradient[:, T:] == 0).all()
    torch.testing.assert_close(
        ctc.occupancy(noisy.detach(), odd, input_lengths, target_lengths)[:, :T, : 2 * targets.shape[1] + 1],
        ctc.occupancy(log_probs, targets, input_lengths, target_lengths),
    )


@settings(max_examples=40)
@given(PROBLEMS)
def test_each_utterance_is_read_alone(given):
    logits, targets, input_lengths, target_lengths = given
    loss, gradient = by_logits(ctc.ctc_loss, *given, reduction="none")
    order = torch.randperm(len(logits), generator=torch.Generator().manual_seed(0))
    moved, moved_gradient = by_logits(ctc.ctc_loss, *(part[order] for part in given), reduction="none")
    torch.testing.assert_close(moved, loss[order])
    torch.testing.assert_close(moved_gradient, gradient[order])
    alone = [ctc.ctc_loss(logits[b : b + 1, :T].log_softmax(2), targets[b : b + 1, :U], [T], [U], reduction="sum")
             for b, (T, U) in enumerate(zip(input_lengths.tolist(), target_lengths.tolist(), strict=True))]  # fmt: skip
    torch.testing.assert_close(torch.stack(alone), loss)


@settings(max_examples=40)
@given(PROBLEMS, st.integers(0, 3))
def test_any_symbol_may_be_the_blank(given, blank):
    logits, targets, input_lengths, target_lengths = given
    blank %= logits.shape[2]
    order = torch.arange(logits.shape[2])
    order[[0, blank]] = order[[blank, 0]]  # exchanges two symbols, and so is its own inverse
    swapped = logits[..., order].log_softmax(2), order[targets], input_lengths, target_lengths
    torch.testing.assert_close(
        ctc.ctc_loss(*swapped, blank=blank, reduction="none"),
        ctc.ctc_loss(logits.log_softmax(2), *given[1:], reduction="none"),
    )


@settings(max_examples=40)
@given(PROBLEMS)
def test_targets_in_one_dimension(given):
    logits, targets, input_lengths, target_lengths = given
    joined = torch.cat([row[:U] for row, U in zip(targets, target_lengths.tolist(), strict=True)])
    log_probs = logits.log_softmax(2)
    torch.testing.assert_close(
        ctc.ctc_loss(log_probs, joined, tuple(input_lengths.tolist()), tuple(target_lengths.tolist())),
        ctc.ctc_loss(log_probs, *given[1:]),
    )


def test_finite_gradients_where_torchs_are_nan():
    logits = numbers(0, 2, 4, 3)
    given = torch.tensor([[1, 1, 2], [1, 2, 0]]), [3, 4], [3, 2]  # 112 needs four frames and has three
    loss, gradient = by_logits(ctc.ctc_loss, logits, *given, reduction="none")
    _, theirs = by_logits(torchs, logits, *map(torch.as_tensor, given), reduction="none")
    assert loss[0] == torch.inf
    assert loss[1].isfinite()
    assert (gradient[0] == 0).all()
    assert theirs[0].isnan().any()
    torch.testing.assert_close(gradient[1], theirs[1])

    never = logits.log_softmax(2).masked_fill(torch.tensor([False, False, True]), -torch.inf).requires_grad_()
    loss = ctc.ctc_loss(never, torch.tensor([[1], [2]]), [4, 4], [1, 1], reduction="none")
    assert loss[0].isfinite()
    assert loss[1] == torch.inf
    (gradient,) = torch.autograd.grad(loss.sum(), never)
    assert gradient.isfinite().all()
    torch.testing.assert_close(gradient.sum(2), torch.tensor([[-1.0] * 4, [0.0] * 4]).double())
    (through,) = torch.autograd.grad(
        ctc.loss_by_dynamic_programming(never, torch.tensor([[1], [2]]), [4, 4], [1, 1]).sum(), never
    )
    torch.testing.assert_close(gradient, through)


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize(("T", "C", "U"), [(200, 30, 40), (1000, 30, 80)])
def test_long_inputs_in_single_precision(device, T, C, U):
    """Float32 against torch in float64: the loss to 1e-5 of itself, the gradient nearer than torch's in float32."""
    logits, targets = numbers(3, 2, T, C), torch.randint(1, C, (2, U), generator=torch.Generator().manual_seed(3))
    given = targets, torch.tensor([T, T - 7]), torch.tensor([U, U - 3])
    exact, right = by_logits(torchs, logits, *given, reduction="none")
    double, double_gradient = by_logits(ctc.ctc_loss, logits.to(device), *given, reduction="none")
    torch.testing.assert_close(double.cpu(), exact, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(double_gradient.cpu(), right, rtol=1e-9, atol=1e-11)

    single, gradient = by_logits(ctc.ctc_loss, logits.float().to(device), *given, reduction="none")
    _, theirs = by_logits(torchs, logits.float(), *given, reduction="none")
    torch.testing.assert_close(single.cpu().double(), exact, rtol=1e-5, atol=0)
    error, their_error = ((found.cpu().double() - right).abs().mean() for found in (gradient, theirs))
    assert error < their_error / 2
    lattice = ctc.forward_variables(logits.float().to(device), *given)
    assert lattice.shape == (2, T, 2 * U + 1)
    assert not lattice.isnan().any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype):
    log_probs = numbers(0, 3, 30, 5).log_softmax(2).to(dtype).requires_grad_()
    given = torch.tensor([[1, 2, 2], [3, 1, 4], [2, 0, 0]]), [30, 20, 30], [3, 3, 1]
    for reduction in ("none", "sum", "mean"):
        loss = ctc.ctc_loss(log_probs, *given, reduction=reduction)
        assert torch.equal(loss, ctc.ctc_loss(log_probs.detach().float(), *given, reduction=reduction).to(dtype))
    loss.backward()
    assert loss.dtype == log_probs.grad.dtype == dtype


def test_a_loss_beyond_half_precision_is_not_taken_for_impossible():
    log_probs = torch.full((1, 40, 3), -2000.0, dtype=torch.float16, requires_grad=True)
    ctc.ctc_loss(log_probs, torch.tensor([[1]]), [40], [1], zero_infinity=True).backward()
    assert log_probs.grad is not None
    torch.testing.assert_close(log_probs.grad.sum(2), torch.full((1, 40), -1.0, dtype=torch.float16))


def test_mixed_precision_does_not_reach_the_gradient():
    logits, given = numbers(0, 2, 50, 9, dtype=torch.float32), (torch.tensor([[1, 2], [3, 3]]), [50, 40], [2, 2])
    _, expected = by_logits(ctc.ctc_loss, logits, *given)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, gradient = by_logits(ctc.ctc_loss, logits, *given)
    assert torch.equal(gradient, expected)


def test_empty_things():
    assert ctc.ctc_loss(torch.zeros(0, 3, 2), torch.zeros(0, 1, dtype=torch.long), [], [], reduction="none").shape == (
        0,
    )
    nothing = torch.zeros(2, 0, 3, dtype=torch.float64)
    losses = ctc.ctc_loss(nothing, torch.tensor([[1], [1]]), [0, 0], [0, 1], reduction="none")
    assert losses.tolist() == [0, torch.inf]
    for loss in (ctc.loss_by_search, ctc.loss_by_enumeration):
        assert loss(nothing[0], []) == 0
        assert loss(nothing[0], [1]) == math.inf
    assert ctc.loss_by_dynamic_programming(torch.zeros(0, 3, 2), torch.zeros(0, 1).long(), [], []).shape == (0,)
    assert ctc.forward_variables(nothing, torch.tensor([[1], [1]]), [0, 0], [0, 1]).shape == (2, 0, 3)
    one_class = torch.zeros(1, 4, 1)
    assert ctc.ctc_loss(one_class, torch.zeros(1, 0, dtype=torch.long), [4], [0]) == 0


@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda x: torch.tensor(x, dtype=torch.uint8)])
def test_lengths_and_labels_of_any_kind(kind):
    log_probs, targets = numbers(0, 2, 300, 3).log_softmax(2), torch.ones(2, 130, dtype=torch.long)
    given = kind([255, 250]), kind([2, 130])  # twice 130 is more than uint8 holds
    expected = torchs(log_probs, targets, torch.tensor([255, 250]), torch.tensor([2, 130]), reduction="none")
    torch.testing.assert_close(ctc.ctc_loss(log_probs, targets, *given, reduction="none"), expected)
    torch.testing.assert_close(ctc.loss_by_dynamic_programming(log_probs, targets, *given), expected)
    assert ctc.loss_by_search(log_probs[0, :5], kind([1, 2])) == ctc.loss_by_search(log_probs[0, :5], [1, 2])


def test_training_on_it_learns_four_texts():
    logits = torch.zeros(4, 12, 5, requires_grad=True)
    targets, lengths = torch.tensor([[1, 2, 3], [4, 4, 1], [2, 0, 0], [3, 1, 0]]), [3, 3, 1, 2]
    optimizer = torch.optim.Adam([logits], lr=0.3)
    for _ in range(60):
        loss = ctc.ctc_loss(logits.log_softmax(2), targets, [12] * 4, lengths)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    read = [ctc.collapse(path) for path in logits.argmax(2).tolist()]
    assert read == [row[:U] for row, U in zip(targets.tolist(), lengths, strict=True)]


GOOD: dict[str, Any] = {
    "log_probs": torch.zeros(2, 4, 3),
    "targets": torch.tensor([[1, 2], [1, 1]]),
    "input_lengths": [4, 4],
    "target_lengths": [2, 2],
}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"log_probs": torch.zeros(4, 3)}, r"\(4, 3\).*\(B, T, C\), batch first"),
        ({"log_probs": torch.zeros(2, 4, 3, dtype=torch.long)}, "int64"),
        ({"log_probs": torch.zeros(2, 4, 0)}, r"\(2, 4, 0\)"),
        ({"log_probs": torch.zeros(2, 4, 3).index_fill(1, torch.tensor(2), torch.nan)}, "utterance 0, frame 2"),
        ({"log_probs": torch.full((2, 4, 3), torch.inf)}, "NaN or .inf"),
        ({"targets": torch.tensor([[1, 2], [0, 1]])}, "target 1 has the label 0 in place 0; no target holds the blank"),
        ({"targets": torch.tensor([[1, 3], [1, 1]])}, "target 0 has the label 3 in place 1; .*0 to 2"),
        ({"targets": torch.tensor([[1, -1], [1, 1]])}, "label -1"),
        ({"targets": torch.tensor([[1.0, 2.0], [1.0, 1.0]])}, "whole numbers"),
        ({"targets": torch.tensor([[1, 2]])}, r"\(1, 2\).*\(2, U\)"),
        ({"targets": torch.tensor([1, 2, 1])}, "add up to 4.*hold 3"),
        ({"input_lengths": [5, 4]}, r"input_lengths \[5, 4\] must lie in 0 to 4 \(frames\)"),
        ({"input_lengths": [4, -1]}, "0 to 4"),
        ({"input_lengths": [4]}, "give 2 whole numbers"),
        ({"input_lengths": 4}, "input_lengths are 4; give 2 whole numbers"),
        ({"input_lengths": torch.tensor([4.0, 4.0])}, "give 2 whole numbers"),
        ({"target_lengths": [3, 2]}, r"0 to 2 \(labels\)"),
        ({"target_lengths": [2, -2]}, "0 to 2"),
        ({"blank": 3}, "blank is 3.*0 to 2"),
        ({"reduction": "average"}, "'average'.*mean"),
    ],
)
def test_the_loss_says_what_it_cannot_read(wrong, message):
    with pytest.raises(ValueError, match=message):
        ctc.ctc_loss(**(GOOD | wrong))


def test_the_slow_ones_say_what_is_too_much_for_them():
    with pytest.raises(ValueError, match="count_alignments"):
        ctc.alignments([1, 2], 30_000)
    with pytest.raises(ValueError, match="T must be 0 or more"):
        ctc.count_alignments([1], -1)
    with pytest.raises(ValueError, match="no label the blank 0"):
        ctc.alignments([1, 0], 3)
    with pytest.raises(ValueError, match="at most 200"):
        ctc.loss_by_search(torch.zeros(201, 2), [1])
    with pytest.raises(ValueError, match=r"\(T, C\)"):
        ctc.loss_by_enumeration(torch.zeros(1, 3, 2), [1])
    with pytest.raises(ValueError, match="at least 1 here"):
        ctc.loss_by_dynamic_programming(GOOD["log_probs"], GOOD["targets"], [4, 0], [2, 2])
