"""Wrong answers to the exercises of lesson 10, as people write them, each refused for its own reason."""

import math
from itertools import pairwise, product

import pytest
import torch

from course_utils.algorithms import ctc
from course_utils.teaching.checks import grade

from .toys import each_wrong


def filters_then_merges(path):
    kept = list(filter(None, path))
    return [c for t, c in enumerate(kept) if t == 0 or c != kept[t - 1]]


def filters_only(path):
    return [c for c in path if c > 0]


def merges_only(path):
    out = []
    for c in path:
        if not out or out[-1] != c:
            out.append(c)
    return out


def as_a_set(path):
    seen = []
    for c in path:
        if c and c not in seen:
            seen.append(c)
    return seen


def compares_with_the_output(path):
    """Forgets that a blank came between."""
    out = []
    for c in path:
        if c != 0 and (not out or out[-1] != c):
            out.append(c)
    return out


def prints_it(path):
    print(path)


def empties_the_path(path):
    out = []
    while path:
        c = path.pop(0)
        if c and (not path or path[0] != c):
            out.append(c)
    return out


def listed(target, T):
    symbols = sorted({0, *target})
    return sum(ctc.collapse(path) == list(target) for path in product(symbols, repeat=min(T, 7)))


def choose_without_repeats(target, T):
    U = len(target)
    return math.factorial(T + U) // math.factorial(2 * U) // math.factorial(T - U) if T >= U else 0


def durations_only(target, T):
    if not target:
        return 1 if T == 0 else 0
    return math.comb(T - 1, len(target) - 1) if T else 0


def table(skips, ends):
    def count(target, T):
        z = [0]
        for label in target:
            z += [label, 0]
        ways = [1] + [0] * (len(z) - 1)
        for _ in range(T):
            ways = [
                ways[s] + (ways[s - 1] if s > 0 else 0) + (ways[s - 2] if s > 1 and skips(z, s) else 0)
                for s in range(len(z))
            ]
        return sum(ways[-ends:])

    return count


def right_skip(z, s):
    return z[s] != 0 and z[s] != z[s - 2]


def alphas(skips=right_skip):
    def step(before, y_t, states):
        new = []
        for s in range(len(states)):
            total = before[s]
            if s >= 1:
                total = total + before[s - 1]
            if s >= 2 and skips(states, s):
                total = total + before[s - 2]
            new.append(total * y_t[s])
        return torch.stack(new)

    return step


def viterbi(before, y_t, states):
    new = []
    for s in range(len(states)):
        ways = [before[s]] + ([before[s - 1]] if s else [])
        if s > 1 and right_skip(states, s):
            ways.append(before[s - 2])
        new.append(max(ways) * y_t[s])
    return torch.stack(new)


def moves_on_always(before, y_t, states):
    new = [before[0] * y_t[0]]
    for s in range(1, len(states)):
        total = before[s - 1] + (before[s - 2] if s > 1 and right_skip(states, s) else 0)
        new.append(total * y_t[s])
    return torch.stack(new)


def no_emission(before, y_t, states):
    return alphas()(before, torch.ones(len(states)), states)


def emission_of_the_source(before, y_t, states):
    return alphas()(before * y_t, torch.ones(len(states)), states)


def in_place(before, y_t, states):
    alpha = before.clone()
    for s in range(len(states)):
        if s > 0:
            alpha[s] += alpha[s - 1]
        if s > 1 and right_skip(states, s):
            alpha[s] += alpha[s - 2]
        alpha[s] *= y_t[s]
    return alpha


def changes_its_argument(before, y_t, states):
    result = alphas()(before, y_t, states)
    before.zero_()
    return result


def wraps_round(before, y_t, states):
    """Python's index -1 is the last state."""
    skip = torch.tensor([s > 1 and right_skip(states, s) for s in range(len(states))])
    return (before + before.roll(1) + before.roll(2) * skip) * y_t


def alphas_from_the_end(before, y_t, states):
    skip = torch.tensor([right_skip(states, s) for s in range(len(states))])
    step = torch.cat([before.new_zeros(1), before[:-1]])
    return (before + step + before.roll(2) * skip) * y_t


def everything_wraps_round(before, y_t, states):
    new = [before[s] + before[s - 1] + (before[s - 2] if right_skip(states, s) else 0) for s in range(len(states))]
    return torch.stack(new) * y_t


def by_the_symbol(before, y_t, states):
    return alphas()(before, torch.stack([y_t[z] for z in states]), states)


def posterior_of(occupancy, states, C):
    one_hot = torch.nn.functional.one_hot(torch.tensor(states), C).to(occupancy.dtype)
    return occupancy @ one_hot


def gradient_right(y, occupancy, states):
    return y - posterior_of(occupancy, states, y.shape[1])


def pull(y, occupancy, states):
    return posterior_of(occupancy, states, y.shape[1]) - y


def assigns(y, occupancy, states):
    gamma = torch.zeros_like(y)
    gamma[:, states[0]] = occupancy[:, 0]
    for s in range(1, len(states)):
        gamma[:, states[s]] = occupancy[:, s]
    return y - gamma


