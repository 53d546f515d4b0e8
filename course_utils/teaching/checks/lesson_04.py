"""The exercises of lesson 04: frames and their number, the cosine transform, and the mel filter bank."""

import math

import torch

from course_utils.algorithms import cepstra, features
from course_utils.teaching.checks.exercise import Case, Exercise, drawn, given


def frame_signal(x, length, hop):
    return features.frames(x, length, hop, centred=False).contiguous()


def from_starts(starts):
    """Return framing in which the frames begin at ``starts(N, length, hop)``; what lies beyond the end is zeros."""

    def framed(x, length, hop):
        longer = torch.cat([x, torch.zeros(length)])
        return torch.stack([longer[start : start + length] for start in starts(len(x), length, hop)])

    return framed


def random_wave(generator):
    N, length, hop = (int(torch.randint(*span, (1,), generator=generator)) for span in [(30, 60), (6, 12), (2, 6)])
    return torch.randn(N, generator=generator), length, hop


FRAME_SIGNAL = Exercise(
    name="frame_signal",
    task="Cut a signal into overlapping frames, whole ones only.",
    oracle=frame_signal,
    returns="(T, length)",
    cases=[
        Case("ten samples, frames of 4, hop 2", given(torch.arange(10.0), 4, 2)),
        Case("frames that do not overlap", given(torch.arange(9.0), 3, 3)),
        Case("one sample too few for another frame", given(torch.arange(11.0), 4, 2)),
        Case("a signal of one frame", given(torch.arange(5.0), 5, 2)),
        Case("random lengths", random_wave, times=3),
    ],
    misconceptions={
        "lays the frames end to end": (
            "Each of your frames begins where the one before ends. The next one begins `hop` samples after the last "
            "began, so that they overlap.",
            lambda x, length, hop: frame_signal(x, length, length),
        ),
        "leaves out the last frame": (
            "A frame that ends exactly where the signal ends is whole. Where does the last one begin?",
            from_starts(lambda N, length, hop: range(0, N - length, hop)),
        ),
        "fills a frame up with zeros at the end": (
            "Whole frames only: one that reaches beyond the end is left out.",
            from_starts(lambda N, length, hop: range(0, N, hop)),
        ),
        "has frames in columns": (
            "Your result is (length, T). One *row* a frame: time comes first, as everywhere in the course.",
            lambda x, length, hop: frame_signal(x, length, hop).T.contiguous(),
        ),
        "takes the hop for the length, and the length for the hop": (
            "`length` is how many samples a frame has, `hop` how far the next one is.",
            lambda x, length, hop: frame_signal(x, hop, length),
        ),
        "moves on by one sample": (
            "Your frames begin at every sample. They are `hop` samples apart.",
            lambda x, length, hop: frame_signal(x, length, 1),
        ),
    },
    hints=[
        "Frame number t begins at sample t · hop. Which t is the last for which the whole frame is there?",
        "`range(0, stop, hop)` gives the beginnings; the last beginning allowed is N − length, and `range` leaves its "
        "stop out.",
        "`x[start : start + length]` is one frame, and `torch.stack` makes rows of a list of them.",
    ],
)


SECOND = 8000  # samples


def frame_total(N=2 * SECOND, length=200, hop=80, first=1):
    return lambda: first + (N - length) // hop


