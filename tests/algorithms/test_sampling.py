import math

import numpy as np
import pytest
import scipy.signal
import torch
import torchaudio
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.algorithms import sampling

from .devices import devices


def noise(*shape, seed=0, dtype=torch.float32):
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def tone(hertz, rate=16000, seconds=0.5):
    return torch.sin(2 * math.pi * hertz * torch.arange(int(rate * seconds), dtype=torch.float64) / rate)


def loudest(wave, rate):
    return float(torch.fft.rfft(wave * torch.hann_window(len(wave))).abs().argmax() * rate / len(wave))


@given(st.floats(0, 60000))
def test_aliased_samples_are_those_of_the_alias(hertz):
    found = sampling.alias(hertz, 8000)
    assert 0 <= found <= 4000
    n = torch.arange(20, dtype=torch.float64) / 8000
    one, other = (torch.cos(2 * math.pi * f * n) for f in (hertz, found))
    assert torch.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("hertz", [1000, 5000, 7000])
def test_a_tone_above_half_the_rate_comes_back_folded_unless_it_is_filtered(hertz):
    wave = tone(hertz)
    bare, filtered = (sampling.downsample(wave, 2, filtered) for filtered in (False, True))
    assert loudest(bare, 8000) == pytest.approx(sampling.alias(hertz, 8000), abs=4)
    kept = float(filtered[200:-200].square().mean() / bare[200:-200].square().mean())
    assert kept == pytest.approx(1, abs=1e-3) if hertz < 4000 else kept < 1e-4


def test_low_pass_equals_scipys_convolution():
    wave, n = noise(500, dtype=torch.float64), np.arange(-20, 21)
    taps = np.sinc(2 * 1000 / 8000 * n) * scipy.signal.windows.hann(43)[1:-1]
    theirs = np.convolve(wave.numpy(), taps / taps.sum(), mode="same")
    assert np.allclose(sampling.low_pass(wave, 1000, 8000, reach=20), theirs, atol=1e-12)


@pytest.mark.parametrize(("hertz", "amplitude"), [(2750, 1), (3000, 0.5), (3250, 0)])
def test_low_pass_leaves_half_the_amplitude_at_its_cutoff(hertz, amplitude):
    wave = tone(hertz, 8000)
    kept = sampling.low_pass(wave, 3000, 8000)[100:-100].square().mean() / wave[100:-100].square().mean()
    assert float(kept.sqrt()) == pytest.approx(amplitude, abs=1e-3)


@given(st.integers(1, 60), st.integers(1, 7))
def test_downsampling_keeps_every_nth_sample(n, factor):
    wave = noise(n)
    assert torch.equal(sampling.downsample(wave, factor, False), wave[torch.arange(0, n, factor)])
    assert sampling.downsample(wave, factor).shape == (math.ceil(n / factor),)


@settings(max_examples=40)
@given(st.integers(1, 16))
def test_rounding_errs_by_half_a_step_at_most(bits):
    x = torch.linspace(-1, 1, 501, dtype=torch.float64)[:-1].clamp(max=1 - 2.0 ** (1 - bits))
    found = sampling.quantise(x, bits)
    assert (found - x).abs().max() <= 2.0**-bits + 1e-12
    assert len(found.unique()) <= 2**bits
    assert torch.equal(sampling.quantise(found, bits), found)
    ends = torch.tensor([-9.0, -1.0, 1.0, 9.0], dtype=torch.float64)
    top = 1 - 2.0 ** (1 - bits)
    assert sampling.quantise(ends, bits).tolist() == [-1, -1, top, top]


@pytest.mark.parametrize("bits", [6, 8, 12])
def test_a_full_sine_keeps_six_decibels_a_bit(bits):
    wave = tone(441.7) * (1 - 2.0 ** (1 - bits))
    found = sampling.signal_to_noise(wave, sampling.quantise(wave, bits))
    assert found == pytest.approx(6.02 * bits + 1.76, abs=0.5)


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize("bits", [4, 8])
def test_mu_law_equals_torchaudios_to_the_bit(bits, device):
    x = noise(2, 3000).to(device).clamp(-1, 1)
    codes = sampling.mu_law_encode(x, bits)
    assert torch.equal(codes.cpu(), torchaudio.functional.mu_law_encoding(x.cpu(), 2**bits))
    theirs = torchaudio.functional.mu_law_decoding(codes.cpu(), 2**bits)
    assert torch.allclose(sampling.mu_law_decode(codes, bits).cpu(), theirs, atol=0 if device == "cpu" else 1e-6)


