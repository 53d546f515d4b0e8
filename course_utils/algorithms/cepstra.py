"""Cepstra: a spectrum's envelope in a few numbers (MFCC), and how fast they change (deltas), from scratch.

The logarithm of the mel spectrum is a curve over the bands. A few slow cosines describe its shape, which the mouth
makes, and leave out its fine ripple, which comes from the voice's pitch; and hardly correlate with each other.
"""

from functools import lru_cache
from math import pi

import torch
from torch import Tensor

from course_utils.algorithms.features import HOP, N_FFT, N_MELS, SAMPLE_RATE, WINDOW, mel_spectrum, real_frames

N_MFCC = 13


def decibels(power: Tensor, depth: float | None = 80.0) -> Tensor:
    """Return 10 log10 of a power, nothing lower than -100 dB nor than `depth` under the utterance's loudest number.

    Args:
        power: (B, T, D) or (T, D); each utterance has its own loudest number.
        depth: in decibels; None for no such limit.
    """
    found = power.clamp(min=1e-10).log10() * 10.0
    return found if depth is None else torch.maximum(found, found.amax((-2, -1), keepdim=True) - depth)


def dct_matrix(n_mfcc: int = N_MFCC, n_mels: int = N_MELS) -> Tensor:
    """Return the first columns of the orthonormal DCT-II (Ahmed, Natarajan and Rao 1974), (n_mels, n_mfcc).

    Column k is a cosine that goes k half turns over the bands: √(2 / M) cos(π k (m + ½) / M), column 0 smaller by √2.
    """
    if not 1 <= n_mfcc <= n_mels:
        raise ValueError(f"n_mfcc is {n_mfcc}; of {n_mels} bands there are 1 to {n_mels} coefficients")
    return _cosines(n_mfcc, n_mels).clone()


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # what is kept serves training, too
def _cosines(n_mfcc: int, n_mels: int) -> Tensor:
    m, k = torch.arange(float(n_mels)), torch.arange(float(n_mfcc))[:, None]
    cosines = torch.cos(pi / n_mels * (m + 0.5) * k)  # (n_mfcc, n_mels)
    cosines[0] *= 0.5**0.5
    return (cosines * (2.0 / n_mels) ** 0.5).T


def mfcc(
    samples: Tensor,
    sample_rate: int = SAMPLE_RATE,
    n_fft: int = N_FFT,
    window: int = WINDOW,
    hop: int = HOP,
    n_mels: int = N_MELS,
    n_mfcc: int = N_MFCC,
) -> Tensor:
    """Return the mel-frequency cepstral coefficients, decibels(mel_spectrum) · dct_matrix (Davis, Mermelstein 1980).

    Equal to ``torchaudio.transforms.MFCC`` for each wave alone; in a batch (B, N) torchaudio cuts every wave 80 dB
    under the loudest number of the whole batch, unless it is given as (B, 1, N).

    Returns:
        (B, T, n_mfcc) or (T, n_mfcc).
    """
    cosines = dct_matrix(n_mfcc, n_mels).to(samples)
    return decibels(mel_spectrum(samples, sample_rate, n_fft, window, hop, n_mels)) @ cosines


def deltas(features: Tensor, lengths: Tensor | None = None, reach: int = 2) -> Tensor:
    """Return how fast each feature changes, by the line that fits 2 · reach + 1 frames best (HTK Book, 5.9).

    d[t] = Σ_n n (c[t + n] - c[t - n]) / (2 Σ_n n²), n = 1 … reach; beyond its ends an utterance stands still.

    Args:
        features: (B, T, D) or (T, D).
        lengths: (B,), the frames that are not padding; all of them if None. Padding comes back as zeros.

    Returns:
        As the features, in their unit per frame.
    """
    if features.dim() == 2:
        return deltas(features[None], lengths, reach)[0]
    if reach < 1:
        raise ValueError(f"reach is {reach}; a slope needs at least 1 frame on each side")
    lengths, real = real_frames(features, lengths)
    T = features.shape[1]
    time = torch.arange(-reach, T + reach, device=features.device).clamp(min=0)
    held = features.index_select(1, time.clamp(max=T - 1))  # (B, reach + T + reach, D), standing still at both ends
    if bool((lengths < T).any()):
        row = torch.arange(len(features), device=features.device)[:, None]
        held = features[row, torch.minimum(time, lengths[:, None] - 1)]
    slope = torch.zeros_like(features)
    for n in range(1, reach + 1):
        rise = held[:, reach + n : reach + n + T] - held[:, reach - n : reach - n + T]
        slope = slope.add(rise, alpha=n)
    return (slope / (2 * sum(n * n for n in range(1, reach + 1)))).masked_fill(~real, 0.0)
