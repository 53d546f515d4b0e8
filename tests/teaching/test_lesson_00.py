"""Wrong answers to the exercise of lesson 00, as people write them, each refused for its own reason."""

import pytest

from course_utils.teaching.checks import grade


def whole_seconds(samples, sample_rate):
    return int(len(samples) / sample_rate)


def always_telephone(samples, sample_rate):
    rate = 8000
    return len(samples) * (1 / rate)


def upside_down(samples, sample_rate):
    return sample_rate / len(samples)


def product(samples, sample_rate):
    seconds = sample_rate * len(samples)
    return seconds


def milliseconds(samples, sample_rate):
    return 1000 * len(samples) / sample_rate


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (whole_seconds, "drops the fraction of a second"),
        (always_telephone, "takes every sound for one at 8,000 samples a second"),
        (upside_down, "divides the wrong way round"),
        (product, "multiplies by the rate"),
        (milliseconds, None),
    ],
)
def test_wrong_durations_are_refused_with_their_reason(answer, diagnosis):
    report = grade("duration", answer)
    assert report.status == "failed"
    assert report.misconception == diagnosis
