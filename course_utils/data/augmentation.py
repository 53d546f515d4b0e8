"""Augmentation: other voices, rooms, microphones and noises out of the speech that we have.

Two kinds. On *waves*, to be heard: `add_noise`, `change_speed`, `change_gain`, `equalise`, `reverberate`. On *log-mel
features*, to be fast, a whole batch at once: `warp`, `colour`, `mix_noise`, `echo`, `spec_augment`, and
`augment_features`, which does them all. The second kind needs no new Fourier transform, so that every update of a
training can see its utterances as it never saw them before.

Chance comes through a ``torch.Generator``. Decibels are of power.
"""

from math import log, pi

import torch
from torch import Generator, Tensor
from torch.nn.functional import max_pool1d, pad

NATS = log(10.0) / 10.0  # of a decibel, the features' logarithm being natural
# Stronger ones make new synthetic voices easier to recognise, but real people harder, within two minutes.
BEND = 1.18  # voices up to so much higher or lower
LOWEST_SNR = 0.0  # decibels
PASTED = 0.35  # the share of utterances whose noise stops between the words
WET = 0.2  # the most of an echo
DEPTH = 6.0  # decibels, of microphones' curves
TOP_MEL = 2595.0 * log(1.0 + 4000.0 / 700.0) / log(10.0)


def add_noise(samples: Tensor, snr: float, generator: Generator | None = None) -> Tensor:
    """Return the wave (…, N) with white noise, `snr` decibels below the wave's own mean power."""
    _check_wave(samples)
    power = samples.square().mean(-1, keepdim=True)
    noise = torch.randn(samples.shape, generator=generator).to(samples.device)
    return samples + noise * (power * 10.0 ** (-snr / 10.0)).sqrt()


