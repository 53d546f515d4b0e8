"""Exercises for the tests of the exercises' machinery: a step, a tagger of words, a number, a pair."""

import pytest
import torch

from course_utils.teaching.checks.exercise import Case, Exercise, drawn, given, perturbed


def step(x, h, W_ax, W_aa, b_a):
    return torch.tanh(x @ W_ax.T + h @ W_aa.T + b_a)


@drawn
def batch(generator, B, D, H):
    shapes = [(B, D), (B, H), (H, D), (H, H), (H,)]
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


STEP = Exercise(
    name="step",
    lesson="99",
    task="Compute one step.",
    oracle=step,
    returns="(B, H)",
    cases=[
        Case("one of everything", batch(1, 1, 1)),
        Case("as many features as units", batch(2, 3, 3)),
        Case("no sequence at all", batch(0, 2, 3)),
        Case("random sizes", batch(4, 2, 5), times=3),
    ],
    misconceptions={
        "forgets the old state": ("The result is blind to `h`.", perturbed(step, h=torch.zeros_like)),
        "adds the bias twice": ("Count the additions.", perturbed(step, b_a=lambda b_a: 2 * b_a)),
        "transposes `W_aa` wrongly": ("Rows or columns?", perturbed(step, W_aa=lambda W_aa: W_aa.T)),
        "leaves the input matrix untransposed": (
            "What are its rows?",
            lambda x, h, W_ax, W_aa, b_a: torch.tanh(x @ W_ax + h @ W_aa.T + b_a),
        ),
    },
    hints=["Two products and a bias.", "One tanh around all."],
)

LENGTHS = Exercise(
    name="lengths",
    lesson="99",
    task="Count the letters of each word.",
    oracle=lambda words: [len(word) for word in words],
    cases=[Case("two words", given(["sam", "li"])), Case("no word", given([]))],
    hints=["`len`"],
)

WEIGHTS = Exercise(
    name="weights",
    lesson="99",
    task="Predict how many weights there are.",
    oracle=lambda: 10_100,
    misconceptions={"leaves out the bias": ("Every unit has one more.", lambda: 10_000)},
    hints=["Count the rows."],
)

SHAPES = Exercise(
    name="shapes",
    lesson="99",
    task="Predict a shape and a radius.",
    oracle=lambda: ((100, 10_100), 0.5),
    tolerance=0.05,
    hints=["Side by side."],
)


def each_wrong(answers: dict[str, list]) -> list:
    """Return (exercise, wrong answer, its diagnosis) for each entry of {exercise: [(answer, diagnosis), …]}."""
    return [
        pytest.param(exercise, answer, diagnosis, id=f"{exercise}-{getattr(answer, '__name__', answer)}")
        for exercise, wrong in answers.items()
        for answer, diagnosis in wrong
    ]
