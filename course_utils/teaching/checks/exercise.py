"""What an exercise is: data. The machinery beside this module runs it; a lesson's module declares it.

``checks/lesson_01.py`` holds a list ``EXERCISES``, and nothing else has to know about it::

    import torch

    from course_utils.algorithms.recurrent import rnn_step
    from course_utils.teaching.checks.exercise import Case, Exercise, Misconception, perturbed


    def batch(generator, B, D, H):
        shapes = [(B, D), (B, H), (H, D), (H, H), (H,)]
        return tuple(torch.randn(shape, generator=generator) for shape in shapes)


    EXERCISES = [
        Exercise(
            name="rnn_step",
            lesson="01",
            task="Compute one step of the recurrence for a batch.",
            oracle=rnn_step,
            returns="(B, H)",
            cases=[
                Case("one sequence, one feature, one unit", lambda generator: batch(generator, 1, 1, 1)),
                Case("as many features as units", lambda generator: batch(generator, 2, 3, 3)),
                Case("random sizes", lambda generator: batch(generator, 4, 2, 5), times=3),
            ],
            misconceptions=[
                Misconception(
                    "forgets the old state",
                    "The new state does not change with `h`. A step reads two things: look at the equation.",
                    perturbed(rnn_step, h=torch.zeros_like),
                ),
                Misconception("adds the bias twice", "…", perturbed(rnn_step, b_a=lambda b_a: 2 * b_a)),
            ],
            hints=["Two matrix products and a bias go into one tanh.", "Rows are sequences: …"],
        ),
        Exercise(  # no cases: the learner hands in a value, and the oracle takes no arguments
            name="parameter_count",
            lesson="01",
            task="Predict how many numbers this network learns.",
            oracle=lambda: 100 * 100 + 100 * 10_000 + 100,
            misconceptions=[Misconception("leaves out the bias", "…", lambda: 100 * 100 + 100 * 10_000)],
            hints=["…"],
        ),
    ]

The learner's cell is a docstring and ``raise NotImplementedError`` (for a value: ``parameter_count = ...``), and the
cell after it ``check("rnn_step", rnn_step)``. The solution is the function ``rnn_step`` in
``lessons/solutions/lesson_01.py`` (for a value: a function without arguments), or the oracle where that file has none.
``tests/teaching/test_checks.py`` proves for every exercise declared so that its solution passes and that each of
its mistakes is refused under its own name.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Case:
    """One situation that an answer is tried in.

    Args:
        description: what is special about it, in a few words that complete "it fails for …".
        arguments: from a seeded ``torch.Generator`` to the positional arguments. It is called anew for every run, so
            that what one run does to its arguments reaches no other; it must build them, not hand out shared ones.
        times: how often the case is drawn, each time from another seed.
    """

    description: str
    arguments: Callable[["torch.Generator"], Sequence[Any]]
    times: int = 1


@dataclass(frozen=True)
class Misconception:
    """A mistake that people really make, as code that makes it.

    It is named to the learner if it gives what the learner's answer gives in every failing case. Two errors count
    as alike, but one failing case must agree in its result: a wrong transpose needs a case with square matrices.

    Args:
        name: what the answer does, as a verb phrase: "forgets the old state".
        diagnosis: what you probably did, why it is wrong, where to look; Markdown code spans; never the answer.
        mistake: takes the oracle's arguments, gives the wrong result.
    """

    name: str
    diagnosis: str
    mistake: Callable[..., Any]


@dataclass(frozen=True)
class Exercise:
    """What is asked, what is right, and how one goes wrong.

    Args:
        name: the name of the learner's function or value; unique in the course.
        lesson: "01".
        task: one line.
        oracle: gives the right result; where there are no cases, the value itself, called without arguments.
        hints: Markdown, opened one at a time, each closer to the answer than the one before.
        cases: small ones first, then edges, then random ones; a learner is shown the first that fails.
        misconceptions: the most telling first.
        tolerance: absolute and relative, for floating-point numbers; whole numbers must agree exactly.
        returns: the shape in letters, "(B, H)", for messages.
        compare: for exercises with several right answers: ``compare(expected, got)`` gives None or what is wrong.
    """

    name: str
    lesson: str
    task: str
    oracle: Callable[..., Any]
    hints: Sequence[str]
    cases: Sequence[Case] = ()
    misconceptions: Sequence[Misconception] = ()
    tolerance: float = 1e-5
    returns: str = ""
    compare: Callable[[Any, Any], str | None] | None = None

    @property
    def wants_value(self) -> bool:
        """Whether the learner hands in a value, not a function."""
        return not self.cases

    @property
    def parameters(self) -> list[str]:
        """The names of the function's arguments, which are the oracle's."""
        return list(inspect.signature(self.oracle).parameters)


def perturbed(oracle: Callable[..., Any], **changes: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return the oracle as someone would write it who gets some of its arguments wrong.

    Args:
        changes: for each argument's name, what is wrongly used in its place, as a function of the right one.

    >>> doubled = perturbed(lambda x, bias: x + bias, bias=lambda bias: 2 * bias)
    >>> doubled(10, 1)
    12
    """
    signature = inspect.signature(oracle)
    unknown = changes.keys() - signature.parameters.keys()
    if unknown:
        raise ValueError(f"the oracle has no argument {sorted(unknown)}; it has {list(signature.parameters)}")

    def mistaken(*arguments: Any) -> Any:
        bound = signature.bind(*arguments)
        bound.apply_defaults()
        for name, change in changes.items():
            bound.arguments[name] = change(bound.arguments[name])
        return oracle(*bound.args, **bound.kwargs)

    return mistaken
