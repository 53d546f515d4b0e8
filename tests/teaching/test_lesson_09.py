"""Wrong answers to the exercises of lesson 09, as people write them, each refused for its own reason."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from course_utils.teaching.checks import grade
from course_utils.teaching.checks.registry import find

from .toys import each_wrong


def total_of(gradients):
    return math.sqrt(sum(float(g.pow(2).sum()) for g in gradients))


def one_by_one(gradients, max_norm):
    clipped = []
    for g in gradients:
        norm = g.norm()
        clipped.append(g * max_norm / norm if norm > max_norm else g)
    return clipped


def always_scaled(gradients, max_norm):
    total = torch.sqrt(torch.stack([(g**2).sum() for g in gradients]).sum())
    return [g * (max_norm / total) for g in gradients]


def always_scaled_with_epsilon(gradients, max_norm):
    total = total_of(gradients)
    return [g * max_norm / (total + 1e-6) for g in gradients]


def always_scaled_one_by_one(gradients, max_norm):
    return [g / g.norm() * max_norm for g in gradients]


def numbers_cut(gradients, max_norm):
    return [torch.clamp(g, min=-max_norm, max=max_norm) for g in gradients]


def norms_added(gradients, max_norm):
    total = sum(torch.linalg.vector_norm(g) for g in gradients)
    return [g * max_norm / total if total > max_norm else g for g in gradients]


def no_root(gradients, max_norm):
    total = sum((g * g).sum() for g in gradients)
    return [g * max_norm / total for g in gradients] if total > max_norm else list(gradients)


def longest_tensor(gradients, max_norm):
    longest = max(float(g.norm()) for g in gradients)
    return [g * min(1.0, max_norm / longest) if longest else g for g in gradients]


def largest_number(gradients, max_norm):
    largest = max(g.abs().max().item() for g in gradients)
    return [g * min(1.0, max_norm / (largest + 1e-12)) for g in gradients]


def long_ones_only(gradients, max_norm):
    factor = max_norm / (total_of(gradients) or 1.0)
    return [factor * g if g.norm() > max_norm else g for g in gradients]


def around_the_block(gradients, max_norm):
    total = sum(g.abs().sum().item() for g in gradients)
    return [g * min(1.0, max_norm / total) if total else g for g in gradients]


def longer_of_the_two(gradients, max_norm):
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    return [g * max(torch.tensor(1.0), max_norm / norm) for g in gradients]


def unit_length(gradients, max_norm):
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    return [g / norm for g in gradients]


def in_place(gradients, max_norm):
    total = total_of(gradients)
    for g in gradients:
        g.mul_(min(1.0, max_norm / (total or 1.0)))
    return gradients


def forgets_to_return(gradients, max_norm):
    [g * max_norm for g in gradients]


def a_single_vector(gradients, max_norm):
    flat = torch.cat([g.flatten() for g in gradients])
    return flat * (max_norm / flat.norm()).clamp(max=1.0)


def from_above(gradients, limit):
    return [torch.minimum(g, torch.tensor(limit)) for g in gradients]


def sizes_only(gradients, limit):
    return [torch.clamp(torch.abs(g), 0, limit) for g in gradients]


def always_positive(gradients, limit):
    return [torch.where(g.abs() > limit, limit, g) for g in gradients]


def large_ones_away(gradients, limit):
    return [torch.where(g.abs() > limit, torch.zeros_like(g), g) for g in gradients]


def small_ones_away(gradients, limit):
    return [torch.where(g.abs() < limit, torch.zeros_like(g), limit * g.sign()) for g in gradients]


def signs(gradients, limit):
    return [torch.sign(g) * limit for g in gradients]


def as_lists(gradients, limit):
    return [g.clamp(-limit, limit).tolist() for g in gradients]


def right(gradients, max_norm):
    total = total_of(gradients)
    return [g * min(1.0, max_norm / total) if total > 0 else g for g in gradients]


def bad(gradients):
    return any(not torch.isfinite(g).all() for g in gradients)


def clips_first(gradients, scale, max_norm):
    if bad(gradients):
        return None
    return [g / scale for g in right(gradients, max_norm)]


def keeps_the_scale(gradients, scale, max_norm):
    return None if bad(gradients) else right(gradients, max_norm)


def never_clips(gradients, scale, max_norm):
    return None if bad(gradients) else [g / scale for g in gradients]


def never_skips(gradients, scale, max_norm):
    gradients = [g / scale for g in gradients]
    total = torch.cat([g.flatten() for g in gradients]).norm()
    return [g * (max_norm / total).clamp(max=1.0) for g in gradients]


def zero_for_infinity(gradients, scale, max_norm):
    gradients = [torch.where(g.isfinite(), g / scale, 0.0) for g in gradients]
    return right(gradients, max_norm)


def unscales_by_multiplying(gradients, scale, max_norm):
    return None if bad(gradients) else right([g * scale for g in gradients], max_norm)


def the_share_itself(norms, share):
    return torch.quantile(norms[norms.isfinite()], share)


def with_infinities(norms, share):
    return torch.quantile(norms, 1 - share)


def made_finite(norms, share):
    return torch.quantile(torch.nan_to_num(norms), 1 - share)


def average(norms, share):
    return norms[torch.isfinite(norms)].mean()


def of_the_largest(norms, share):
    return norms[torch.isfinite(norms)].max() * (1 - share)


def unsorted(norms, share):
    norms = norms[torch.isfinite(norms)]
    return norms[round((1 - share) * (len(norms) - 1))]


def percent(norms, share):
    return torch.quantile(norms, 100 * (1 - share))


def averaged(parts, weights):
    return [sum(w * part[k] for w, part in zip(weights, parts, strict=True)) for k in range(len(parts[0]))]


def shares(sizes):
    return [size / sum(sizes) for size in sizes]


def clips_parts(parts, sizes, max_norm):
    return averaged([right(part, max_norm) for part in parts], shares(sizes))


def mean_of_means(parts, sizes, max_norm):
    return right([torch.stack(some).mean(0) for some in zip(*parts, strict=True)], max_norm)


def as_backward_adds(parts, sizes, max_norm):
    return right([sum(some) for some in zip(*parts, strict=True)], max_norm)


def sum_over_utterances(parts, sizes, max_norm):
    return right(averaged(parts, sizes), max_norm)


def by_the_parts(parts, sizes, max_norm):
    return right([g / len(parts) for g in averaged(parts, sizes)], max_norm)


def clipped_then_divided(parts, sizes, max_norm):
    return [g / sum(sizes) for g in right(averaged(parts, sizes), max_norm)]


def added_into_the_first(parts, sizes, max_norm):
    first, *others = parts
    for k, g in enumerate(first):
        g *= sizes[0]
        for size, part in zip(sizes[1:], others, strict=True):
            g += size * part[k]
    return right([g / sum(sizes) for g in first], max_norm)


WRONG = {
    "clip_norm": [
        (one_by_one, "clips each tensor by its own norm"),
        (always_scaled, "scales short gradients up"),
        (always_scaled_with_epsilon, "scales short gradients up"),
        (always_scaled_one_by_one, "scales short gradients up, each tensor by its own norm"),
        (numbers_cut, "cuts each number at the threshold"),
        (norms_added, "adds the norms of the tensors"),
        (no_root, "forgets the square root"),
        (longest_tensor, "takes the norm of the longest tensor only"),
        (largest_number, "takes the largest number for the norm"),
        (long_ones_only, "shortens only the tensors that are longer than the threshold"),
        (around_the_block, "adds up absolute values"),
        (longer_of_the_two, "takes the larger factor"),
        (unit_length, "makes the norm 1, whatever the threshold"),
        (in_place, None),
        (forgets_to_return, None),
        (a_single_vector, None),
        (lambda gradients, max_norm: 1 / 0, None),
        (lambda gradients, max_norm: [g * math.nan for g in gradients], None),
    ],
    "clip_value": [
        (from_above, "cuts from above only"),
        (sizes_only, "loses the sign"),
        (always_positive, "loses the sign of the large numbers"),
        (lambda gradients, limit: [g.clamp(0, limit) for g in gradients], "sets negative numbers to zero"),
        (large_ones_away, "sets large numbers to zero"),
        (small_ones_away, "sets small numbers to zero"),
        (signs, "gives every number the size of the limit"),
        (right, "clips by norm"),
        (one_by_one, "clips each tensor by its norm"),
        (as_lists, None),
        (lambda gradients, limit: [g.clamp_(-limit, limit) for g in gradients], None),
    ],
    "clip_scaled": [
        (clips_first, "clips before unscaling"),
        (keeps_the_scale, "forgets to unscale"),
        (never_clips, "forgets to clip"),
        (never_skips, "goes on where a number overflowed"),
        (zero_for_infinity, "takes an overflow for zero"),
        (unscales_by_multiplying, "multiplies by the scale"),
        (lambda gradients, scale, max_norm: None, None),
    ],
    "threshold_for": [
        (the_share_itself, "clips all but the share"),
        (with_infinities, "counts norms that are not finite"),
        (made_finite, "puts numbers in the place of norms that are not finite"),
        (average, "takes the mean"),
        (of_the_largest, "takes a share of the largest norm"),
        (unsorted, "takes the norms in the order of the updates"),
        (percent, None),
        (lambda norms, share: norms.sort().values, None),
        (lambda norms, share: math.nan, None),
    ],
    "clip_batch": [
        (clips_parts, "clips each part"),
        (mean_of_means, "forgets the sizes of the parts"),
        (as_backward_adds, "adds up the parts"),
        (sum_over_utterances, "adds up where a mean is asked for"),
        (by_the_parts, "divides by the number of parts"),
        (clipped_then_divided, "clips the sum, and divides it afterwards"),
        (lambda parts, sizes, max_norm: averaged(parts, shares(sizes)), "forgets to clip"),
        (
            lambda parts, sizes, max_norm: one_by_one(averaged(parts, shares(sizes)), max_norm),
            "clips each tensor by its own norm",
        ),
        (
            lambda parts, sizes, max_norm: always_scaled_with_epsilon(averaged(parts, shares(sizes)), max_norm),
            "scales short gradients up",
        ),
        (added_into_the_first, None),
        (lambda parts, sizes, max_norm: right(parts, max_norm), None),
        (lambda parts, sizes, max_norm: a_single_vector(averaged(parts, shares(sizes)), max_norm), None),
        (lambda parts, sizes, max_norm: [g * math.nan for g in parts[0]], None),
        (lambda parts, sizes, max_norm: None, None),
    ],
}


@pytest.mark.parametrize(("exercise", "answer", "diagnosis"), each_wrong(WRONG))
def test_wrong_answers_are_refused_with_their_reason(exercise, answer, diagnosis):
    report = grade(exercise, answer)
    assert report.status == "failed"
    assert report.misconception == diagnosis


def as_the_package(gradients, max_norm):
    total = torch.cat([g.flatten() for g in gradients]).norm()
    return tuple(g * (max_norm / (total + 1e-6)).clamp(max=1.0) for g in gradients)


def by_a_larger_threshold(gradients, scale, max_norm):
    return None if bad(gradients) else [g / scale for g in right(gradients, max_norm * scale)]


def sorted_by_hand(norms, share):
    found = sorted(norm for norm in norms.tolist() if math.isfinite(norm))
    place = (1 - share) * (len(found) - 1)
    low, part = int(place), place - int(place)
    return found[low] + part * (found[min(low + 1, len(found) - 1)] - found[low])


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("clip_norm", right),
        ("clip_norm", as_the_package),
        ("clip_value", lambda gradients, limit: [g.clip(-limit, limit) for g in gradients]),
        ("clip_scaled", by_a_larger_threshold),
        ("clip_batch", lambda parts, sizes, max_norm: right(averaged(parts, shares(sizes)), max_norm)),
        ("threshold_for", sorted_by_hand),
    ],
)
def test_other_right_answers_pass(exercise, answer):
    assert grade(exercise, answer).status == "passed"


@pytest.mark.parametrize(("exercise", "theirs"), [("clip_norm", clip_grad_norm_), ("clip_value", clip_grad_value_)])
@pytest.mark.parametrize("limit", [0.1, 3.0, 100.0])
def test_the_oracles_are_torchs(exercise, theirs, limit):
    generator = torch.Generator().manual_seed(0)
    gradients = [torch.randn(size, generator=generator) for size in [(4, 3), (4,)]]
    parameters = [nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for parameter, g in zip(parameters, gradients, strict=True):
        parameter.grad = g.clone()
    theirs(parameters, limit)
    torch.testing.assert_close(find(exercise).oracle(gradients, limit), [p.grad for p in parameters])


def test_a_batch_in_parts_is_the_batch():
    """The gradient of a mean loss, whole and in parts, clipped by torch."""
    torch.manual_seed(0)
    network, sizes = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), [5, 2, 1]
    x, parameters = torch.randn(8, 3), list(network.parameters())
    parts = [torch.autograd.grad(10 * network(part).square().mean(), parameters) for part in x.split(sizes)]
    (10 * network(x).square().mean()).backward()
    assert clip_grad_norm_(parameters, 0.5) > 0.5
    found = find("clip_batch").oracle([list(part) for part in parts], sizes, 0.5)
    torch.testing.assert_close(found, [parameter.grad for parameter in parameters])