FRAME_TOTAL = Exercise(
    name="frame_total",
    task="Predict the number of whole frames in two seconds.",
    oracle=frame_total(),
    misconceptions={
        "counts as if the ends were mirrored": (
            "That many frames are centred on the samples 0, 80, 160 and so on. Here a frame must lie inside the "
            "recording, so the last ones do not fit.",
            lambda: 1 + 2 * SECOND // 80,
        ),
        "divides the length by the hop": (
            "So many hops fit into two seconds. The last frame also needs room for its own length.",
            lambda: 2 * SECOND // 80,
        ),
        "counts the hops and forgets the first frame": (
            "Before the first hop there is a frame already.",
            frame_total(first=0),
        ),
        "lays the frames end to end": ("They overlap: count hops, not lengths.", lambda: 2 * SECOND // 200),
        "counts a frame that is not whole": (
            "What is left after the last whole hop is half a hop. A frame that began there would reach beyond.",
            frame_total(first=2),
        ),
        "counts milliseconds in place of samples": (
            "Check the units: 25 ms and 10 ms are how many samples at 8,000 a second?",
            frame_total(length=25, hop=10),
        ),
        "has another sample rate in mind": (
            "Your number does not count frames of 25 ms in two seconds at 8,000 samples each.",
            frame_total(N=2 * 16000),
        ),
    },
    hints=[
        "First turn everything into samples: two seconds, 25 ms and 10 ms at 8,000 samples a second.",
        "The first frame begins at 0. How many hops can it make before its end would leave the recording?",
        "Round down what is no whole hop, then add the frame that made no hop.",
    ],
)


def dct(x, K):
    return x @ cepstra.dct_matrix(K, len(x)).to(x)


def cosines(shift=0.5, first=0, zero=0.5**0.5, height=lambda M: (2 / M) ** 0.5, wave=torch.cos):
    """Return the transform with something changed: Σ x[m] wave(π k (m + shift) / M), times its heights."""

    def transformed(x, K):
        M = len(x)
        m = torch.arange(M, dtype=x.dtype)
        rows = [(x * wave(math.pi * k * (m + shift) / M)).sum() * height(M) for k in range(first, first + K)]
        return torch.stack([row * (zero if k == 0 and first == 0 else 1.0) for k, row in enumerate(rows)])

    return transformed


@drawn
def numbers(generator, M, K):
    return torch.randn(M, generator=generator), K


DCT = Exercise(
    name="dct",
    task="Compute the first K coefficients of the orthonormal cosine transform.",
    oracle=dct,
    returns="(K,)",
    cases=[
        Case("two numbers, both coefficients", given(torch.tensor([3.0, 1.0]), 2)),
        Case("a flat curve", given(torch.full((4,), 2.0), 3)),
        Case("one number", given(torch.tensor([5.0]), 1)),
        Case("random numbers, M = 8, K = 8", numbers(8, 8), times=2),
        Case("40 numbers, K = 13", numbers(40, 13)),
    ],
    misconceptions={
        "leaves out the half in m + ½": (
            "Without it a cosine begins at the first band and does not end at the last. Each band's middle counts.",
            cosines(shift=0.0),
        ),
        "treats coefficient 0 as the others": (
            "A cosine of no half turns is 1 everywhere, and its squares add up to twice those of the others.",
            cosines(zero=1.0),
        ),
        "leaves out the factors in front of the sum": (
            "The cosines are right, their lengths are not: in the orthonormal transform each has length 1.",
            cosines(zero=1.0, height=lambda M: 1.0),
        ),
        "doubles the sum in place of the factors": (
            "That is the transform without normalisation, the default of some libraries.",
            cosines(zero=1.0, height=lambda M: 2.0),
        ),
        "starts at k = 1": ("The first coefficient has k = 0: the mean of the curve.", cosines(first=1)),
        "takes sines": (
            "A sine is 0 at its beginning. The flat curve needs a wave of no turns.",
            cosines(wave=torch.sin),
        ),
        "turns whole turns": (
            "Cosine k makes k *half* turns over the bands: π, not 2π.",
            cosines(wave=lambda angle: torch.cos(2 * angle)),
        ),
    },
    hints=[
        "For each k from 0 to K − 1: multiply `x` by a cosine of the same length, and add up.",
        "The cosine is cos(π k (m + ½) / M), for m = 0 … M − 1; `torch.arange(M)` gives all m at once.",
        "The factor is √(2/M), and √(1/M) for k = 0.",
    ],
)


def mel_bank(n_mels, n_frequencies, sample_rate):
    return features.mel_filters(n_mels, 2 * (n_frequencies - 1), sample_rate)


def mel_corners(n_mels, sample_rate):
    return features.mel_to_hz(torch.linspace(0, features.hz_to_mel(sample_rate / 2), n_mels + 2))


def triangles(corners_of=mel_corners, apart=1, sides=torch.minimum, clamp=True, top=0.5):
    """Return a filter bank with something changed: its corners, how they are joined, and how high frequencies reach."""

    def bank(n_mels, n_frequencies, sample_rate):
        hertz = torch.linspace(0, top * sample_rate, n_frequencies)[:, None]
        corners = corners_of(n_mels, sample_rate)
        low, middle, high = (corners[k::apart][:n_mels] for k in range(3))
        weights = sides((hertz - low) / (middle - low), (high - hertz) / (high - middle))
        return weights.clamp(min=0) if clamp else weights

    return bank


def equal_areas(n_mels, n_frequencies, sample_rate):
    return features.mel_filters(n_mels, 2 * (n_frequencies - 1), sample_rate, equal_area=True)


def columns_sum_to_one(n_mels, n_frequencies, sample_rate):
    bank = mel_bank(n_mels, n_frequencies, sample_rate)
    return bank / bank.sum(0)


MEL_BANK = Exercise(
    name="mel_bank",
    task="Build a bank of triangular filters whose corners are equally many mels apart.",
    oracle=mel_bank,
    returns="(F, M)",
    tolerance=1e-4,
    cases=[
        Case("one filter", given(1, 9, 8000)),
        Case("two filters", given(2, 17, 8000)),
        Case("as many filters as frequencies", given(5, 5, 8000)),
        Case("40 filters at 8,000 Hz", given(40, 257, 8000)),
        Case("80 filters at 16,000 Hz", given(80, 513, 16000)),
    ],
    misconceptions={
        "puts the corners at equal distances in hertz": (
            "Your filters are all equally wide. The corners are equally far apart in *mel*; then back to hertz.",
            triangles(lambda n, rate: torch.linspace(0, rate / 2, n + 2)),
        ),
        "leaves the weights below nought": (
            "Beyond its corners a triangle is 0, and the two lines go on falling.",
            triangles(clamp=False),
        ),
        "joins the rising and the falling side by the larger of the two": (
            "Between the corners both lines are positive: which of them is the side of the triangle?",
            triangles(sides=torch.maximum),
        ),
        "gives each triangle corners of its own": (
            "Your triangles stand side by side. Each begins at the middle of the one before: they share corners.",
            triangles(lambda n, rate: mel_corners(2 * n - 1, rate), apart=2),
        ),
        "lets the frequencies run up to the sample rate": (
            "The highest frequency in a sampled signal is half the rate.",
            triangles(top=1.0),
        ),
        "has filters in rows": (
            "Your bank is (M, F). It stands to the right of the power spectrum (T, F) in a product.",
            lambda n_mels, n_frequencies, sample_rate: mel_bank(n_mels, n_frequencies, sample_rate).T,
        ),
        "makes the triangles equal in area": ("That is Slaney's norm. Here each triangle is 1 high.", equal_areas),
        "makes the weights of each filter add up to 1": (
            "Here each triangle is 1 high; wide filters gather more.",
            columns_sum_to_one,
        ),
    },
    hints=[
        "M triangles need M + 2 corners: each has a left end, a top and a right end, and shares them.",
        "`torch.linspace` in mel from 0 to the mel of half the rate, then `features.mel_to_hz`. The F frequencies are "
        "a `linspace`, too.",
        "For triangle m: (f − left) / (top − left) rises, (right − f) / (right − top) falls. The smaller of the two, "
        "never below 0.",
    ],
)
