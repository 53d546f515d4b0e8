"""From sound to features: frames, spectra, the mel filter bank and its logarithm, from scratch.

One sentence for each step: cut the wave into overlapping frames, fade each frame in and out with a window, take the
power at each frequency, add the powers up in bands that are spaced as the ear spaces them, take the logarithm.
"""

from functools import lru_cache
from math import log, log10, pi

import torch
from torch import Tensor
from torch.nn.functional import pad

SAMPLE_RATE = 8000  # Hz
N_FFT = 256  # points of the Fourier transform: 31.25 Hz apart
WINDOW = 200  # samples: 25 ms
HOP = 80  # samples: 10 ms, 100 frames a second
N_MELS = 40
FLOOR = 1e-6  # power below which the logarithm is cut: what 16 bits leave of silence
WINDOWS = {"hann": 0.5, "hamming": 0.54, "rectangular": 1.0}  # the constant term of each


def frame_count(n_samples: int, hop: int = HOP, length: int | None = None) -> int:
    """Return the number of frames of a wave of `n_samples`.

    With mirrored ends (`length` None) one frame is centred on every `hop`-th sample, from the first on: 1 + N // hop.
    Without, a frame of `length` samples must fit in: 1 + (N - length) // hop.
    """
    if n_samples < 1:
        raise ValueError(f"a wave of {n_samples} samples has no frames; give at least one sample")
    if hop < 1:
        raise ValueError(f"hop is {hop}; frames must move on by at least 1 sample")
    if length is not None and not 1 <= length <= n_samples:
        raise ValueError(f"a frame of {length} samples does not fit in a wave of {n_samples}; need 1 <= length <= N")
    return 1 + (n_samples if length is None else n_samples - length) // hop


