"""What an exercise is: data. The machinery beside this module runs it; a lesson's module declares it.

``checks/lesson_01.py`` holds exercises, each behind the functions that it needs, and nothing else has to know::

    import torch

    from course_utils.algorithms.recurrent import rnn_step
    from course_utils.teaching.checks.exercise import Case, Exercise, drawn, normal, perturbed


    @drawn
    def batch(generator, B, D, H):
        return normal(generator, (B, D), (B, H), (H, D), (H, H), (H,))


    RNN_STEP = Exercise(
        name="rnn_step",
        task="Compute one step of the recurrence for a batch.",
        oracle=rnn_step,
        returns="(B, H)",
        cases=[
            Case("one sequence, one feature, one unit", batch(1, 1, 1)),
            Case("as many features as units", batch(2, 3, 3)),
            Case("random sizes", batch(4, 2, 5), times=3),
        ],
        misconceptions={
            "forgets the old state": (
                "The new state does not change with `h`. A step reads two things: look at the equation.",
                perturbed(rnn_step, h=torch.zeros_like),
            ),
            "adds the bias twice": ("…", perturbed(rnn_step, b_a=lambda b_a: 2 * b_a)),
        },
        hints=["Two matrix products and a bias go into one tanh.", "Rows are sequences: …"],
    )

    PARAMETER_COUNT = Exercise(  # no cases: the learner hands in a value, and the oracle takes no arguments
        name="parameter_count",
        task="Predict how many numbers this network learns.",
        oracle=lambda: 100 * 100 + 100 * 10_000 + 100,
        misconceptions={"leaves out the bias": ("…", lambda: 100 * 100 + 100 * 10_000)},
        hints=["…"],
    )

The learner's cell is a docstring and ``raise NotImplementedError`` (for a value: ``parameter_count = ...``), and the
cell after it ``check("rnn_step", rnn_step)``. The solution is the function ``rnn_step`` in
``lessons/solutions/lesson_01.py`` (for a value: a function without arguments), or the oracle where that file has none.
``tests/teaching/test_checks.py`` proves for every exercise declared so that its solution passes and that each of
its mistakes is refused under its own name.
"""

import copy
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Arguments = Callable[["torch.Generator"], Sequence[Any]]


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
    arguments: Arguments
    times: int = 1


def drawn(draw: Callable[..., Sequence[Any]]) -> Callable[..., Arguments]:
    """Make of ``draw(generator, B, D)`` a function ``draw(B, D)`` that returns a case's arguments."""

    @functools.wraps(draw)
    def of_sizes(*sizes: Any, **options: Any) -> Arguments:
        return lambda generator: draw(generator, *sizes, **options)

    return of_sizes


@drawn
def given(generator: "torch.Generator", *values: Any) -> Sequence[Any]:
    """Return a case's arguments that are always these values, copied for each run."""
    return copy.deepcopy(values)


def normal(generator: "torch.Generator", *shapes: tuple[int, ...]) -> "list[torch.Tensor]":
    """Return normal random numbers in tensors of these shapes."""
    import torch  # which the names of exercises, for progress, do not wait for

    return [torch.randn(shape, generator=generator) for shape in shapes]


@dataclass(frozen=True)
class Exercise:
    """What is asked, what is right, and how one goes wrong.

    A misconception is a mistake that people really make, as code that makes it: {what the answer does, as a verb
    phrase: (the diagnosis, the mistake)}. The diagnosis says what you probably did, why it is wrong, where to look; in
    Markdown with code spans; never the answer. The mistake takes the oracle's arguments and gives the wrong result. It
    is named to the learner if it gives what the answer gives in every failing case, at best in every case. Two errors
    count as alike, but one failing case must agree in its result: a wrong transpose needs a case with square matrices.

    Args:
        name: the name of the learner's function or value; unique in the course.
        task: one line.
        oracle: gives the right result; where there are no cases, the value itself, called without arguments.
        hints: Markdown, opened one at a time, each closer to the answer than the one before.
        cases: small ones first, then edges, then random ones; a learner is shown the first that fails.
        misconceptions: the most telling first.
        tolerance: absolute and relative, for floating-point numbers; whole numbers must agree exactly.
        returns: the shape in letters, "(B, H)", for messages.
        compare: for exercises with several right answers: ``compare(expected, got)`` gives None or what is wrong.
        lesson: "01"; the registry fills it in, from the name of the module.
    """

    name: str
    task: str
    oracle: Callable[..., Any]
    hints: Sequence[str]
    cases: Sequence[Case] = ()
    misconceptions: Mapping[str, tuple[str, Callable[..., Any]]] = field(default_factory=dict)
    tolerance: float = 1e-5
    returns: str = ""
    compare: Callable[[Any, Any], str | None] | None = None
    lesson: str = ""

    @property
    def wants_value(self) -> bool:
        """Whether the learner hands in a value, not a function."""
        return not self.cases

    @property
    def parameters(self) -> list[str]:
        """The names of the function's arguments, which are the oracle's."""
        return list(inspect.signature(self.oracle).parameters)


def perturbed(oracle: Callable[..., Any], **changes: Any) -> Callable[..., Any]:
    """Return the oracle as someone would write it who gets some of its arguments wrong.

    Args:
        changes: for each argument's name, what is wrongly used in its place: a value, or a function of the right one.

    >>> doubled = perturbed(lambda x, bias: x + bias, bias=lambda bias: 2 * bias)
    >>> doubled(10, 1)
    12
    >>> forgotten = perturbed(lambda x, bias: x + bias, bias=0)
    >>> forgotten(10, 1)
    10
    """
    signature = inspect.signature(oracle)
    unknown = changes.keys() - signature.parameters.keys()
    if unknown:
        raise ValueError(f"the oracle has no argument {sorted(unknown)}; it has {list(signature.parameters)}")

    def mistaken(*arguments: Any) -> Any:
        bound = signature.bind(*arguments)
        bound.apply_defaults()
        for name, change in changes.items():
            bound.arguments[name] = change(bound.arguments[name]) if callable(change) else change
        return oracle(*bound.args, **bound.kwargs)

    return mistaken
