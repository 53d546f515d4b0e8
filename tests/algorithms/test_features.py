import pytest
import torch
import torchaudio
from hypothesis import given
from hypothesis import strategies as st

from course_utils.algorithms import features


@pytest.mark.parametrize(
    ("rate", "n_fft", "window", "hop", "mels"),
    [(8000, 256, 200, 80, 40), (16000, 512, 400, 160, 80), (8000, 200, 200, 100, 23)],
)
def test_equal_to_torchaudio(rate, n_fft, window, hop, mels):
    samples = torch.randn(3, 4001, generator=torch.Generator().manual_seed(0)) * 0.1
    theirs = torchaudio.transforms.MelSpectrogram(rate, n_fft, window, hop, n_mels=mels)(samples)
    theirs = theirs.clamp(min=features.FLOOR).log().transpose(1, 2)
    ours = features.log_mel(samples, rate, n_fft, window, hop, mels)
    assert torch.allclose(ours, theirs, rtol=0, atol=2e-6)


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
    x[1, 20:] = 1e6
    assert torch.equal(features.normalise(x, lengths), y)


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
    x = torch.randn(2, 50, 5)
    lengths = torch.tensor([50, 20])
    y = features.level(x, lengths)
    x[1, 20:] = 1e6
    assert torch.equal(features.level(x, lengths), y)
    assert torch.equal(features.level(x[1, :20]), y[1, :20])


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
    with pytest.raises(ValueError, match="0 < window <= n_fft"):
        features.power_spectrum(torch.zeros(900), n_fft=100, window=200)
    with pytest.raises(ValueError, match="at least one filter"):
        features.mel_filters(0)
    with pytest.raises(ValueError, match="between 1 and 9"):
        features.normalise(torch.zeros(2, 9, 4), torch.tensor([9, 10]))
    with pytest.raises(ValueError, match="none of them 0"):
        features.normalise(torch.zeros(0, 9, 4))
