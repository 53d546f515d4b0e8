"""Features against torchaudio's on one thread, and how their time grows with the length of the wave."""

import torch
import torchaudio
from pairs import Curve, Row, against, curve, ratio

from course_utils.algorithms import cepstra, features, resynthesis, sampling

SIZES = {"n_fft": 256, "win_length": 200, "hop_length": 80, "n_mels": 40}
MEL = torchaudio.transforms.MelSpectrogram(8000, n_fft=256, win_length=200, hop_length=80, n_mels=40)
MFCC = torchaudio.transforms.MFCC(8000, 13, melkwargs=SIZES)


def _noise(*shape: int) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def rows() -> list[Row]:
    """Return our processor seconds over torchaudio's, on batches of 16 waves of 3 s at 8 kHz and on one of 1 s."""
    torch.set_num_threads(1)
    found = []
    for name, waves in (("16 waves of 3 s", _noise(16, 24000)), ("one wave of 1 s", _noise(1, 8000))):
        cepstrum = cepstra.mfcc(waves)
        across = cepstrum.transpose(1, 2).contiguous()
        mel = ratio(lambda waves=waves: features.mel_spectrum(waves), lambda waves=waves: MEL(waves))
        mfcc = ratio(lambda waves=waves: cepstra.mfcc(waves), lambda waves=waves: MFCC(waves[:, None]))
        slopes = ratio(
            lambda cepstrum=cepstrum: cepstra.deltas(cepstrum),
            lambda across=across: torchaudio.functional.compute_deltas(across),
        )
        found += [
            (f"mel spectrum, {name}", *against(mel, 1.0)),
            (f"MFCC, {name}", *against(mfcc, 1.0)),
            (f"deltas of 13 cepstra, {name}", *against(slopes, 1.0)),
        ]
    waves = _noise(16, 24000)
    emphasis = ratio(lambda: sampling.preemphasis(waves), lambda: torchaudio.functional.preemphasis(waves))
    found.append(("pre-emphasis, 16 waves of 3 s", *against(emphasis, 1.0)))
    return [*found, ("Griffin–Lim, 8 iterations, one wave of 3 s", *against(_griffin_lim(), 1.2))]


def _griffin_lim() -> float:
    power, window = features.power_spectrum(_noise(1, 24000)), torch.hann_window(200)
    across = power.transpose(1, 2).contiguous()
    return ratio(
        lambda: resynthesis.griffin_lim(power, iterations=8),
        lambda: torchaudio.functional.griffinlim(across, window, 256, 80, 200, 2.0, 8, 0.99, None, False),
    )


def growth() -> list[Curve]:
    """Return seconds by length of the wave; the Fourier transform of each frame is of one size, so time is linear."""

    def on(length: int, work):
        wave = _noise(1, length)
        return lambda: work(wave)

    lengths = [8000, 16000, 32000, 64000, 128000, 256000]
    return [
        curve("MFCC", "samples", lengths, lambda n: on(n, cepstra.mfcc)),
        curve("pre-emphasis undone", "samples", lengths, lambda n: on(n, sampling.deemphasis)),
    ]