def frames(samples: Tensor, length: int = N_FFT, hop: int = HOP, centred: bool = True) -> Tensor:
    """Return the overlapping frames of a wave: frame t starts `hop` samples after frame t - 1.

    Args:
        samples: (B, N) or (N,), float.
        length, hop: in samples.
        centred: mirror half a frame at both ends, so that frame t is centred on sample t · hop; needs N > length / 2.

    Returns:
        (B, T, length) or (T, length): T = 1 + N // hop if centred (an odd length: 1 + (N - 1) // hop), else
        frame_count(N, hop, length).
    """
    if not centred:
        frame_count(samples.shape[-1] if samples.dim() else 0, hop, length)  # says what does not fit
    if length < 1 or hop < 1:
        raise ValueError(f"length {length} and hop {hop} must both be at least 1 sample")
    _check_wave(samples, length if centred else 0)
    if centred:
        half = (length // 2, length // 2)
        samples = pad(samples[None], half, mode="reflect")[0]
    return samples.unfold(-1, length, hop)


def window_function(kind: str = "hann", length: int = WINDOW) -> Tensor:
    """Return the periodic window w[n] = a - (1 - a) cos(2πn / length) (Harris 1978).

    a is 0.5 for "hann", which falls to nought at both ends, 0.54 for "hamming", and 1 for "rectangular", no fading.

    Returns:
        (length,), float32.
    """
    if kind not in WINDOWS:
        raise ValueError(f"no window is called {kind!r}; there are {', '.join(WINDOWS)}")
    if length < 1:
        raise ValueError(f"a window of {length} samples is none; give at least 1")
    a = WINDOWS[kind]
    return (torch.arange(length, dtype=torch.float32) * (2 * pi / length)).cos() * (a - 1) + a


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # what is kept serves training, too
def centred_window(kind: str, window: int, n_fft: int) -> Tensor:
    """Return (n_fft,): a window in the middle of zeros. Kept from call to call: do not change it in place."""
    if not 0 < window <= n_fft:
        raise ValueError(f"window {window} and n_fft {n_fft} must satisfy 0 < window <= n_fft")
    before = (n_fft - window) // 2
    return pad(window_function(kind, window), (before, n_fft - window - before))


def spectrum(samples: Tensor, n_fft: int = N_FFT, window: int = WINDOW, hop: int = HOP, kind: str = "hann") -> Tensor:
    """Return the short-time Fourier transform: rfft(window · frame) of each frame (Allen and Rabiner 1977).

    Args:
        samples: (B, N) or (N,), the wave; N > n_fft / 2, because the ends are mirrored to centre the outer frames.
        n_fft, window, hop: in samples; a periodic window of `window` samples stands in the middle of `n_fft`.
        kind: of window, see `window_function`.

    Returns:
        (B, T, F) or (T, F), complex, with T = 1 + N // hop, as `frames` counts them, and F = n_fft // 2 + 1.
    """
    return torch.fft.rfft(frames(samples, n_fft, hop) * centred_window(kind, window, n_fft).to(samples))


def power_spectrum(
    samples: Tensor, n_fft: int = N_FFT, window: int = WINDOW, hop: int = HOP, kind: str = "hann"
) -> Tensor:
    """Return the power at each frequency in each frame, |spectrum|², (B, T, F) or (T, F); arguments as there."""
    return spectrum(samples, n_fft, window, hop, kind).abs().pow(2)


def hz_to_mel(hertz: float, scale: str = "htk") -> float:
    """Return the mel of a frequency in hertz.

    "htk": 2595 log10(1 + f / 700) (O'Shaughnessy 1987; the HTK Book, 5.4). "slaney": 3 f / 200 up to 1,000 Hz, then 27
    mels for each factor of 6.4 (Slaney's Auditory Toolbox, 1998).
    """
    if scale == "htk":
        return 2595.0 * log10(1.0 + hertz / 700.0)
    _check_scale(scale)
    return hertz / (200.0 / 3) if hertz < 1000.0 else 1000.0 / (200.0 / 3) + log(hertz / 1000.0) / (log(6.4) / 27.0)


def mel_to_hz(mels: Tensor, scale: str = "htk") -> Tensor:
    """Return the frequencies in hertz of mels, in any shape: what `hz_to_mel` undoes."""
    if scale == "htk":
        return 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    _check_scale(scale)
    knee = 1000.0 / (200.0 / 3)
    return torch.where(mels < knee, 200.0 / 3 * mels, 1000.0 * torch.exp(log(6.4) / 27.0 * (mels - knee)))


def mel_filters(
    n_mels: int = N_MELS,
    n_fft: int = N_FFT,
    sample_rate: int = SAMPLE_RATE,
    scale: str = "htk",
    equal_area: bool = False,
) -> Tensor:
    """Return the mel filter bank (F, n_mels): triangles that overlap by half, their corners equally many mels apart.

    Each triangle is 1 high; with `equal_area`, 2 / its width in hertz (Slaney's norm), so that all have the area 1.
    """
    if n_mels < 1:
        raise ValueError(f"n_mels is {n_mels}; a filter bank needs at least one filter")
    return _mel_filters(n_mels, n_fft, sample_rate, scale, equal_area).clone()


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def _mel_filters(n_mels: int, n_fft: int, sample_rate: int, scale: str, equal_area: bool) -> Tensor:
    top = sample_rate // 2  # whole hertz even of an odd rate, as torchaudio has it
    frequencies = torch.linspace(0, top, n_fft // 2 + 1)  # (F,)
    mels = torch.linspace(0.0, hz_to_mel(top, scale), n_mels + 2)
    corners = mel_to_hz(mels, scale)  # (n_mels + 2,)
    distance = corners[None] - frequencies[:, None]  # (F, n_mels + 2)
    width = corners.diff()
    rising = -distance[:, :-2] / width[:-1]
    falling = distance[:, 2:] / width[1:]
    triangles = torch.minimum(rising, falling).clamp(min=0.0)  # (F, n_mels)
    return triangles * (2.0 / (corners[2:] - corners[:-2])) if equal_area else triangles


def mel_spectrum(
    samples: Tensor,
    sample_rate: int = SAMPLE_RATE,
    n_fft: int = N_FFT,
    window: int = WINDOW,
    hop: int = HOP,
    n_mels: int = N_MELS,
) -> Tensor:
    """Return the power in each mel band, power_spectrum · mel_filters, (B, T, n_mels) or (T, n_mels).

    Equal to ``torchaudio.transforms.MelSpectrogram(sample_rate, n_fft, window, hop, n_mels=n_mels)``.
    """
    filters = mel_filters(n_mels, n_fft, sample_rate).to(samples)
    return power_spectrum(samples, n_fft, window, hop) @ filters


def log_mel(
    samples: Tensor,
    sample_rate: int = SAMPLE_RATE,
    n_fft: int = N_FFT,
    window: int = WINDOW,
    hop: int = HOP,
    n_mels: int = N_MELS,
    floor: float = FLOOR,
) -> Tensor:
    """Return the log-mel spectrogram: log(max(mel_spectrum, floor)), natural logarithm.

    Args:
        samples: (B, N) or (N,), float in [-1, 1], N > n_fft / 2.

    Returns:
        (B, T, n_mels) or (T, n_mels) with T = 1 + N // hop.
    """
    return mel_spectrum(samples, sample_rate, n_fft, window, hop, n_mels).clamp(min=floor).log()


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
    lengths, real = real_frames(features, lengths)
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
    lengths, real = real_frames(features, lengths)
    count = lengths[:, None, None]
    features = features.masked_fill(~real, 0.0)  # whatever padding holds, NaN too
    mean = features.sum(1, keepdim=True) / count  # (B, 1, D)
    centred = (features - mean) * real
    variance = centred.square().sum(1, keepdim=True) / count
    return centred / (variance + 1e-5).sqrt()


def real_frames(features: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the lengths (B,), and (B, T, 1) that is true where there is no padding."""
    if features.dim() != 3 or not features.numel():
        raise ValueError(f"features have the shape {tuple(features.shape)}; give (B, T, D) or (T, D), none of them 0")
    B, T, _ = features.shape
    lengths = torch.full((B,), T, device=features.device) if lengths is None else lengths.to(features.device)
    fitting = lengths.shape == (B,) and not lengths.is_floating_point()
    if not fitting or not bool(((lengths >= 1) & (lengths <= T)).all()):
        raise ValueError(f"lengths {lengths.tolist()} must be {B} whole numbers between 1 and {T} (frames)")
    return lengths, (torch.arange(T, device=features.device) < lengths[:, None])[..., None]


def _check_scale(scale: str) -> None:
    if scale not in ("htk", "slaney"):
        raise ValueError(f"no mel scale is called {scale!r}; there are htk and slaney")


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
    if not bool(torch.isfinite(samples.sum())) and not bool(torch.isfinite(samples).all()):  # the sum tells fast
        raise ValueError("samples hold NaN or infinite values; look at how the wave was read or computed")
