"""From sound to features: the short-time spectrum, the mel filter bank and its logarithm, from scratch.

One sentence for each step: cut the wave into overlapping frames, fade each frame in and out with a window, take the
power at each frequency, add the powers up in bands that are spaced as the ear spaces them, take the logarithm.
"""

from functools import lru_cache
from math import log, log10

import torch
from torch import Tensor
from torch.nn.functional import pad

SAMPLE_RATE = 8000  # Hz
N_FFT = 256  # points of the Fourier transform: 31.25 Hz apart
WINDOW = 200  # samples: 25 ms
HOP = 80  # samples: 10 ms, 100 frames a second
N_MELS = 40
FLOOR = 1e-6  # power below which the logarithm is cut: what 16 bits leave of silence


def frame_count(n_samples: int, hop: int = HOP) -> int:
    """Return the number of frames of a wave of `n_samples`: one centred on every `hop`-th sample, from the first on."""
    if n_samples < 1:
        raise ValueError(f"a wave of {n_samples} samples has no frames; give at least one sample")
    return 1 + n_samples // hop


def power_spectrum(samples: Tensor, n_fft: int = N_FFT, window: int = WINDOW, hop: int = HOP) -> Tensor:
    """Return the power at each frequency in each frame: |rfft(window · frame)|².

    Args:
        samples: (B, N) or (N,), the wave; N > n_fft / 2, because the ends are mirrored to centre the outer frames.
        n_fft, window, hop: in samples; a periodic Hann window of `window` samples stands in the middle of `n_fft`.

    Returns:
        (B, T, F) or (T, F) with T = 1 + N // hop and F = n_fft // 2 + 1.
    """
    if not 0 < window <= n_fft or hop < 1:
        raise ValueError(f"window {window}, hop {hop} and n_fft {n_fft} must satisfy 0 < window <= n_fft and hop >= 1")
    _check_wave(samples, n_fft)
    batch = samples if samples.dim() == 2 else samples[None]
    mirrored = pad(batch[:, None], (n_fft // 2, n_fft // 2), mode="reflect")[:, 0]
    frames = mirrored.unfold(1, n_fft, hop)  # (B, T, n_fft)
    before = (n_fft - window) // 2
    fade = pad(torch.hann_window(window, device=samples.device), (before, n_fft - window - before))
    power = torch.fft.rfft(frames * fade).abs().pow(2)  # (B, T, F)
    return power if samples.dim() == 2 else power[0]


def hz_to_mel(hertz: float) -> float:
    """Return the mel of a frequency in hertz: 2595 log10(1 + f / 700) (O'Shaughnessy 1987; the HTK Book, 5.4)."""
    return 2595.0 * log10(1.0 + hertz / 700.0)


@lru_cache(maxsize=16)
def mel_filters(n_mels: int = N_MELS, n_fft: int = N_FFT, sample_rate: int = SAMPLE_RATE) -> Tensor:
    """Return the mel filter bank (F, n_mels): triangles that overlap by half, their corners equally far apart."""
    if n_mels < 1:
        raise ValueError(f"n_mels is {n_mels}; a filter bank needs at least one filter")
    frequencies = torch.linspace(0, sample_rate // 2, n_fft // 2 + 1)  # (F,)
    mels = torch.linspace(0.0, hz_to_mel(sample_rate / 2), n_mels + 2)
    corners = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)  # (n_mels + 2,) in Hz
    distance = corners[None] - frequencies[:, None]  # (F, n_mels + 2)
    width = corners.diff()
    rising = -distance[:, :-2] / width[:-1]
    falling = distance[:, 2:] / width[1:]
    return torch.minimum(rising, falling).clamp(min=0.0)  # (F, n_mels)


def log_mel(
    samples: Tensor,
    sample_rate: int = SAMPLE_RATE,
    n_fft: int = N_FFT,
    window: int = WINDOW,
    hop: int = HOP,
    n_mels: int = N_MELS,
    floor: float = FLOOR,
) -> Tensor:
    """Return the log-mel spectrogram: log(max(power_spectrum · mel_filters, floor)), natural logarithm.

    Equal to ``torchaudio.transforms.MelSpectrogram(sample_rate, n_fft, window, hop, n_mels=n_mels)`` before the
    logarithm.

    Args:
        samples: (B, N) or (N,), float in [-1, 1], N > n_fft / 2.

    Returns:
        (B, T, n_mels) or (T, n_mels) with T = 1 + N // hop.
    """
    filters = mel_filters(n_mels, n_fft, sample_rate).to(samples.device)
    return (power_spectrum(samples, n_fft, window, hop) @ filters).clamp(min=floor).log()


def level(features: Tensor, lengths: Tensor | None = None, depth: float = 60.0) -> Tensor:
    """Return the log-mels of an utterance as if it had been spoken at one loudness, whatever the recorder's.

    One number is taken off all bands and frames, the log of the mean power, and what lies more than `depth` decibels
    below the loudest is cut. Unlike `normalise` it hardly depends on how much silence there is, nor on which words.

    Args:
        features: (B, T, D) or (T, D), natural logarithms of power.
        lengths: (B,), the frames that are not padding; all of them if None. Padding comes back as zeros.

    Returns:
        As the features, about -3 to 3.
    """
    if features.dim() == 2:
        return level(features[None], lengths, depth)[0]
    lengths, real = _real_frames(features, lengths)
    present = features.masked_fill(~real, -torch.inf)
    below = (present - present.amax((1, 2), keepdim=True)).clamp(min=-depth * log(10.0) / 10.0)  # the loudest is 0
    count = lengths[:, None, None] * features.shape[2]
    mean = (below.exp() * real).sum((1, 2), keepdim=True).div(count).log()
    return ((below - mean) / 3.0 + 1.0) * real


def normalise(features: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Return the features with mean 0 and variance 1 over each utterance's frames, one mel band at a time.

    Args:
        features: (B, T, D) or (T, D).
        lengths: (B,), the frames that are not padding; all of them if None. Padding comes back as zeros.
    """
    if features.dim() == 2:
        return normalise(features[None], lengths)[0]
    lengths, real = _real_frames(features, lengths)
    count = lengths[:, None, None]
    mean = (features * real).sum(1, keepdim=True) / count  # (B, 1, D)
    centred = (features - mean) * real
    variance = centred.square().sum(1, keepdim=True) / count
    return centred / (variance + 1e-5).sqrt()


def _real_frames(features: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the lengths (B,), and (B, T, 1) that is true where there is no padding."""
    if features.dim() != 3 or not features.numel():
        raise ValueError(f"features have the shape {tuple(features.shape)}; give (B, T, D) or (T, D), none of them 0")
    B, T, _ = features.shape
    lengths = torch.full((B,), T, device=features.device) if lengths is None else lengths
    if lengths.shape != (B,) or not bool(((lengths >= 1) & (lengths <= T)).all()):
        raise ValueError(f"lengths {lengths.tolist()} must be {B} numbers between 1 and {T} (frames)")
    return lengths, (torch.arange(T, device=features.device) < lengths[:, None])[..., None]


def _check_wave(samples: Tensor, n_fft: int) -> None:
    if samples.dim() not in (1, 2) or not samples.is_floating_point():
        raise ValueError(
            f"samples are {samples.dtype} with the shape {tuple(samples.shape)}; give floats of shape (N,) or (B, N), "
            "one channel"
        )
    if samples.shape[-1] <= n_fft // 2 or not samples.numel():
        raise ValueError(
            f"a wave of {samples.shape[-1]} samples is too short for frames of {n_fft}: "
            f"it needs at least {n_fft // 2 + 1}"
        )
    if not bool(torch.isfinite(samples).all()):
        raise ValueError("samples hold NaN or infinite values; look at how the wave was read or computed")
