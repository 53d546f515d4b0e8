import math
import warnings

import numpy as np
import pytest
import scipy.signal
import torch
import torchaudio
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.algorithms import cepstra, features

from .devices import devices


def noise(*shape, seed=0, dtype=torch.float32):
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


SIZES = pytest.mark.parametrize(
    ("rate", "n_fft", "window", "hop", "mels"),
    [(8000, 256, 200, 80, 40), (16000, 512, 400, 160, 80), (8000, 200, 200, 100, 23), (11025, 255, 131, 300, 26)],
)


@pytest.mark.parametrize("device", devices())
@SIZES
def test_equal_to_torchaudio(rate, n_fft, window, hop, mels, device):
    samples = noise(3, 4001).to(device)
    theirs = torchaudio.transforms.MelSpectrogram(rate, n_fft, window, hop, n_mels=mels).to(device)(samples)
    theirs = theirs.transpose(1, 2)
    ours = features.mel_spectrum(samples, rate, n_fft, window, hop, mels)
    assert torch.equal(ours, theirs) if device == "cpu" else torch.allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    logs = features.log_mel(samples, rate, n_fft, window, hop, mels)
    assert torch.allclose(logs, theirs.clamp(min=features.FLOOR).log(), rtol=0, atol=2e-6)


@settings(max_examples=60)
@given(
    st.sampled_from([7999, 8000, 11025, 22050, 44100]),
    st.integers(2, 300),
    st.floats(0, 1),
    st.integers(1, 400),
    st.integers(1, 90),
    st.integers(1, 500),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_equal_to_torchaudio_for_any_sizes(rate, n_fft, part, hop, mels, more, dtype):
    """Odd rates and frames, narrow windows, gaps between frames, short waves, bands too narrow for any frequency."""
    window, waves = max(2, round(part * n_fft)), noise(2, n_fft // 2 + more, dtype=dtype)
    with warnings.catch_warnings(action="ignore"):  # of empty bands, which stay
        theirs = torchaudio.transforms.MelSpectrogram(rate, n_fft, window, hop, n_mels=mels).to(dtype)(waves)
    ours = features.mel_spectrum(waves, rate, n_fft, window, hop, mels)
    torch.testing.assert_close(ours, theirs.transpose(1, 2), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(features.mel_spectrum(waves[1], rate, n_fft, window, hop, mels), ours[1])


def test_gradients_equal_torchaudios_and_finite_differences():
    ours, theirs = noise(2, 900).requires_grad_(), noise(2, 900).requires_grad_()
    slope = noise(2, 12, 40, seed=1)
    (features.mel_spectrum(ours) * slope).sum().backward()
    mel = torchaudio.transforms.MelSpectrogram(8000, 256, 200, 80, n_mels=40)
    (mel(theirs).transpose(1, 2) * slope).sum().backward()
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-6)
    wave = noise(40, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: features.log_mel(x, 8000, 16, 12, 5, 4), wave)


def test_a_spectrum_is_the_sum_that_defines_it():
    wave, n_fft, hop, length = noise(60, dtype=torch.float64), 16, 5, 10
    fade = 0.5 - 0.5 * torch.cos(2 * math.pi * torch.arange(length, dtype=torch.float64) / length)
    found = features.spectrum(wave, n_fft, length, hop)
    mirrored = torch.cat([wave[1:9].flip(0), wave, wave[-9:-1].flip(0)])
    for t in range(len(found)):
        for k in (0, 3, 8):
            terms = [
                fade[n] * mirrored[t * hop + 3 + n] * np.exp(-2j * math.pi * k * (n + 3) / n_fft) for n in range(length)
            ]
            assert abs(complex(sum(terms)) - complex(found[t, k])) < 1e-7  # the window itself is float32


@pytest.mark.parametrize("length", [1, 2, 25, 200, 400])
def test_windows_equal_torchs_to_the_bit_and_scipys(length):
    ones = torch.ones(length)
    theirs = {"hann": torch.hann_window(length), "hamming": torch.hamming_window(length), "rectangular": ones}
    for kind, window in theirs.items():
        ours = features.window_function(kind, length)
        assert length == 1 or torch.equal(ours, window)
        if length > 1:
            name = "boxcar" if kind == "rectangular" else kind
            assert np.allclose(ours, scipy.signal.get_window(name, length), atol=1e-6)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize("equal_area", [False, True])
def test_both_scales_and_norms_equal_torchaudios_to_the_bit(scale, equal_area):
    for n_fft, mels, rate in [(256, 40, 8000), (512, 80, 16000)]:
        norm = "slaney" if equal_area else None
        theirs = torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, 0.0, rate / 2, mels, rate, norm, scale)
        assert torch.equal(features.mel_filters(mels, n_fft, rate, scale, equal_area), theirs)


@given(st.floats(0, 12000), st.sampled_from(["htk", "slaney"]))
def test_mels_back_to_hertz(hertz, scale):
    mels = torch.tensor(features.hz_to_mel(hertz, scale), dtype=torch.float64)
    assert float(features.mel_to_hz(mels, scale)) == pytest.approx(hertz, abs=1e-6)


def test_what_is_kept_from_a_call_without_gradients_serves_one_with_them():
    sizes = (8000, 34, 30, 10, 7)  # of no other test
    with torch.inference_mode():
        cepstra.mfcc(noise(100), *sizes, 5)
    wave = noise(100).requires_grad_()
    cepstra.mfcc(wave, *sizes, 5).sum().backward()
    assert wave.grad is not None


def test_a_learner_who_changes_the_filter_bank_changes_only_their_own():
    features.mel_filters().zero_()
    assert features.mel_filters().sum() > 0


@settings(max_examples=60)
@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 60))
def test_frames_are_slices(n, length, hop):
    wave = torch.arange(float(n))
    if length > n:
        with pytest.raises(ValueError, match="does not fit"):
            features.frames(wave, length, hop, centred=False)
        return
    found = features.frames(wave, length, hop, centred=False)
    slices = [wave[start : start + length] for start in range(0, n - length + 1, hop)]
    assert torch.equal(found, torch.stack(slices))
    assert len(found) == features.frame_count(n, hop, length)
    assert torch.equal(features.frames(wave[None], length, hop, centred=False)[0], found)


