"""Solutions of lesson 04."""

import math

import torch
from course_utils import features


def frame_signal(x, length, hop):
    """Return the whole frames of a signal, (T, length)."""
    starts = range(0, len(x) - length + 1, hop)
    return torch.stack([x[start : start + length] for start in starts])


def frame_total():
    """Return the number of whole frames of 25 ms in 2 s, 10 ms apart."""
    samples, length, hop = 16_000, 200, 80
    return 1 + (samples - length) // hop


def dct(x, K):
    """Return the first K coefficients of the orthonormal DCT-II."""
    M = len(x)
    m = torch.arange(M)
    coefficients = []
    for k in range(K):
        factor = math.sqrt((1 if k == 0 else 2) / M)
        cosine = torch.cos(math.pi * k * (m + 0.5) / M)
        coefficients.append(factor * (x * cosine).sum())
    return torch.stack(coefficients)


def mel_bank(n_mels, n_frequencies, sample_rate):
    """Return triangles of height 1, (F, M), corners evenly far in mel."""
    hertz = torch.linspace(0, sample_rate / 2, n_frequencies)
    top_mel = features.hz_to_mel(sample_rate / 2)
    corners = features.mel_to_hz(torch.linspace(0, top_mel, n_mels + 2))
    filters = []
    for m in range(n_mels):
        left, top, right = corners[m : m + 3]
        rising = (hertz - left) / (top - left)
        falling = (right - hertz) / (right - top)
        filters.append(torch.minimum(rising, falling).clamp(min=0))
    return torch.stack(filters, dim=1)
