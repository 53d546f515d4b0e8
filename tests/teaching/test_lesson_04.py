"""Wrong answers to the exercises of lesson 04, as people write them, each refused for its own reason."""

import math

import pytest
import torch

from course_utils.algorithms import features
from course_utils.teaching.checks import grade

from .toys import each_wrong


def end_to_end(x, length, hop):
    return x[: len(x) // length * length].reshape(-1, length)


def one_short(x, length, hop):
    starts = range(0, len(x) - length, hop)
    return torch.stack([x[s : s + length] for s in starts])


def padded(x, length, hop):
    rows = []
    for start in range(0, len(x), hop):
        row = x[start : start + length]
        rows.append(torch.nn.functional.pad(row, (0, length - len(row))))
    return torch.stack(rows)


def columns(x, length, hop):
    return torch.stack([x[s : s + length] for s in range(0, len(x) - length + 1, hop)], dim=1)


def swapped(x, length, hop):
    return x.unfold(0, hop, length)


def every_sample(x, length, hop):
    return x.unfold(0, length, 1)


def in_place(x, length, hop):
    found = x.unfold(0, length, hop).clone()
    x.zero_()
    return found


def nothing(*arguments):
    sum(map(id, arguments))


def crashes(*arguments):
    raise IndexError("list index out of range")


def full_of_nan(x, length, hop):
    return x.unfold(0, length, hop) * float("nan")


def dct_without_half(x, K):
    M = len(x)
    out = torch.zeros(K)
    for k in range(K):
        scale = (1 / M) ** 0.5 if k == 0 else (2 / M) ** 0.5
        out[k] = scale * sum(x[m] * math.cos(math.pi * k * m / M) for m in range(M))
    return out


def dct_all_alike(x, K):
    M, m = len(x), torch.arange(len(x))
    return torch.stack([(2 / M) ** 0.5 * (x * torch.cos(math.pi * k * (m + 0.5) / M)).sum() for k in range(K)])


def dct_bare(x, K):
    M, m = len(x), torch.arange(len(x))
    return torch.stack([(x * torch.cos(math.pi * k * (m + 0.5) / M)).sum() for k in range(K)])


def dct_doubled(x, K):
    return 2 * dct_bare(x, K)


def dct_from_one(x, K):
    M, m = len(x), torch.arange(len(x))
    k = torch.arange(1, K + 1)[:, None]
    return (2 / M) ** 0.5 * torch.cos(math.pi * k * (m + 0.5) / M) @ x


def dct_sines(x, K):
    M, m = len(x), torch.arange(len(x))
    k = torch.arange(K)[:, None]
    return torch.sin(math.pi * k * (m + 0.5) / M) @ x * (2 / M) ** 0.5


def bank(n_mels, n_frequencies, sample_rate, corners, top=0.5, pick=torch.minimum, least=0.0):
    hertz = torch.linspace(0, sample_rate * top, n_frequencies)
    columns = []
    for m in range(n_mels):
        left, middle, right = corners[m], corners[m + 1], corners[m + 2]
        rise, fall = (hertz - left) / (middle - left), (right - hertz) / (right - middle)
        columns.append(pick(rise, fall).clamp(min=least))
    return torch.stack(columns, 1)


def corners(n_mels, sample_rate):
    return 700 * (10 ** (torch.linspace(0, 2595 * math.log10(1 + sample_rate / 1400), n_mels + 2) / 2595) - 1)


def bank_in_hertz(n_mels, n_frequencies, sample_rate):
    return bank(n_mels, n_frequencies, sample_rate, torch.linspace(0, sample_rate / 2, n_mels + 2))


def bank_below_nought(n_mels, n_frequencies, sample_rate):
    return bank(n_mels, n_frequencies, sample_rate, corners(n_mels, sample_rate), least=-math.inf)


def bank_of_the_larger(n_mels, n_frequencies, sample_rate):
    return bank(n_mels, n_frequencies, sample_rate, corners(n_mels, sample_rate), pick=torch.maximum)


def bank_to_the_rate(n_mels, n_frequencies, sample_rate):
    return bank(n_mels, n_frequencies, sample_rate, corners(n_mels, sample_rate), top=1.0)


def bank_turned(n_mels, n_frequencies, sample_rate):
    return bank(n_mels, n_frequencies, sample_rate, corners(n_mels, sample_rate)).T


def bank_of_equal_areas(n_mels, n_frequencies, sample_rate):
    edges = corners(n_mels, sample_rate)
    return bank(n_mels, n_frequencies, sample_rate, edges) * 2 / (edges[2:] - edges[:-2])


def bank_apart(n_mels, n_frequencies, sample_rate):
    edges = features.mel_to_hz(torch.linspace(0, features.hz_to_mel(sample_rate / 2), 2 * n_mels + 1))
    hertz = torch.linspace(0, sample_rate / 2, n_frequencies)
    rows = []
    for m in range(n_mels):
        a, b, c = edges[2 * m : 2 * m + 3]
        rows.append(torch.minimum((hertz - a) / (b - a), (c - hertz) / (c - b)).clamp(min=0))
    return torch.stack(rows, 1)


WRONG = {
    "frame_signal": [
        (end_to_end, "lays the frames end to end"),
        (one_short, "leaves out the last frame"),
        (padded, "fills a frame up with zeros at the end"),
        (columns, "has frames in columns"),
        (swapped, "takes the hop for the length, and the length for the hop"),
        (every_sample, "moves on by one sample"),
        (in_place, None),
        (nothing, None),
        (crashes, None),
        (full_of_nan, None),
    ],
    "frame_total": [
        (201, "counts as if the ends were mirrored"),
        (200, "divides the length by the hop"),
        (197, "counts the hops and forgets the first frame"),
        (80, "lays the frames end to end"),
        (199, "counts a frame that is not whole"),
        (1598, "counts milliseconds in place of samples"),
        (398, "has another sample rate in mind"),
        (198.5, None),
        ("198", None),
    ],
    "dct": [
        (dct_without_half, "leaves out the half in m + ½"),
        (dct_all_alike, "treats coefficient 0 as the others"),
        (dct_bare, "leaves out the factors in front of the sum"),
        (dct_doubled, "doubles the sum in place of the factors"),
        (dct_from_one, "starts at k = 1"),
        (dct_sines, "takes sines"),
        (nothing, None),
        (crashes, None),
    ],
    "mel_bank": [
        (bank_in_hertz, "puts the corners at equal distances in hertz"),
        (bank_below_nought, "leaves the weights below nought"),
        (bank_of_the_larger, "joins the rising and the falling side by the larger of the two"),
        (bank_apart, "gives each triangle corners of its own"),
        (bank_to_the_rate, "lets the frequencies run up to the sample rate"),
        (bank_turned, "has filters in rows"),
        (bank_of_equal_areas, "makes the triangles equal in area"),
        (nothing, None),
        (crashes, None),
    ],
}


@pytest.mark.parametrize(("exercise", "answer", "diagnosis"), each_wrong(WRONG))
def test_wrong_answers_are_refused_with_their_reason(exercise, answer, diagnosis):
    report = grade(exercise, answer)
    assert report.status == "failed"
    assert report.misconception == diagnosis


def dct_as_a_product(x, K):
    M = len(x)
    table = torch.cos(math.pi / M * torch.arange(K)[:, None] * (torch.arange(M) + 0.5)) * (2 / M) ** 0.5
    table[0] /= 2**0.5
    return table @ x


def dct_in_doubles(x, K):
    return dct_as_a_product(x, K).float()


def bank_by_loops(n_mels, n_frequencies, sample_rate):
    edges = corners(n_mels, sample_rate).tolist()
    found = torch.zeros(n_frequencies, n_mels)
    for k in range(n_frequencies):
        hertz = k * sample_rate / 2 / (n_frequencies - 1)
        for m in range(n_mels):
            if edges[m] < hertz <= edges[m + 1]:
                found[k, m] = (hertz - edges[m]) / (edges[m + 1] - edges[m])
            elif edges[m + 1] < hertz < edges[m + 2]:
                found[k, m] = (edges[m + 2] - hertz) / (edges[m + 2] - edges[m + 1])
    return found


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("frame_signal", lambda x, length, hop: x.unfold(0, length, hop)),
        ("frame_total", 198),
        ("frame_total", 198.0),
        ("dct", dct_as_a_product),
        ("dct", dct_in_doubles),
        ("mel_bank", bank_by_loops),
    ],
)
def test_right_answers_pass_however_they_are_written(exercise, answer):
    assert grade(exercise, answer).status == "passed"