def test_centred_frames_are_centred():
    found = features.frames(torch.arange(100.0), 16, 10)
    assert found[:, 8].tolist() == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 98]  # the last centre, 100, is mirrored
    assert features.frames(torch.arange(100.0), 15, 10)[:, 7].tolist() == [
        *range(0, 100, 10)
    ]  # and odd frames have none


def test_padding_and_order_change_nothing():
    waves = noise(3, 2000)
    whole = features.log_mel(waves)
    longer = features.log_mel(torch.cat([waves, torch.zeros(3, 500)], 1))
    inside = (2000 - 128) // 80 + 1  # frames that end before the wave does
    assert torch.equal(longer[:, :inside], whole[:, :inside])
    assert torch.equal(features.log_mel(waves[[2, 0, 1]]), whole[[2, 0, 1]])


def test_float32_stays_near_float64_over_a_thousand_frames():
    wave = noise(80_000, dtype=torch.float64)
    assert len(features.log_mel(wave)) == 1001
    assert (features.log_mel(wave) - features.log_mel(wave.float())).abs().max() < 2e-4


def test_filters_equal_torchaudios_to_the_bit():
    theirs = torchaudio.functional.melscale_fbanks(129, 0.0, 4000.0, 40, 8000, norm=None, mel_scale="htk")
    assert torch.equal(features.mel_filters(), theirs)


def test_a_tone_lights_up_the_band_it_lies_in():
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(8000) / 8000)
    filters = features.mel_filters()
    band = filters[round(1000 / 31.25)].argmax()
    assert (features.log_mel(tone).argmax(1) == band).all()


@given(st.integers(129, 3000))
def test_one_frame_for_each_hop_and_one_more(n):
    assert len(features.log_mel(torch.zeros(n))) == features.frame_count(n) == 1 + n // 80


def test_one_wave_and_a_batch_agree():
    samples = torch.randn(2, 1000)
    together = features.log_mel(samples)
    assert torch.equal(together[1], features.log_mel(samples[1]))
    assert torch.equal(features.normalise(together)[0], features.normalise(together[0]))


def test_silence_is_cut_at_the_floor():
    assert features.log_mel(torch.zeros(800)).exp().sub(features.FLOOR).abs().max() < 1e-9


