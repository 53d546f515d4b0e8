import math

import pytest
import torch

from course_utils.algorithms import features
from course_utils.data import augmentation as augment

RATE = 8000


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def tone(hertz, seconds=1.0):
    return 0.3 * torch.sin(2 * torch.pi * hertz * torch.arange(round(seconds * RATE)) / RATE)


def peak(wave):
    return torch.fft.rfft(wave).abs().argmax().item() * RATE / len(wave)


def decibels(ratio):
    return 10 * math.log10(ratio)


@pytest.mark.parametrize("snr", [0, 10, 30])
def test_noise_has_the_ratio_asked_for(snr):
    speech = tone(440, 4)
    noisy = augment.add_noise(speech, snr, chance())
    assert decibels(speech.square().mean() / (noisy - speech).square().mean()) == pytest.approx(snr, abs=0.2)


def test_twice_the_speed_is_half_as_long_and_an_octave_higher():
    fast = augment.change_speed(tone(440), 2.0)
    assert len(fast) == RATE // 2
    assert peak(fast) == 880
    assert fast.abs().max() == pytest.approx(0.3, rel=0.01)
    slow = augment.change_speed(tone(440), 0.5)
    assert (len(slow), peak(slow)) == (2 * RATE, 220)


def test_gain_is_in_decibels_and_cut_at_one():
    assert torch.allclose(augment.change_gain(tone(440), 20.0 * math.log10(2)), 2 * tone(440), atol=1e-6)
    assert augment.change_gain(tone(440), 60).abs().max() == 1


def test_a_filter_changes_a_tones_level_and_not_its_pitch():
    filtered = augment.equalise(tone(440), generator=chance())
    assert peak(filtered) == 440
    level = decibels(filtered.square().mean() / tone(440).square().mean())
    assert 0.1 < abs(level) < 30


def test_an_echo_comes_after_the_sound_and_dies_away():
    click = torch.zeros(RATE)
    click[1000] = 1.0
    wet = augment.reverberate(click, 0.3, wet=0.3, generator=chance())
    assert wet[:999].abs().max() < 1e-5
    assert wet[1000] == pytest.approx(1, abs=0.05)
    echo = wet[1001:].square().sum() / wet.square().sum()
    assert echo == pytest.approx(0.3, abs=0.05)
    assert wet[1000 + round(0.3 * RATE) :].abs().max() < 1e-5


def test_waves_in_batches_and_seeds():
    waves = torch.stack([tone(300), tone(500)])
    for change in (augment.equalise, lambda x, generator: augment.add_noise(x, 10, generator)):
        assert change(waves, generator=chance(1)).shape == waves.shape
        assert torch.equal(change(waves, generator=chance(1)), change(waves, generator=chance(1)))
        assert not torch.equal(change(waves, generator=chance(1)), change(waves, generator=chance(2)))


def spectra(*hertz):
    waves = torch.stack([tone(pitch) for pitch in hertz])
    found = features.log_mel(waves)
    return found, torch.full((len(hertz),), found.shape[1])


def test_warping_by_one_changes_nothing():
    x, lengths = spectra(400, 900)
    same, after = augment.warp(x, lengths, torch.ones(2), torch.ones(2))
    assert torch.equal(after, lengths)
    assert torch.allclose(same, x, atol=1e-3)


def test_warping_makes_faster_or_higher_each_on_its_own():
    x, lengths = spectra(1000, 1000, 1000)
    speed, stretch = torch.tensor([1.25, 1.0, 1.0]), torch.tensor([1.0, 1.2, 0.8])
    y, after = augment.warp(x, lengths, speed, stretch)
    assert after.tolist() == [round(len(x[0]) / 1.25), len(x[0]), len(x[0])]
    for row, pitch in enumerate((1000, 1200, 800)):
        there = spectra(pitch)[0][0, 50].argmax()
        assert abs(y[row, 50].argmax() - there) <= 1


def test_noise_in_the_features_is_noise_in_the_wave():
    wave = torch.randn(1, 4 * RATE, generator=chance(3)) * (torch.arange(4 * RATE) < 2 * RATE)  # half of it is pause
    lengths = torch.tensor([401])
    clean = features.log_mel(wave)
    mixed = augment.mix_noise(clean, lengths, torch.tensor([10.0]), generator=chance(4))
    noise = (mixed.exp() - clean.exp()).sum()
    assert decibels(clean.exp().sum() / noise) == pytest.approx(10, abs=0.1)
    assert mixed[0, 300:].exp().sum() > 0.2 * noise  # in the pause too
    pasted = augment.mix_noise(clean, lengths, torch.tensor([10.0]), torch.tensor([True]), chance(4))
    assert pasted[0, 210:].exp().max() < 1e-5
    assert torch.allclose(pasted[0, :190], mixed[0, :190])


def test_an_echo_in_the_features_is_the_geometric_series():
    power = torch.rand(2, 20, 3, generator=chance()) + 0.1
    seconds, wet = torch.tensor([0.2, 0.5]), torch.tensor([0.3, 0.1])
    found = augment.echo(power.log(), seconds, wet).exp()
    for row in range(2):
        fall = math.exp(-13.8 * 0.01 / seconds[row])
        share = wet[row] / (1 - wet[row]) * (1 - fall) / fall
        for t in range(20):
            tail = sum(fall**ago * power[row, t - ago] for ago in range(1, t + 1))
            assert torch.allclose(found[row, t], power[row, t] + share * tail, rtol=1e-4)


def test_masks_are_no_larger_than_asked_and_leave_the_rest_alone():
    x = torch.ones(50, 60, 40)
    masked = augment.spec_augment(x, bands=1, width=6, gaps=1, frames=8, generator=chance())
    bands = (masked == 0).all(1).sum(1)
    gaps = (masked == 0).all(2).sum(1)
    assert bands.max() <= 6
    assert gaps.max() <= 8
    assert bands.float().mean() > 1
    assert ((masked == 0) | (masked == 1)).all()
    assert torch.equal(augment.spec_augment(x, bands=0, gaps=0), x)


def test_padding_changes_nothing():
    x, lengths = spectra(400, 900)
    lengths[1] = 60
    other = x.clone()
    other[1, 60:] = 5.0
    speed = torch.tensor([0.8, 1.3])
    for seed in range(5):
        (a, found), (b, again) = (augment.augment_features(y, lengths, speed, chance(seed)) for y in (x, other))
        assert torch.equal(found, again)
        assert torch.allclose(a[0], b[0])
        assert torch.allclose(a[1, : found[1] - 1], b[1, : found[1] - 1], atol=1e-4)
        assert torch.isfinite(a).all()


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"between 0\.25 and 4"):
        augment.change_speed(tone(440), 9)
    with pytest.raises(ValueError, match="int16"):
        augment.add_noise(torch.zeros(9, dtype=torch.int16), 10)
    with pytest.raises(ValueError, match="more than 0"):
        augment.reverberate(tone(440), 0)
