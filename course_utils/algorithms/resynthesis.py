"""Sound from features: each step of the chain undone as well as it can be, so that one hears what it threw away."""

import torch
from torch import Tensor
from torch.nn.functional import fold, pad

from course_utils.algorithms.cepstra import dct_matrix
from course_utils.algorithms.features import (
    HOP,
    N_FFT,
    SAMPLE_RATE,
    WINDOW,
    centred_window,
    frame_count,
    mel_filters,
    spectrum,
)


def inverse_spectrum(
    spectra: Tensor, n_fft: int = N_FFT, window: int = WINDOW, hop: int = HOP, length: int | None = None
) -> Tensor:
    """Return the wave whose short-time spectra are nearest to the given ones (Griffin and Lim 1984, equation 6).

    Σ_t window · irfft(spectrum of frame t), laid where frame t stood, over Σ_t window² laid in the same way.

    Args:
        spectra: (B, T, F) or (T, F), complex, as `features.spectrum` gives them with a Hann window.
        length: N, the samples to return; (T - 1) · hop if None, and one more where n_fft is odd.

    Returns:
        (B, N) or (N,); equal to torch.istft.
    """
    if spectra.dim() == 2:
        return inverse_spectrum(spectra[None], n_fft, window, hop, length)[0]
    if spectra.dim() != 3 or not spectra.is_complex() or spectra.shape[2] != n_fft // 2 + 1 or not spectra.numel():
        raise ValueError(
            f"spectra are {spectra.dtype} with the shape {tuple(spectra.shape)}; give complex numbers of shape "
            f"(B, T, {n_fft // 2 + 1}) for n_fft = {n_fft}"
        )
    if hop < 1 or (length is not None and length < 1):
        raise ValueError(f"hop {hop} and length {length} must both be at least 1 sample")
    T = spectra.shape[1]
    pieces = torch.fft.irfft(spectra, n_fft)
    fade = centred_window("hann", window, n_fft).to(pieces)
    total = (T - 1) * hop + n_fft

    def lay(rows: Tensor) -> Tensor:  # (B, T, n_fft) -> (B, total), overlaps added
        return fold(rows.transpose(1, 2), (1, total), (1, n_fft), stride=(1, hop))[:, 0, 0]

    weight = lay((fade * fade).expand(1, T, n_fft))
    wave = lay(pieces * fade) / weight.clamp(min=1e-10)
    end = total - n_fft // 2 if length is None else n_fft // 2 + length
    return pad(wave, (0, max(0, end - total)))[:, n_fft // 2 : end]


def griffin_lim(
    power: Tensor,
    n_fft: int = N_FFT,
    window: int = WINDOW,
    hop: int = HOP,
    iterations: int = 32,
    momentum: float = 0.99,
    length: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return a wave whose power spectrum is near the given one (Griffin and Lim 1984).

    The phases are missing. Guess them; make the wave; take that wave's phases for the next guess. With `momentum` each
    guess goes on in the direction of the last change (Perraudin, Balazs and Søndergaard 2013).

    Args:
        power: (B, T, F) or (T, F), not negative.
        length: N, the samples to return, as for `inverse_spectrum`. More than n_fft / 2, and enough for T frames.
        generator: draws the first guess; all phases nought if None.

    Returns:
        (B, N) or (N,); with no generator equal to torchaudio.functional.griffinlim(…, power=2, rand_init=False).
    """
    if iterations < 0 or not 0 <= momentum < 1:
        raise ValueError(f"iterations {iterations} must be at least 0, momentum {momentum} at least 0 and below 1")
    if power.is_complex() or bool((power < 0).any()):
        raise ValueError("power holds complex or negative numbers; give |spectrum|², as features.power_spectrum does")
    if length is not None and power.shape[-2:-1] != (frame_count(length - n_fft % 2, hop),):
        raise ValueError(f"power {tuple(power.shape)} is not (T, F) with the T frames of a wave of {length} samples")
    height = power.sqrt()
    turn = torch.zeros_like(power)
    if generator is not None:
        turn = torch.rand(power.shape, generator=generator, dtype=power.dtype, device=generator.device).to(power)
    phase, before = torch.polar(torch.ones_like(power), 2 * torch.pi * turn), 0.0
    for _ in range(iterations):
        found = spectrum(inverse_spectrum(height * phase, n_fft, window, hop, length), n_fft, window, hop)
        guess = found - momentum / (1 + momentum) * before
        phase, before = guess / (guess.abs() + 1e-16), found
    return inverse_spectrum(height * phase, n_fft, window, hop, length)


def inverse_mel(mels: Tensor, n_fft: int = N_FFT, sample_rate: int = SAMPLE_RATE) -> Tensor:
    """Return the power spectrum (…, F) of least size that fits mel powers (…, n_mels) best, cut at nought.

    F frequencies went into fewer bands; the pseudo-inverse of the filter bank spreads each band out again.
    """
    filters = mel_filters(mels.shape[-1], n_fft, sample_rate).to(mels)
    return (mels @ torch.linalg.pinv(filters)).clamp(min=0.0)


def inverse_mfcc(cepstra: Tensor, n_mels: int) -> Tensor:
    """Return mel powers (…, n_mels) from cepstra (…, n_mfcc): the cosines added up again, decibels undone.

    The coefficients that were left out are taken to be nought, which smooths the envelope.
    """
    cosines = dct_matrix(cepstra.shape[-1], n_mels).to(cepstra)
    return 10.0 ** (cepstra @ cosines.T / 10.0)
