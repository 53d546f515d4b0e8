"""What a recorder does to sound before any feature is computed: sampling, filtering, quantisation, pre-emphasis."""

from math import inf, pi

import torch
from torch import Tensor
from torch.nn.functional import conv1d, pad


def alias(hertz: float, sample_rate: int) -> float:
    """Return the frequency that a tone seems to have once it is sampled: its distance to a multiple of the rate.

    From 0 to sample_rate / 2, the Nyquist frequency (Shannon 1949): a tone above it comes back folded.
    """
    _check_rate(sample_rate)
    return abs(hertz - sample_rate * round(hertz / sample_rate))


def low_pass(samples: Tensor, cutoff: float, sample_rate: int, reach: int = 64) -> Tensor:
    """Return the wave without its frequencies above `cutoff`: a convolution with a sinc faded out by a Hann window.

    Args:
        samples: (B, N) or (N,), float; zeros are taken to stand before and after.
        cutoff: in hertz, between 0 and sample_rate / 2; half the amplitude is left there.
        reach: taps on each side; the passage from all to nothing is about 2 · sample_rate / reach wide.
    """
    _check_samples(samples)
    if not 0 < cutoff < sample_rate / 2 or reach < 1:
        raise ValueError(
            f"cutoff {cutoff} and reach {reach}: need 0 < cutoff < {sample_rate / 2} (half the rate) and reach >= 1"
        )
    n = torch.arange(-reach, reach + 1, device=samples.device, dtype=samples.dtype)
    taps = torch.sinc(2 * cutoff / sample_rate * n) * (0.5 + 0.5 * torch.cos(pi * n / (reach + 1)))
    waves = samples.reshape(-1, 1, samples.shape[-1])
    return conv1d(waves, (taps / taps.sum())[None, None], padding=reach).reshape(samples.shape)


def downsample(samples: Tensor, factor: int, filtered: bool = True) -> Tensor:
    """Return every `factor`-th sample.

    Args:
        samples: (B, N) or (N,), float.
        factor: by how much the rate falls.
        filtered: first take out what the new rate cannot hold. Without, it comes back as aliases.

    Returns:
        (B, ceil(N / factor)) or without B.
    """
    _check_samples(samples)
    if factor < 1:
        raise ValueError(f"factor is {factor}; keep every 1st, 2nd, 3rd … sample")
    if filtered and factor > 1:
        samples = low_pass(samples, 0.45, factor)  # in units of the new rate, whose Nyquist frequency is 0.5
    return samples[..., ::factor]


def quantise(samples: Tensor, bits: int) -> Tensor:
    """Return the samples rounded to the nearest of 2^bits evenly spaced values from -1 to 1 - step, step 2^(1 - bits).

    A sine of full height keeps a signal-to-noise ratio of about 6.02 bits + 1.76 dB (Bennett 1948).
    """
    _check_samples(samples)
    levels = 2 ** (_checked_bits(bits) - 1)
    return (samples * levels).round().clamp(-levels, levels - 1) / levels


def mu_law_encode(samples: Tensor, bits: int = 8) -> Tensor:
    """Return the samples as whole numbers from 0 to 2^bits - 1, spaced closely near silence (ITU-T G.711's curve).

    F(x) = sign(x) log(1 + μ|x|) / log(1 + μ) with μ = 2^bits - 1; equal to torchaudio.functional.mu_law_encoding for
    samples in [-1, 1]. What is louder is cut there, as a recorder does; torchaudio gives it numbers beyond.
    """
    _check_samples(samples)
    top = 2.0 ** _checked_bits(bits) - 1
    mu = torch.tensor(top, dtype=samples.dtype, device=samples.device)
    curved = samples.sign() * torch.log1p(mu * samples.abs()) / torch.log1p(mu)
    return ((curved + 1) / 2 * mu + 0.5).clamp(0, top).long()


def mu_law_decode(codes: Tensor, bits: int = 8) -> Tensor:
    """Return samples in [-1, 1] from the whole numbers that `mu_law_encode` gives."""
    top = 2 ** _checked_bits(bits) - 1
    if codes.numel() and (int(codes.min()) < 0 or int(codes.max()) > top):
        raise ValueError(f"codes run from {codes.min()} to {codes.max()}; {bits} bits hold 0 to {top}")
    mu = torch.tensor(float(top), device=codes.device)
    curved = codes / mu * 2 - 1
    return curved.sign() * (torch.exp(curved.abs() * torch.log1p(mu)) - 1) / mu


def signal_to_noise(clean: Tensor, noisy: Tensor) -> float:
    """Return the power of the clean wave over that of the difference, in decibels; infinite if there is none."""
    if clean.shape != noisy.shape or not clean.numel():
        raise ValueError(f"shapes {tuple(clean.shape)} and {tuple(noisy.shape)} must be equal, and not empty")
    clean, noise = clean.double(), noisy.double() - clean.double()
    if not bool(noise.any()):
        return inf  # of silence, too, where the ratio would be 0 / 0
    return (10 * torch.log10(clean.square().sum() / noise.square().sum())).item()


def preemphasis(samples: Tensor, coefficient: float = 0.97) -> Tensor:
    """Return y[n] = x[n] - coefficient · x[n - 1]: high frequencies raised, low ones lowered; y[0] = x[0].

    Equal to torchaudio.functional.preemphasis. (HTK Book, 5.2.)
    """
    _check_emphasis(samples, coefficient)
    raised = samples.clone()
    raised[..., 1:] -= coefficient * samples[..., :-1]
    return raised


def deemphasis(samples: Tensor, coefficient: float = 0.97) -> Tensor:
    """Return the wave before `preemphasis`: x[n] = y[n] + coefficient · x[n - 1].

    The recursion asks for every sample in turn. Its factors do not: 1 / (1 - cz) = (1 + cz)(1 + c²z²)(1 + c⁴z⁴)…,
    where z delays by one sample, so that about log2 N additions of a delayed wave are enough. torchaudio's function of
    this name cuts the result at -1 and 1 besides.
    """
    _check_emphasis(samples, coefficient)
    delay, factor = 1, coefficient
    while delay < samples.shape[-1] and factor > 1e-30:
        samples = samples + factor * pad(samples[..., :-delay], (delay, 0))
        delay, factor = 2 * delay, factor * factor
    return samples


def _check_emphasis(samples: Tensor, coefficient: float) -> None:
    _check_samples(samples)
    if not 0 <= coefficient < 1:
        raise ValueError(f"coefficient is {coefficient}; it must be at least 0 and below 1")


def _check_samples(samples: Tensor) -> None:
    if samples.dim() not in (1, 2) or not samples.is_floating_point() or not samples.numel():
        raise ValueError(
            f"samples are {samples.dtype} with the shape {tuple(samples.shape)}; give floats of shape (N,) or (B, N), "
            "at least one"
        )


def _check_rate(sample_rate: float) -> None:
    if sample_rate <= 0:
        raise ValueError(f"sample_rate is {sample_rate} Hz; it must be above 0")


def _checked_bits(bits: int) -> int:
    if not 1 <= bits <= 24:
        raise ValueError(f"bits is {bits}; a sample takes 1 to 24")
    return bits