def test_normalise_gives_mean_nought_and_variance_one_whatever_the_padding():
    x = torch.randn(2, 50, 5) * 3 + 7
    lengths = torch.tensor([50, 20])
    y = features.normalise(x, lengths)
    assert torch.allclose(y[1, :20].mean(0), torch.zeros(5), atol=1e-5)
    assert torch.allclose(y[1, :20].var(0, unbiased=False), torch.ones(5), atol=1e-3)
    assert (y[1, 20:] == 0).all()
    x[1, 20:] = torch.nan
    assert torch.equal(features.normalise(x, lengths.int()), y)
    assert (features.normalise(torch.full((9, 2), -13.8)).abs() < 1e-2).all()  # what never changes stays at 0


def test_level_is_the_same_for_a_loud_and_a_soft_recording_and_for_more_silence():
    speech = torch.randn(2000, generator=torch.Generator().manual_seed(0)) * 0.1
    loud = features.level(features.log_mel(speech))
    assert torch.allclose(features.level(features.log_mel(speech / 10)), loud, atol=1e-4)
    longer = features.level(features.log_mel(torch.cat([speech, torch.zeros(2000)])))
    shift = longer[:24] - loud[:24]
    assert torch.allclose(shift, torch.full_like(shift, shift[0, 0].item()), atol=1e-4)
    assert shift[0, 0] == pytest.approx(torch.tensor(2.0).log().item() / 3, abs=0.05)  # half the mean power
    assert (longer[-1] == longer.min()).all()
    assert longer.max() - longer.min() == pytest.approx(6 * torch.tensor(10.0).log().item() / 3, abs=1e-3)  # 60 dB


def test_level_ignores_padding():
    x = 10 * noise(2, 50, 5)
    lengths = torch.tensor([50, 20])
    y = features.level(x, lengths)
    x[1, 20:] = torch.nan
    assert torch.equal(features.level(x, lengths), y)
    assert torch.allclose(features.level(x[1, :20]), y[1, :20], atol=1e-6)  # sums of another length round otherwise


@pytest.mark.parametrize("work", [features.normalise, features.level])
def test_gradients_of_both_pass_padding_by(work):
    x = noise(2, 5, 3, dtype=torch.float64)
    x[1, 2:] = torch.nan
    lengths = torch.tensor([5, 2])
    padding = torch.arange(5)[:, None] >= lengths[:, None, None]
    (found,) = torch.autograd.grad(work(x.requires_grad_(), lengths).square().sum(), x)
    assert (found[padding.expand_as(x)] == 0).all()
    whole = noise(2, 5, 3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: work(x, lengths), whole)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (torch.zeros(0), "0 samples is too short"),
        (torch.zeros(128), "needs at least 129"),
        (torch.zeros(2, 2, 900), r"\(2, 2, 900\)"),
        (torch.zeros(900, dtype=torch.int16), "int16"),
        (torch.full((900,), torch.nan), "NaN"),
    ],
)
def test_bad_waves_are_named(samples, message):
    with pytest.raises(ValueError, match=message):
        features.log_mel(samples)


def test_other_bad_input_is_named():
    with pytest.raises(ValueError, match="at least one sample"):
        features.frame_count(0)
    with pytest.raises(ValueError, match="hop is 0"):
        features.frame_count(100, 0)
    with pytest.raises(ValueError, match="100 and hop 0 must both"):
        features.frames(torch.zeros(900), 100, 0)
    with pytest.raises(ValueError, match="0 and hop 80 must both"):
        features.spectrum(torch.zeros(900), 0)
    with pytest.raises(ValueError, match="no window is called 'blackman'"):
        features.window_function("blackman")
    with pytest.raises(ValueError, match="0 samples is none"):
        features.window_function(length=0)
    for call in (features.hz_to_mel, lambda x, scale: features.mel_to_hz(torch.tensor(x), scale)):
        with pytest.raises(ValueError, match="no mel scale is called 'bark'"):
            call(100.0, scale="bark")
    with pytest.raises(ValueError, match="0 < window <= n_fft"):
        features.power_spectrum(torch.zeros(900), n_fft=100, window=200)
    with pytest.raises(ValueError, match="at least one filter"):
        features.mel_filters(0)
    with pytest.raises(ValueError, match="between 1 and 9"):
        features.normalise(torch.zeros(2, 9, 4), torch.tensor([9, 10]))
    with pytest.raises(ValueError, match=r"\[9\.0, 3\.5\] must be 2 whole numbers"):
        features.normalise(torch.zeros(2, 9, 4), torch.tensor([9, 3.5]))
    with pytest.raises(ValueError, match="none of them 0"):
        features.normalise(torch.zeros(0, 9, 4))