def change_speed(samples: Tensor, factor: float) -> Tensor:
    """Return the wave (…, N) played `factor` times as fast: (…, N / factor), and higher by that factor."""
    _check_wave(samples)
    if not 0.25 <= factor <= 4.0:
        raise ValueError(f"a speed of {factor} is no speech any more; give a factor between 0.25 and 4")
    N = samples.shape[-1]
    spectrum = torch.fft.rfft(samples)
    length = max(1, round(N / factor))
    return torch.fft.irfft(spectrum[..., : length // 2 + 1], n=length) * (length / N)


def change_gain(samples: Tensor, decibels: float) -> Tensor:
    """Return the wave (…, N) louder by so many decibels, cut at ±1 as a recorder would."""
    _check_wave(samples)
    return (samples * 10.0 ** (decibels / 20.0)).clamp(-1.0, 1.0)


def equalise(samples: Tensor, depth: float = 6.0, generator: Generator | None = None) -> Tensor:
    """Return the wave (…, N) through a random smooth filter, as another microphone would hear it (`depth` in dB)."""
    _check_wave(samples)
    spectrum = torch.fft.rfft(samples)
    curve = _smooth_curves(1, spectrum.shape[-1], depth, generator)[0].to(samples.device)
    return torch.fft.irfft(spectrum * 10.0 ** (curve / 20.0), n=samples.shape[-1])


def reverberate(
    samples: Tensor, seconds: float, sample_rate: int = 8000, wet: float = 0.3, generator: Generator | None = None
) -> Tensor:
    """Return the wave (…, N) in a room whose echo, a share `wet` of the power, falls by 60 dB within `seconds`."""
    _check_wave(samples)
    if seconds <= 0 or not 0 <= wet < 1:
        raise ValueError(f"seconds {seconds} must be more than 0, and wet {wet} lie between 0 and 1")
    time = torch.arange(round(seconds * sample_rate)) / sample_rate
    tail = torch.randn(len(time), generator=generator) * 10.0 ** (-3.0 * time / seconds)
    tail = tail / tail.square().sum().sqrt() * (wet / (1.0 - wet)) ** 0.5
    tail[0] = 1.0  # the direct sound
    N = samples.shape[-1]
    size = N + len(tail) - 1
    return torch.fft.irfft(torch.fft.rfft(samples, size) * torch.fft.rfft(tail.to(samples.device), size), size)[..., :N]


def warp(features: Tensor, lengths: Tensor, speed: Tensor, stretch: Tensor) -> tuple[Tensor, Tensor]:
    """Return the features of speech that is faster and whose voice is higher, and their new lengths.

    Args:
        features: (B, T, D) log-mels.
        lengths: (B,) frames.
        speed: (B,), 1.2 is a fifth faster, at the same pitch.
        stretch: (B,), 1.2 puts pitch and resonances a fifth higher (a shorter vocal tract: Jaitly and Hinton 2013).

    Returns:
        (B, T', D), whose T' is the longest of the new lengths, and the lengths (B,).
    """
    B, T, D = features.shape
    device = features.device
    mel = torch.arange(1, D + 1, device=device) * (TOP_MEL / (D + 1))
    hertz = 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    knee = 2800.0  # above it the warp turns back, so that 4 kHz stays 4 kHz
    bent = 4000.0 - (4000.0 - knee / stretch[:, None]) / (4000.0 - knee) * (4000.0 - hertz)
    source_hertz = torch.where(hertz < knee, hertz / stretch[:, None], bent)  # (B, D)
    source_mel = (2595.0 * (1.0 + source_hertz / 700.0).log10() * ((D + 1) / TOP_MEL) - 1.0).clamp(0, D - 1)
    share = (1.0 - (source_mel[:, None] - torch.arange(D, device=device)[:, None]).abs()).clamp(min=0.0)
    bands = features @ share  # each new band lies between two old ones: share (B, old, new)
    lengths_out = (lengths / speed).round().long().clamp(min=1)
    frames = torch.arange(int(lengths_out.max()), device=device)
    source_frame = torch.minimum(frames * speed[:, None], lengths[:, None] - 1.0)  # (B, T')
    before, row = source_frame.long(), torch.arange(B, device=device)[:, None]
    after = (before + 1).clamp(max=T - 1)
    return bands[row, before].lerp(bands[row, after], (source_frame - before)[..., None]), lengths_out


def colour(features: Tensor, depth: float = 6.0, generator: Generator | None = None) -> Tensor:
    """Return the features (B, T, D) as other microphones would give them: a smooth random curve over the bands."""
    curves = _smooth_curves(features.shape[0], features.shape[2], depth, generator).to(features.device)
    return features + NATS * curves[:, None, :]


def mix_noise(
    features: Tensor, lengths: Tensor, snr: Tensor, pasted: Tensor | None = None, generator: Generator | None = None
) -> Tensor:
    """Return the log-mels (B, T, D) with noise at `snr` (B,) decibels, between white and strongly coloured.

    Powers add, since speech and noise do not know of each other. A band of white noise holds power in proportion to
    its width, and each frame of it wavers by chance, less so in the wide bands.

    Args:
        pasted: (B,) of booleans: here the noise stops in the pauses, as where separate recordings are pasted together.
    """
    B, T, D = features.shape
    device = features.device
    width = 10.0 ** (torch.arange(1, D + 1) * (TOP_MEL / (D + 1)) / 2595.0)  # relative, in Hz
    bins = (width / width.mean() * (128.0 / D)).clamp(min=1.0)  # Fourier bins in a band
    wavering = 1.0 + torch.randn(B, T, D, generator=generator) / bins.sqrt()
    noise = (wavering.clamp(min=0.1) * width).to(device)
    noise = noise * (NATS * _smooth_curves(B, D, 6.0, generator).to(device)[:, None]).exp()
    speech = features.exp()
    real = (torch.arange(T, device=device) < lengths[:, None])[..., None]
    level = (speech * real).sum((1, 2)) / (noise * real).sum((1, 2))  # (B,)
    noise = noise * (level * 10.0 ** (-snr / 10.0))[:, None, None]
    if pasted is not None:
        loudness = (speech * real).sum(2)  # (B, T)
        sounding = loudness > 1e-3 * loudness.sum(1, keepdim=True) / lengths[:, None]  # 30 dB below the mean
        near = max_pool1d(sounding.float()[:, None], 7, stride=1, padding=3)[:, 0] > 0  # three frames around it
        tight = torch.rand(B, 1, generator=generator).to(device) < 0.5  # cut at the sound itself
        pause = (pasted[:, None] & ~torch.where(tight, sounding, near))[..., None]
        noise, speech = noise.masked_fill(pause, 0.0), speech.masked_fill(pause, 1e-6)
    return (speech + noise).log()


def echo(features: Tensor, seconds: Tensor, wet: Tensor, hop_seconds: float = 0.01) -> Tensor:
    """Return the log-mels (B, T, D) in rooms whose echo falls by 60 dB within `seconds` (B,); `wet` (B,) as a share.

    The echo of one frame is a geometric series. Each round adds to it a copy of itself, moved by twice as many frames
    as the last: six rounds make 64 terms.
    """
    fall = torch.exp(-13.8 * hop_seconds / seconds)[:, None, None]  # of power, from frame to frame
    power = features.exp()
    ringing, shift = power, 1
    while shift < min(64, features.shape[1]):
        ringing = ringing + fall**shift * pad(ringing, (0, 0, shift, 0))[:, :-shift]
        shift *= 2
    share = (wet / (1.0 - wet))[:, None, None] * (1.0 - fall) / fall
    return (power + share * (ringing - power)).log()


def spec_augment(
    features: Tensor, bands: int = 1, width: int = 6, gaps: int = 1, frames: int = 8, generator: Generator | None = None
) -> Tensor:
    """Return the features (B, T, D) with some bands and some stretches of time set to 0 (Park et al. 2019).

    Args:
        bands, width: how many masks over bands, and how wide each is at most.
        gaps, frames: how many masks over time, and how long each is at most.
    """
    B, T, D = features.shape
    keep = torch.ones(B, T, D, device=features.device)
    for count, most, size, axis in ((bands, width, D, 2), (gaps, frames, T, 1)):
        place = torch.arange(size, device=features.device)
        for _ in range(count):
            wide = torch.rand(B, 1, generator=generator).to(features.device) * most
            first = torch.rand(B, 1, generator=generator).to(features.device) * (size - wide)
            hidden = (place >= first) & (place < first + wide)  # (B, size)
            keep = keep * ~hidden.unsqueeze(3 - axis)
    return features * keep


def augment_features(
    features: Tensor, lengths: Tensor, speed: Tensor, generator: Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Return a batch of log-mels (B, T, D) as other people said it elsewhere, at `speed` (B,), and its new lengths."""
    B = features.shape[0]

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(B, generator=generator).to(features.device)

    features, lengths = warp(features, lengths, speed, between(1.0 / BEND, BEND))
    features = colour(features, DEPTH, generator)
    features = echo(features, between(0.1, 0.6), between(0.0, WET))
    return mix_noise(features, lengths, between(LOWEST_SNR, 30.0), between(0.0, 1.0) < PASTED, generator), lengths


def _smooth_curves(count: int, size: int, depth: float, generator: Generator | None) -> Tensor:
    """Return (count, size) curves of four random cosines, about `depth` decibels high."""
    place = (torch.arange(size) + 0.5) / size
    waves = torch.cos(pi * torch.arange(1, 5)[:, None] * place)  # (4, size)
    return torch.randn(count, 4, generator=generator) @ waves * (depth / 2.0)


def _check_wave(samples: Tensor) -> None:
    if not samples.is_floating_point() or not samples.numel():
        raise ValueError(
            f"samples are {samples.dtype} with the shape {tuple(samples.shape)}; give floats (…, N), N > 0"
        )