@given(st.integers(1, 24), st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=20))
def test_mu_law_codes_fit_their_bits_and_cut_what_is_too_loud(bits, values):
    x = torch.tensor([*values, -1.0, 1.0])
    codes = sampling.mu_law_encode(x, bits)
    assert codes.min() == 0
    assert codes.max() == 2**bits - 1
    assert torch.equal(codes, sampling.mu_law_encode(x.clamp(-1, 1), bits))
    assert sampling.mu_law_decode(codes, bits).abs().max() <= 1


def test_mu_law_keeps_soft_sound_better_than_even_steps():
    soft = tone(300) * 0.01
    even, curved = sampling.quantise(soft, 8), sampling.mu_law_decode(sampling.mu_law_encode(soft))
    assert sampling.signal_to_noise(soft, curved) > sampling.signal_to_noise(soft, even) + 10


@pytest.mark.parametrize("device", devices())
def test_emphasis_equals_torchaudios(device):
    x = noise(3, 4000).to(device)
    assert torch.equal(sampling.preemphasis(x), torchaudio.functional.preemphasis(x))
    ours = sampling.deemphasis(x).cpu().clamp(-1, 1)  # torchaudio's filters cut the wave there
    assert torch.allclose(ours, torchaudio.functional.deemphasis(x.cpu()), atol=1e-5)


@settings(max_examples=40)
@given(st.integers(1, 400), st.floats(0, 0.999))
def test_deemphasis_undoes_preemphasis(n, coefficient):
    x = noise(n, dtype=torch.float64)
    assert torch.allclose(sampling.deemphasis(sampling.preemphasis(x, coefficient), coefficient), x, atol=1e-11)


def test_gradients_by_finite_differences():
    x = noise(2, 30, dtype=torch.float64).requires_grad_()
    for work in (sampling.preemphasis, sampling.deemphasis, lambda x: sampling.downsample(x, 3)):
        assert torch.autograd.gradcheck(work, x)


def test_a_batch_is_its_waves():
    x = noise(3, 500)
    for work in (sampling.preemphasis, sampling.deemphasis, lambda x: sampling.downsample(x, 2)):
        assert torch.allclose(work(x)[1], work(x[1]), atol=1e-6)


def test_no_noise_is_infinitely_little():
    x = noise(9)
    assert sampling.signal_to_noise(x, x) == math.inf
    assert sampling.signal_to_noise(x, (1.1 * x).requires_grad_()) == pytest.approx(20, abs=1e-4)
    assert sampling.signal_to_noise(torch.zeros(9), torch.zeros(9)) == math.inf
    assert sampling.signal_to_noise(torch.zeros(9), x) == -math.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sampling.alias(3, 0), "above 0"),
        (lambda: sampling.low_pass(torch.zeros(9), 4000, 8000), "0 < cutoff < 4000"),
        (lambda: sampling.downsample(torch.zeros(9), 0), "factor is 0"),
        (lambda: sampling.quantise(torch.zeros(9), 0), "bits is 0"),
        (lambda: sampling.quantise(torch.zeros(2, 3, 4), 8), r"\(2, 3, 4\)"),
        (lambda: sampling.mu_law_decode(torch.tensor([256])), "8 bits hold 0 to 255"),
        (lambda: sampling.signal_to_noise(torch.zeros(3), torch.zeros(4)), r"\(3,\) and \(4,\)"),
        (lambda: sampling.preemphasis(torch.zeros(9), 1.0), "coefficient is 1"),
        (lambda: sampling.deemphasis(torch.zeros(9).long()), "int64"),
        (lambda: sampling.deemphasis(torch.zeros(0)), "at least one"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
