import math

import pytest
import scipy.fft
import torch
import torchaudio
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.algorithms import cepstra, features

from .devices import devices


def noise(*shape, seed=0, dtype=torch.float32):
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def torchaudios(rate, n_fft, window, hop, mels, coefficients):
    sizes = {"n_fft": n_fft, "win_length": window, "hop_length": hop, "n_mels": mels}
    return torchaudio.transforms.MFCC(rate, coefficients, melkwargs=sizes)


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize(
    "sizes", [(8000, 256, 200, 80, 40, 13), (16000, 512, 400, 160, 80, 40), (11025, 255, 131, 90, 26, 7)]
)
def test_equal_to_torchaudio(sizes, device):
    waves = noise(3, 4001).to(device)
    waves[1] *= 1e-3  # alone in its batch: its own loudest number counts
    theirs = torchaudios(*sizes).to(device)(waves[:, None])[:, 0].transpose(1, 2)
    ours = cepstra.mfcc(waves, *sizes)
    assert torch.equal(ours, theirs) if device == "cpu" else torch.allclose(ours, theirs, atol=1e-3)
    assert torch.allclose(cepstra.mfcc(waves[0], *sizes), ours[0], atol=1e-4)


def test_gradients_equal_torchaudios_and_finite_differences():
    ours, theirs = noise(1, 900).requires_grad_(), noise(1, 900).requires_grad_()
    slope = noise(1, 12, 13, seed=1)
    (cepstra.mfcc(ours) * slope).sum().backward()
    (torchaudios(8000, 256, 200, 80, 40, 13)(theirs[:, None])[:, 0].transpose(1, 2) * slope).sum().backward()
    assert torch.allclose(ours.grad, theirs.grad, rtol=1e-4, atol=1e-4)
    wave = noise(60, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: cepstra.mfcc(x, 8000, 16, 12, 5, 4, 3), wave)


def test_the_matrix_is_the_definition_torchaudios_and_scipys():
    M = 23
    ours = cepstra.dct_matrix(M, M)
    for m in (0, 7):
        for k in (0, 1, 22):
            height = math.sqrt((1 if k == 0 else 2) / M)
            assert ours[m, k] == pytest.approx(height * math.cos(math.pi * k * (m + 0.5) / M), abs=1e-5)
    assert torch.allclose(cepstra.dct_matrix(1, 4), torch.full((4, 1), 0.5))
    assert torch.equal(cepstra.dct_matrix(13, 40), torchaudio.functional.create_dct(13, 40, "ortho"))
    x = noise(5, M, dtype=torch.float64)
    assert torch.allclose(x @ ours.double(), torch.from_numpy(scipy.fft.dct(x.numpy(), norm="ortho")), atol=1e-6)
    assert torch.allclose(ours.T @ ours, torch.eye(M), atol=1e-5)  # orthonormal: the transpose undoes it


def test_a_flat_envelope_is_one_coefficient():
    flat = torch.full((1, 40), 3.0) @ cepstra.dct_matrix()
    assert flat[0, 0] == pytest.approx(3 * math.sqrt(40), rel=1e-5)
    assert flat[0, 1:].abs().max() < 1e-4


def test_decibels():
    power = torch.tensor([[1.0, 0.1], [1e-3, 0.0]])
    assert torch.allclose(cepstra.decibels(power), torch.tensor([[0.0, -10.0], [-30.0, -80.0]]))
    assert torch.allclose(cepstra.decibels(power, None), torch.tensor([[0.0, -10.0], [-30.0, -100.0]]))


def test_the_change_of_a_straight_line_is_its_slope():
    line = torch.arange(20.0)[:, None] * torch.tensor([3.0, -1.0])
    assert torch.allclose(cepstra.deltas(line)[2:-2], torch.tensor([3.0, -1.0]).expand(16, 2))
    assert cepstra.deltas(line)[0, 0] == pytest.approx((1 * 3 + 2 * 6) / 10)  # half of it stands still


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize("reach", [1, 2, 4])
def test_deltas_equal_torchaudios(reach, device):
    x = noise(3, 30, 13).to(device)
    theirs = torchaudio.functional.compute_deltas(x.transpose(1, 2), 2 * reach + 1).transpose(1, 2)
    assert torch.allclose(cepstra.deltas(x, reach=reach), theirs, atol=1e-7)


def test_gradients_of_deltas():
    x = noise(2, 6, 2, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: cepstra.deltas(x, torch.tensor([6, 3])), x)


@settings(max_examples=40)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=4), st.integers(1, 3))
def test_padding_and_order_change_nothing(lengths, reach):
    x = noise(len(lengths), max(lengths) + 2, 3)
    found = cepstra.deltas(x, torch.tensor(lengths), reach)
    for row, length in enumerate(lengths):
        assert torch.allclose(found[row, :length], cepstra.deltas(x[row, :length], reach=reach), atol=1e-7)
        assert (found[row, length:] == 0).all()
    x[0, lengths[0] :] = torch.nan
    assert torch.equal(cepstra.deltas(x, torch.tensor(lengths), reach), found)
    turned = torch.arange(len(lengths)).flip(0)
    assert torch.equal(cepstra.deltas(x[turned], torch.tensor(lengths)[turned], reach), found[turned])


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="n_mfcc is 41; of 40"):
        cepstra.mfcc(torch.zeros(900), n_mfcc=41)
    with pytest.raises(ValueError, match="reach is 0"):
        cepstra.deltas(torch.zeros(9, 4), reach=0)
    with pytest.raises(ValueError, match="between 1 and 9"):
        cepstra.deltas(torch.zeros(1, 9, 4), torch.tensor([0]))
    with pytest.raises(ValueError, match="whole numbers between 1 and 9"):
        cepstra.deltas(torch.zeros(1, 9, 4), torch.tensor([3.0]))
    with pytest.raises(ValueError, match="needs at least 129"):
        cepstra.mfcc(torch.zeros(100))


def test_a_voice_and_silence_have_finite_cepstra():
    assert torch.isfinite(cepstra.mfcc(torch.zeros(800))).all()
    assert features.frame_count(800) == len(cepstra.mfcc(torch.zeros(800)))
