"""The exercises of lesson 09: clipping by norm, by value, of scaled gradients, of a batch in parts; a threshold."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.teaching.checks.exercise import Case, Exercise, drawn, given, perturbed


def global_norm(gradients):
    return torch.cat([g.flatten() for g in gradients]).norm()


def scaled_by(factor: Callable):
    """Return clipping that multiplies tensor g by ``factor(gradients, max_norm, g)``."""

    def clipped(gradients, max_norm):
        return [factor(gradients, max_norm, g) * g for g in gradients]

    return clipped


def shortened(measure: Callable):
    """Return clipping in which ``measure(gradients)`` stands for the norm of all gradients together."""
    return scaled_by(lambda gradients, max_norm, g: (max_norm / measure(gradients)).clamp(max=1.0))


clip_norm = shortened(global_norm)
each_alone = scaled_by(lambda gradients, max_norm, g: (max_norm / g.norm()).clamp(max=1.0))


def clip_value(gradients, limit):
    return [g.clamp(-limit, limit) for g in gradients]


@drawn
def layers(generator, *sizes, length=1.0):
    """Return arguments: gradients of those shapes, normal numbers times ``length``, and a threshold of 2."""
    return [length * torch.randn(size, generator=generator) for size in sizes], 2.0


@drawn
def three_four_twelve(generator, limit):
    return [torch.tensor([3.0, 4.0]), torch.tensor([-12.0])], limit


CLIP_NORM = Exercise(
    name="clip_norm",
    task="Shorten all gradients together to the norm max_norm, where they are longer.",
    oracle=clip_norm,
    returns="a list of tensors",
    cases=[
        Case("(3, 4) and (−12), too long", three_four_twelve(6.5)),
        Case("gradients that are short enough", layers((2, 2), (2,), length=0.1)),
        Case("gradients of zeros", layers((2, 2), (2,), length=0.0)),
        Case("one long tensor and one short", given([torch.tensor([30.0, 40.0]), torch.tensor([0.3])], 5.0)),
        Case("two tensors, neither too long alone", given([torch.tensor([4.0]), torch.tensor([3.0])], 4.5)),
        Case("random numbers, three layers", layers((4, 3), (4, 4), (4,)), times=3),
    ],
    misconceptions={
        "clips each tensor by its own norm": (
            "Each tensor gets a factor of its own, so the direction of the whole changes, and the whole may still be "
            "longer than `max_norm`. All gradients are one long vector: one norm, one factor.",
            each_alone,
        ),
        "scales short gradients up": (
            "A gradient below the threshold stays as it is. Clipping makes steps shorter, and never longer: the factor "
            "is at most 1.",
            scaled_by(lambda gradients, max_norm, g: max_norm / global_norm(gradients)),
        ),
        "scales short gradients up, each tensor by its own norm": (
            "Two faults: the factor may not be above 1, and there is one factor for all tensors.",
            scaled_by(lambda gradients, max_norm, g: max_norm / g.norm()),
        ),
        "cuts each number at the threshold": (
            "That is clipping by value: the large numbers shrink, the others do not, and the direction changes.",
            clip_value,
        ),
        "adds the norms of the tensors": (
            "Lengths at right angles do not add up: 3 and 4 make 5. Add the squares.",
            shortened(lambda gradients: torch.stack([g.norm() for g in gradients]).sum()),
        ),
        "forgets the square root": (
            "Pythagoras ends with a square root: (3, 4) has the norm 5, not 25.",
            shortened(lambda gradients: global_norm(gradients) ** 2),
        ),
        "takes the norm of the longest tensor only": (
            "The others belong to the same vector: add up the squares of all.",
            shortened(lambda gradients: torch.stack([g.norm() for g in gradients]).max()),
        ),
        "takes the largest number for the norm": (
            "That is another norm, the maximum. Here it is the root of the sum of squares.",
            shortened(lambda gradients: torch.stack([g.abs().max() for g in gradients]).max()),
        ),
        "adds up absolute values": (
            "That norm measures a walk around the block. The length of the straight line is the root of the sum of "
            "squares.",
            shortened(lambda gradients: sum(g.abs().sum() for g in gradients)),
        ),
        "takes the larger factor": (
            "Of `max_norm / norm` and 1 the *smaller* one is wanted: else long gradients stay long, and short ones "
            "grow.",
            scaled_by(lambda gradients, max_norm, g: (max_norm / global_norm(gradients)).clamp(min=1.0)),
        ),
        "makes the norm 1, whatever the threshold": (
            "The gradient shall be `max_norm` long, not 1: where does `max_norm` come in?",
            scaled_by(lambda gradients, max_norm, g: 1 / global_norm(gradients)),
        ),
        "shortens only the tensors that are longer than the threshold": (
            "The factor is right, and it belongs to every tensor: else the direction changes.",
            scaled_by(lambda gradients, max_norm, g: max_norm / global_norm(gradients) if g.norm() > max_norm else 1.0),
        ),
    },
    hints=[
        "Think of all gradients written one after the other as one vector. What is its norm?",
        "One factor for all tensors: `max_norm / norm`, and never above 1.",
        "Add up `(g**2).sum()` over the tensors and take the root; then return `[factor * g for g in gradients]`. Mind "
        "a norm of 0.",
    ],
)


def cut(change: Callable[[Tensor, float], Tensor]):
    """Return clipping that changes each tensor by ``change(g, limit)``."""
    return lambda gradients, limit: [change(g, limit) for g in gradients]


CLIP_VALUE = Exercise(
    name="clip_value",
    task="Cut every number of the gradients to between -limit and limit.",
    oracle=clip_value,
    returns="a list of tensors",
    cases=[
        Case("(3, 4) and (−12) at 5", three_four_twelve(5.0)),
        Case("large negative numbers", given([torch.tensor([-7.0, 0.5]), torch.tensor([[-0.1]])], 1.0)),
        Case("nothing to cut", layers((2, 2), (2,), length=0.1)),
        Case("random numbers, three layers", layers((4, 3), (4, 4), (4,), length=4.0), times=3),
    ],
    misconceptions={
        "cuts from above only": (
            "A number of −12 is as long a step as 12, the other way.",
            cut(lambda g, limit: g.clamp(max=limit)),
        ),
        "loses the sign": (
            "All your numbers are positive: the step would go uphill wherever the slope was negative.",
            cut(lambda g, limit: g.abs().clamp(max=limit)),
        ),
        "loses the sign of the large numbers": (
            "A number of −12 becomes −5, not 5: its step would go uphill.",
            cut(lambda g, limit: g.where(g.abs() <= limit, torch.tensor(limit))),
        ),
        "sets negative numbers to zero": (
            "The lower end is `-limit`, not 0: half of all slopes are negative.",
            cut(lambda g, limit: g.clamp(0.0, limit)),
        ),
        "sets large numbers to zero": (
            "A number beyond the limit becomes the limit: shortened, not thrown away.",
            cut(lambda g, limit: g * (g.abs() <= limit)),
        ),
        "sets small numbers to zero": (
            "Small numbers are harmless and stay. Clipping is for the large ones.",
            cut(lambda g, limit: g.clamp(-limit, limit) * (g.abs() >= limit)),
        ),
        "gives every number the size of the limit": (
            "Only the numbers beyond the limit change; the others keep their size.",
            cut(lambda g, limit: limit * g.sign()),
        ),
        "clips by norm": ("That treats all numbers as one vector. Here each stands for itself.", clip_norm),
        "clips each tensor by its norm": ("No norm is needed here: each number stands for itself.", each_alone),
    },
    hints=[
        "Look at one number at a time. What becomes of 12 at a limit of 5, of −12, of 3?",
        "`torch.clamp(g, low, high)` does it for a whole tensor. What is `low`?",
        "`low` is `-limit`, `high` is `limit`. Return a new list: `[torch.clamp(…) for g in gradients]`.",
    ],
)


def clip_scaled(gradients, scale, max_norm):
    true = [g / scale for g in gradients]
    return clip_norm(true, max_norm) if all(g.isfinite().all() for g in true) else None


def skipping(clip: Callable):
    """Return clipping of scaled gradients that skips as it should, and otherwise does what ``clip`` does."""

    def clipped(gradients, scale, max_norm):
        return clip(gradients, scale, max_norm) if all(g.isfinite().all() for g in gradients) else None

    return clipped


def after_clipping(gradients, scale, max_norm):
    return [g / scale for g in clip_norm(gradients, max_norm)]


def goes_on(gradients, scale, max_norm):
    return clip_norm([g / scale for g in gradients], max_norm)


@drawn
def with_scale(generator, arguments, scale, overflow=None):
    gradients, max_norm = arguments(generator)
    gradients = [g * scale for g in gradients]
    if overflow is not None:
        gradients[0].view(-1)[0] = overflow
    return gradients, scale, max_norm


CLIP_SCALED = Exercise(
    name="clip_scaled",
    task="Unscale the gradients of a scaled loss, then clip them by norm; None where one overflowed.",
    oracle=clip_scaled,
    returns="a list of tensors, or None",
    cases=[
        Case("(3, 4) and (−12) at a scale of 1,024", with_scale(three_four_twelve(6.5), 1024.0)),
        Case("true gradients that are short enough", with_scale(layers((2, 2), (2,), length=0.1), 1024.0)),
        Case("a scale below 1", with_scale(layers((2, 2), (2,)), 0.25)),
        Case("an infinite number", with_scale(layers((2, 2), (2,)), 1024.0, float("inf"))),
        Case("NaN", with_scale(layers((2, 2), (2,)), 1024.0, float("nan"))),
        Case("random numbers, three layers", with_scale(layers((4, 3), (4, 4), (4,)), 65536.0), times=3),
    ],
    misconceptions={
        "goes on where a number overflowed": (
            "Where one gradient is inf or NaN the factor is 0 or NaN, and the step either spoils the weights or is "
            "lost without a word. Skip it: return None.",
            goes_on,
        ),
        "clips before unscaling": (
            "The scaled gradients are all far above the threshold: you cut them to it, and then divide what is left by "
            "the scale. The steps become tiny.",
            skipping(after_clipping),
        ),
        "clips before unscaling, and goes on where a number overflowed": (
            "Two faults. The threshold is meant for the true gradients, and a step with inf or NaN in it would spoil "
            "every weight.",
            after_clipping,
        ),
        "forgets to unscale": (
            "The gradients that come in are `scale` times too long; the optimiser wants the true ones.",
            skipping(lambda gradients, scale, max_norm: clip_norm(gradients, max_norm)),
        ),
        "forgets to unscale, and goes on where a number overflowed": (
            "Two faults. Divide by the scale first, and return None where a number is not finite.",
            perturbed(goes_on, scale=1.0),
        ),
        "multiplies by the scale": (
            "The scaled gradients are `scale` times too long already: divide.",
            skipping(lambda gradients, scale, max_norm: clip_norm([g * scale for g in gradients], max_norm)),
        ),
        "forgets to clip": (
            "Unscaled they are; where the norm is above `max_norm` they have to be shortened.",
            skipping(lambda gradients, scale, max_norm: [g / scale for g in gradients]),
        ),
        "takes an overflow for zero": (
            "An infinite gradient says that the scale was too large, not that the slope is 0. Skip the step.",
            perturbed(goes_on, gradients=lambda gradients: [g.nan_to_num(0.0, 0.0, 0.0) for g in gradients]),
        ),
    },
    hints=[
        "The threshold is meant for the true gradients. What has to happen before clipping?",
        "Divide each tensor by `scale`. Then look whether every number is finite: `torch.isfinite(g).all()`.",
        "After that it is the exercise before last: one norm, one factor. You may call `clip_norm`.",
    ],
)


def finite(norms):
    return norms[norms.isfinite()]


def threshold_for(norms, share):
    return float(finite(norms).quantile(1 - share))


def of_finite(rule: Callable):
    return lambda norms, share: float(rule(finite(norms), share))


@drawn
def norms(generator, count, share, *bad):
    found = torch.randn(count, generator=generator).exp()
    found[: len(bad)] = torch.tensor(bad)
    return found[torch.randperm(count, generator=generator)], share


THRESHOLD_FOR = Exercise(
    name="threshold_for",
    task="Return the threshold that clips the given share of the updates whose norms were recorded.",
    oracle=threshold_for,
    returns="a number",
    tolerance=1e-4,
    cases=[
        Case("the norms 1 to 11, a share of 0.1", given(torch.arange(11.0) + 1, 0.1)),
        Case("half of the updates", norms(9, 0.5)),
        Case("none of them: a share of 0", norms(9, 0.0)),
        Case("an infinite norm among them", norms(12, 0.1, float("inf"))),
        Case("NaN among them", norms(12, 0.2, float("nan"), float("nan"))),
        Case("random norms", norms(101, 0.05), times=3),
    ],
    misconceptions={
        "clips all but the share": (
            "A tenth shall be clipped, and so nine tenths of the norms lie *below* the threshold.",
            of_finite(lambda norms, share: norms.quantile(share)),
        ),
        "counts norms that are not finite": (
            "A norm of inf or NaN comes from an update that is lost anyway, and spoils a percentile. Leave it out.",
            lambda norms, share: float(norms.quantile(1 - share)),
        ),
        "puts numbers in the place of norms that are not finite": (
            "`nan_to_num` makes 0 of NaN and the largest number of inf, and both count. Leave them out instead.",
            lambda norms, share: float(norms.nan_to_num().quantile(1 - share)),
        ),
        "takes the mean": (
            "The mean follows the few enormous norms. The percentile does not care how large they are.",
            of_finite(lambda norms, share: norms.mean()),
        ),
        "takes a share of the largest norm": (
            "The largest norm may be a thousand times the others. A percentile counts *how many* lie below.",
            of_finite(lambda norms, share: (1 - share) * norms.max()),
        ),
        "takes the norms in the order of the updates": (
            "A percentile is a place in the *sorted* norms.",
            of_finite(lambda norms, share: norms[round((1 - share) * (len(norms) - 1))]),
        ),
    },
    hints=[
        "If a tenth of the norms shall lie above the threshold, how many lie below?",
        "`torch.quantile(norms, q)` gives the number below which the share q of the norms lies.",
        "First leave out what is not finite: `norms[torch.isfinite(norms)]`.",
    ],
)


def mean_of(parts, weights):
    return [sum(w * g for w, g in zip(weights, some, strict=True)) for some in zip(*parts, strict=True)]


def shares(sizes):
    return [size / sum(sizes) for size in sizes]


def in_parts(weights=shares, clip=clip_norm):
    """Return clipping of a mean over parts, or one that goes wrong in the weights, or in how it clips."""
    return lambda parts, sizes, max_norm: clip(mean_of(parts, weights(sizes)), max_norm)


def parts_clipped(parts, sizes, max_norm):
    return mean_of([clip_norm(part, max_norm) for part in parts], shares(sizes))


def divided_last(parts, sizes, max_norm):
    return [g / sum(sizes) for g in clip_norm(mean_of(parts, sizes), max_norm)]


@drawn
def drawn_parts(generator, sizes, length=1.0):
    return [layers((4, 3), (4,), length=length)(generator)[0] for _ in sizes], list(sizes), 2.0


@drawn
def parts_of(generator, max_norm, *parts):
    return [[torch.tensor(g)] for _, g in parts], [size for size, _ in parts], max_norm


CLIP_BATCH = Exercise(
    name="clip_batch",
    task="Return the clipped gradient of a whole batch that was computed in parts.",
    oracle=in_parts(),
    returns="a list of tensors",
    cases=[
        Case("three utterances, and one", parts_of(2.5, (3, [4.0, 0.0]), (1, [0.0, -16.0]))),
        Case("a single part", drawn_parts([4])),
        Case("parts that pull against each other", parts_of(1.0, (2, [30.0, 40.0]), (2, [-30.0, -39.0]))),
        Case("a mean that is short enough", drawn_parts([2, 5, 3], length=0.1)),
        Case("a sum that is short enough, too", drawn_parts([5, 3], length=0.05)),
        Case("gradients of zeros", drawn_parts([2, 2], length=0.0)),
        Case("random numbers, four parts", drawn_parts([8, 8, 8, 3], length=3.0), times=3),
    ],
    misconceptions={
        "clips each part": (
            "Parts that pull against each other may be short together, and each cut changes the share of its part. "
            "Clip once, when all are in.",
            parts_clipped,
        ),
        "forgets the sizes of the parts": (
            "A mean of means: an utterance of a small part would weigh more than one of a large part.",
            in_parts(lambda sizes: [1 / len(sizes) for _ in sizes]),
        ),
        "adds up the parts": (
            "That is what `backward` does to `.grad`, and asked for is the *mean* over all utterances. Whether a "
            "threshold is passed must not depend on the number of parts.",
            in_parts(lambda sizes: [1 for _ in sizes]),
        ),
        "adds up where a mean is asked for": (
            "Weighed by their sizes, the parts make the batch's sum. Divide it by the number of utterances.",
            in_parts(lambda sizes: sizes),
        ),
        "divides by the number of parts": (
            "Parts that are weighed by their sizes are to be divided by the sum of the sizes.",
            in_parts(lambda sizes: [size / len(sizes) for size in sizes]),
        ),
        "clips the sum, and divides it afterwards": (
            "The threshold is meant for the mean. Clipped first, the gradient is cut again by the division.",
            divided_last,
        ),
        "forgets to clip": (
            "Where the mean's norm is above `max_norm` it has to be shortened.",
            in_parts(clip=lambda gradients, max_norm: gradients),
        ),
        "clips each tensor by its own norm": (
            "All tensors of the mean are one long vector: one norm, one factor.",
            in_parts(clip=each_alone),
        ),
        "scales short gradients up": (
            "Clipping never makes a step longer: the factor is at most 1.",
            in_parts(clip=scaled_by(lambda gradients, max_norm, g: max_norm / global_norm(gradients))),
        ),
    },
    hints=[
        "First the gradient that the whole batch would have had, then one clip. A part's mean times its size is a sum.",
        "For each parameter: add up `size * part[k]` over the parts, and divide by `sum(sizes)`.",
        "`zip(*parts)` gives the parts' gradients parameter by parameter. The result goes to your `clip_norm`.",
    ],
)