def by_the_logarithm(y, occupancy, states):
    return -posterior_of(occupancy, states, y.shape[1])


def by_the_chance(y, occupancy, states):
    return -posterior_of(occupancy, states, y.shape[1]) / y


def skips_the_blank(y, occupancy, states):
    gamma = torch.zeros_like(y)
    for s in range(1, len(states), 2):
        gamma[:, states[s]] += occupancy[:, s]
    return y - gamma


def divides_by_frames(y, occupancy, states):
    return gradient_right(y, occupancy, states) / y.shape[0]


def not_a_number(y, occupancy, states):
    return y * torch.nan


def transposed(y, occupancy, states):
    return gradient_right(y, occupancy, states).T


WRONG = {
    "collapse_path": [
        (filters_then_merges, "drops the blanks first, and merges afterwards"),
        (compares_with_the_output, "drops the blanks first, and merges afterwards"),
        (filters_only, "drops the blanks and merges nothing"),
        (merges_only, "merges and keeps the blanks"),
        (as_a_set, "keeps each label once, wherever it comes back"),
        (lambda path: [a for a, b in pairwise(path) if a and a != b], "loses the last run"),
        (prints_it, None),
        (empties_the_path, None),
    ],
    "fewest_frames": [
        (len, "counts the labels alone"),
        (lambda target: len(ctc.extend(target)), "counts every state of Z"),
        (
            lambda target: len(target) + sum(target.count(c) - 1 for c in set(target)),
            "counts labels that come back later as repeats",
        ),
        (
            lambda target: len(target) + 2 * sum(a == b for a, b in pairwise(target)) - 1,
            "takes the rule of the footnote, U + 2r − 1",
        ),
        (lambda target: len(target) + max(len(target) - 1, 0), "puts a blank between all labels"),
        (
            lambda target: len(target) + any(a == b for a, b in pairwise(target)),
            "counts at most one repeat",
        ),
        (
            lambda target: len(target) + len(target) - 1,
            "puts a blank between all labels, and counts −1 for none",
        ),
        (
            lambda target: len(target) + sum(target[i] == target[i - 1] for i in range(len(target))),
            "compares the first label with the last",
        ),
        (lambda target: None, None),
        (lambda target: target[0], None),
    ],
    "count_paths": [
        (choose_without_repeats, "counts as if no label were repeated"),
        (durations_only, "has no blanks"),
        (table(lambda z, s: z[s] != 0, 2), "counts as if no label were repeated"),
        (table(lambda z, s: False, 2), "never skips a blank"),
        (table(right_skip, 1), "counts only paths that end in a blank"),
        (lambda target, T: math.comb(T, len(target)), "lets each label last one frame"),
        (listed, None),
        (lambda target, T: float("nan"), None),
    ],
    "alpha_step": [
        (alphas(lambda z, s: z[s] != 0), "skips the blank between equal labels"),
        (alphas(lambda z, s: False), "never skips"),
        (alphas(lambda z, s: True), "skips everywhere, over labels too"),
        (alphas(lambda z, s: z[s] == 0), "skips from blank to blank, and not from label to label"),
        (viterbi, "takes the best way in place of the sum"),
        (moves_on_always, "never stays in a state"),
        (no_emission, "forgets this frame's probability"),
        (emission_of_the_source, "multiplies by the probability of the state that it comes from"),
        (in_place, "reads numbers that it has already overwritten"),
        (changes_its_argument, None),
        (wraps_round, "steps round the end"),
        (alphas_from_the_end, "skips round the end"),
        (everything_wraps_round, "steps and skips round the end"),
        (by_the_symbol, "looks the probability up by the symbol"),
    ],
    "logit_gradient": [
        (pull, "has the sign turned round"),
        (assigns, "keeps only the last state of each symbol"),
        (by_the_logarithm, "stops in front of the softmax"),
        (by_the_chance, "takes the derivative by the probability"),
        (skips_the_blank, "forgets the states of the blank"),
        (divides_by_frames, "takes the mean over the frames"),
        (not_a_number, None),
        (transposed, None),
    ],
}


@pytest.mark.parametrize(("exercise", "answer", "diagnosis"), each_wrong(WRONG))
def test_wrong_answers_are_refused_with_their_reason(exercise, answer, diagnosis):
    report = grade(exercise, answer)
    assert report.status == "failed"
    assert report.misconception == diagnosis


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("collapse_path", lambda path: [c for t, c in enumerate(path) if c and (t == 0 or path[t - 1] != c)]),
        ("fewest_frames", lambda target: next(T for T in range(99) if ctc.count_alignments(target, T))),
        ("count_paths", table(right_skip, 2)),
        ("alpha_step", alphas()),
        ("logit_gradient", gradient_right),
    ],
)
def test_right_answers_pass_however_they_are_written(exercise, answer):
    assert grade(exercise, answer).status == "passed"
