import pytest
import torch
import torchaudio
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.algorithms import cepstra, features, resynthesis

from .devices import devices


def noise(*shape, seed=0, dtype=torch.float32):
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def vowel(n=4000):
    time = torch.arange(n, dtype=torch.float64) / 8000
    partials = [0.2 / k * torch.sin(2 * torch.pi * 150 * k * time) for k in range(1, 8)]
    return torch.stack(partials).sum(0).float()


def misfit(wave, power):
    """How far the wave's spectrum is from the one asked for, of 1 for silence (spectral convergence)."""
    return float((features.power_spectrum(wave).sqrt() - power.sqrt()).norm() / power.sqrt().norm())


@settings(max_examples=30)
@given(st.integers(140, 2000), st.sampled_from([(256, 200, 80), (128, 128, 32), (200, 200, 100)]))
def test_the_spectrum_of_a_wave_gives_it_back(n, sizes):
    wave = noise(n)
    back = resynthesis.inverse_spectrum(features.spectrum(wave, *sizes), *sizes, length=n)
    inside = (n // sizes[2]) * sizes[2] - sizes[1] // 8  # the very end lies under one fading window
    assert torch.allclose(back[:inside], wave[:inside], atol=1e-5)


@pytest.mark.parametrize("device", devices())
def test_equal_to_torchs_for_spectra_that_no_wave_has(device):
    spectra = torch.complex(noise(2, 30, 129), noise(2, 30, 129, seed=1)).to(device)
    window = torch.hann_window(200, device=device)
    theirs = torch.istft(spectra.transpose(1, 2), 256, 80, 200, window, length=2300)
    assert torch.allclose(resynthesis.inverse_spectrum(spectra, length=2300), theirs, atol=1e-6)


@settings(max_examples=40)
@given(st.integers(8, 80), st.floats(0.5, 1), st.floats(0.1, 0.5), st.integers(2, 9), st.integers(0, 30), st.booleans())
def test_equal_to_torchs_for_any_sizes(n_fft, part, step, T, more, given_length):
    window = round(part * n_fft)
    hop = max(1, int(step * window))
    spectra = torch.complex(noise(2, T, n_fft // 2 + 1), noise(2, T, n_fft // 2 + 1, seed=1)).to(torch.complex128)
    # As far as the last window reaches; beyond it, and of a wave without samples, torch's refuses to say anything.
    length = (T - 1) * hop + more % (window // 2) if given_length else None
    fade = torch.hann_window(window).double()
    theirs = torch.istft(spectra.transpose(1, 2), n_fft, hop, window, fade, length=length)
    torch.testing.assert_close(resynthesis.inverse_spectrum(spectra, n_fft, window, hop, length), theirs)


@pytest.mark.parametrize("n_fft", [255, 256])
def test_a_wave_of_even_and_of_odd_frames_keeps_their_number(n_fft):
    power = features.power_spectrum(noise(1600), n_fft)
    assert len(power) == 21 - n_fft % 2
    for length in (None, 1600):
        wave = resynthesis.griffin_lim(power, n_fft, iterations=1, length=length)
        assert len(features.power_spectrum(wave, n_fft)) == len(power)


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize(("momentum", "iterations"), [(0.0, 0), (0.0, 4), (0.99, 1), (0.99, 4)])
def test_griffin_lim_equals_torchaudios(momentum, iterations, device):
    power = features.power_spectrum(noise(2, 3000)).to(device)
    window = torch.hann_window(200, device=device)
    theirs = torchaudio.functional.griffinlim(
        power.transpose(1, 2), window, 256, 80, 200, 2.0, iterations, momentum, 3000, False
    )
    ours = resynthesis.griffin_lim(power, iterations=iterations, momentum=momentum, length=3000)
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_griffin_lim_never_gets_worse_without_momentum():
    power = features.power_spectrum(vowel())
    draw = torch.Generator()
    misfits = [
        misfit(resynthesis.griffin_lim(power, iterations=n, momentum=0.0, generator=draw.manual_seed(0)), power)
        for n in (0, 1, 2, 5, 20)
    ]
    assert misfits == sorted(misfits, reverse=True)
    assert misfits[-1] < 0.5 * misfits[0]
    with_it = resynthesis.griffin_lim(power, iterations=20, generator=draw.manual_seed(0))
    assert misfit(with_it, power) < misfits[-1]


def test_equal_seeds_give_equal_waves():
    power = features.power_spectrum(vowel(1000))
    one, two, other = (
        resynthesis.griffin_lim(power, iterations=2, generator=torch.Generator().manual_seed(seed))
        for seed in (3, 3, 4)
    )
    assert torch.equal(one, two)
    assert not torch.allclose(one, other, atol=1e-3)
    together = resynthesis.griffin_lim(power.expand(2, -1, -1), iterations=2)
    assert torch.allclose(together[1], resynthesis.griffin_lim(power, iterations=2), atol=1e-6)


def test_inverse_mel_fits_the_bands():
    mels = features.mel_spectrum(vowel(), n_mels=20)
    power = resynthesis.inverse_mel(mels)
    assert power.shape == (51, 129)
    assert (power >= 0).all()
    assert torch.equal(resynthesis.inverse_mel(mels[None])[0], power)
    again = power @ features.mel_filters(20)
    assert (again - mels).norm() < 0.1 * mels.norm()


def test_all_cepstra_keep_the_bands_and_few_smooth_them():
    mels = features.mel_spectrum(vowel())
    whole, few = (resynthesis.inverse_mfcc(cepstra.mfcc(vowel(), n_mfcc=n), 40) for n in (40, 13))
    assert torch.allclose(whole.log10(), (cepstra.decibels(mels) / 10), atol=1e-4)
    assert torch.equal(resynthesis.inverse_mfcc(cepstra.mfcc(vowel())[None], 40)[0], few)
    assert few.log().diff(dim=1).square().sum() < 0.6 * whole.log().diff(dim=1).square().sum()


def test_gradients_by_finite_differences():
    parts = noise(2, 3, 5, dtype=torch.float64).requires_grad_(), noise(2, 3, 5, dtype=torch.float64).requires_grad_()
    work = lambda x, y: resynthesis.inverse_spectrum(torch.complex(x, y), 8, 8, 2)  # noqa: E731
    assert torch.autograd.gradcheck(work, parts)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: resynthesis.inverse_spectrum(torch.zeros(9, 129)), "float32"),
        (lambda: resynthesis.inverse_spectrum(torch.zeros(1, 9, 65, dtype=torch.complex64)), "n_fft = 256"),
        (lambda: resynthesis.inverse_spectrum(torch.zeros(9, 129) * 1j, window=257), "0 < window <= n_fft"),
        (lambda: resynthesis.inverse_spectrum(torch.zeros(9, 129) * 1j, hop=0), "hop 0"),
        (lambda: resynthesis.inverse_spectrum(torch.zeros(9, 129) * 1j, length=0), "length 0.*at least 1"),
        (lambda: resynthesis.griffin_lim(torch.ones(9, 129), length=720), r"\(9, 129\).*T frames.*720 samples"),
        (lambda: resynthesis.griffin_lim(torch.ones(129), length=720), r"\(129,\).*\(T, F\)"),
        (lambda: resynthesis.griffin_lim(torch.ones(1, 129)), "wave of 0 samples"),
        (lambda: resynthesis.griffin_lim(-torch.ones(9, 129)), "negative"),
        (lambda: resynthesis.griffin_lim(torch.ones(9, 129), momentum=1.0), "below 1"),
        (lambda: resynthesis.griffin_lim(torch.ones(9, 129), iterations=-1), "at least 0"),
        (lambda: resynthesis.inverse_mfcc(torch.zeros(9, 13), 12), "n_mfcc is 13"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
