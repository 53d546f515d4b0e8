"""The one exercise of lesson 00: small enough to show how exercises work."""

import torch

from course_utils.teaching.checks.exercise import Case, Exercise


def duration(samples, sample_rate):
    """Return the seconds that a sound lasts."""
    return len(samples) / sample_rate


DURATION = Exercise(
    name="duration",
    task="Say how many seconds a sound lasts.",
    oracle=duration,
    cases=[
        Case("one second at 8,000 samples a second", lambda generator: (torch.zeros(8000), 8000)),
        Case("two and a half seconds", lambda generator: (torch.zeros(20000), 8000)),
        Case("no samples at all", lambda generator: (torch.zeros(0), 8000)),
        Case(
            "some other sound at some other rate",
            lambda generator: (torch.zeros(int(torch.randint(1, 50_000, (), generator=generator))), 16000),
            times=3,
        ),
    ],
    misconceptions={
        "drops the fraction of a second": (
            "Your answer is a whole number of seconds. `//` in Python throws the rest away; sounds rarely end on the "
            "second.",
            lambda samples, sample_rate: len(samples) // sample_rate,
        ),
        "takes every sound for one at 8,000 samples a second": (
            "Your answer is right at 8,000 samples a second only. The rate is an argument: let it decide.",
            lambda samples, sample_rate: len(samples) / 8000,
        ),
        "divides the wrong way round": (
            "Your fraction stands on its head: as it is, a longer sound gets a smaller answer. Check the units: "
            "samples, and samples per second, must leave seconds.",
            lambda samples, sample_rate: sample_rate / len(samples),
        ),
        "multiplies by the rate": (
            "Samples times samples per second are no seconds. Write the units beside the numbers.",
            lambda samples, sample_rate: len(samples) * sample_rate,
        ),
    },
    hints=[
        "A sound of 16,000 samples at 8,000 samples per second lasts two seconds. Which operation makes 2 of them?",
        "`len(samples)` counts the samples. In Python, `/` keeps the fraction and `//` drops it.",
    ],
)
