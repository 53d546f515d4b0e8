"""Wave files: what is written is read, a tone survives every rate and format, and bad files name what is wrong."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from course_utils.data.audio import AudioError, read_audio, resample, write_audio


def tone(seconds: float = 1, rate: int = 8000, hertz: float = 440) -> torch.Tensor:
    """A sine of amplitude one half."""
    return 0.5 * torch.sin(2 * math.pi * hertz * torch.arange(int(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [6000, 8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_a_tone_is_the_same_tone_at_any_rate_and_with_any_channels(tmp_path, rate, channels):
    heard = tone(rate=rate).numpy()
    balance = np.linspace(0.5, 1.5, channels) if channels > 1 else np.ones(1)  # they average to the tone
    soundfile.write(tmp_path / "tone.wav", heard[:, None] * balance, rate, subtype="FLOAT")
    samples = read_audio(tmp_path / "tone.wav")
    assert samples.shape == (8000,)
    assert samples.dtype == torch.float32
    middle = slice(400, 7600)  # the filter rings at the ends
    torch.testing.assert_close(samples[middle], tone()[middle], atol=5e-3, rtol=0)


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_16", 1e-4),
        ("a.wav", "PCM_24", 1e-6),
        ("a.wav", "PCM_U8", 1e-2),
        ("a.wav", "ULAW", 2e-2),
        ("a.flac", "PCM_16", 1e-4),
        ("a.aiff", "PCM_16", 1e-4),
        ("a.ogg", "VORBIS", 5e-2),
        ("a.ogg", "OPUS", 1e-1),
        ("a.mp3", "MPEG_LAYER_III", 5e-2),
    ],
)
def test_every_usual_format_is_read(tmp_path, name, subtype, tolerance):
    soundfile.write(tmp_path / name, tone(2).numpy(), 8000, subtype=subtype)
    samples = read_audio(tmp_path / name)
    assert abs(len(samples) - 16000) <= 1200  # MP3 rounds up to its frames
    torch.testing.assert_close(samples[2000:14000], tone(2)[2000:14000], atol=tolerance, rtol=0)


def test_resampling_keeps_low_tones_and_stops_those_that_would_fold():
    low, high = tone(rate=16000, hertz=1000), tone(rate=16000, hertz=6000)
    kept, stopped = resample(low, 16000, 8000), resample(high, 16000, 8000)
    torch.testing.assert_close(kept[200:-200], tone(hertz=1000)[200:-200], atol=5e-3, rtol=0)
    assert stopped[200:-200].abs().max() < 5e-3
    same = tone()
    assert resample(same, 8000, 8000) is same
    assert resample(torch.zeros(3, 2, 100), 8000, 6000).shape == (3, 2, 75)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.WAV"])
def test_what_is_written_is_read(tmp_path, name):
    samples = torch.rand(5000, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert write_audio(tmp_path / name, samples) == tmp_path / name
    torch.testing.assert_close(read_audio(tmp_path / name), samples, atol=2**-15, rtol=0)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    write_audio(tmp_path / "a.wav", tone())

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(OSError, match="No space"):
        write_audio(tmp_path / "a.wav", tone() / 2)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    torch.testing.assert_close(read_audio(tmp_path / "a.wav"), tone(), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (torch.zeros(2, 100), "one row"),
        (torch.zeros(0), "one row"),
        (torch.tensor([0.0, math.nan]), "finite"),
        (torch.tensor([1, 0]), "whole numbers"),
        (torch.tensor([0.0, 1.5]), r"reach 1.5; divide them"),
    ],
)
def test_what_is_no_sound_is_not_written(tmp_path, samples, says):
    with pytest.raises(AudioError, match=says):
        write_audio(tmp_path / "a.wav", samples)
    assert not list(tmp_path.iterdir())


def test_other_refusals_name_the_value(tmp_path):
    with pytest.raises(AudioError, match=r"'a.txt' should end in one of .wav"):
        write_audio(tmp_path / "a.txt", tone())
    with pytest.raises(FileNotFoundError, match="no-such does not exist; make it first"):
        write_audio(tmp_path / "no-such" / "a.wav", tone())
    wrong: list = [0, -8000, 8000.0, True]
    for rate in wrong:
        with pytest.raises(AudioError, match=f"positive whole number of Hz; got {rate!r}"):
            resample(tone(), 8000, rate)
    with pytest.raises(AudioError, match="N > 0"):
        resample(torch.zeros(2, 0), 8000, 16000)


def refused(path, says: str, **limits) -> None:
    """The file is refused in one line that names it."""
    with pytest.raises(AudioError, match=says) as caught:
        read_audio(path, **limits)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.aiff"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.99])
def test_a_file_cut_short_is_refused(tmp_path, name, part):
    noise = torch.randn(60000, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)
    soundfile.write(tmp_path / "whole", noise.numpy(), 8000, format=name[2:].upper(), subtype=None)
    whole = (tmp_path / "whole").read_bytes()
    (tmp_path / name).write_bytes(whole)
    assert len(read_audio(tmp_path / name)) == 60000
    (tmp_path / name).write_bytes(whole[: int(len(whole) * part)])
    refused(tmp_path / name, "cut short")


def test_a_wave_from_a_pipe_whose_length_was_not_known_is_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone().numpy(), 8000)
    bytes_ = bytearray((tmp_path / "a.wav").read_bytes())
    at = bytes_.index(b"data") + 4
    bytes_[4:8] = bytes_[at : at + 4] = b"\xff\xff\xff\xff"
    (tmp_path / "a.wav").write_bytes(bytes_)
    torch.testing.assert_close(read_audio(tmp_path / "a.wav"), tone(), atol=1e-4, rtol=0)


def test_what_cannot_be_used_says_so(tmp_path, monkeypatch):
    refused(tmp_path / "none.wav", "does not exist")
    refused(tmp_path, "is a folder")
    (tmp_path / "empty.wav").touch()
    refused(tmp_path / "empty.wav", "0 bytes")
    soundfile.write(tmp_path / "header.wav", np.zeros(0), 8000)
    refused(tmp_path / "header.wav", "0 samples")
    soundfile.write(tmp_path / "quiet.wav", np.full(8000, 3e-5), 8000, subtype="FLOAT")
    refused(tmp_path / "quiet.wav", "is silent")
    soundfile.write(tmp_path / "nan.wav", np.array([0.1, math.nan, 0.2]), 8000, subtype="FLOAT")
    refused(tmp_path / "nan.wav", "not finite")
    soundfile.write(tmp_path / "long.wav", tone(2).numpy(), 8000)
    refused(tmp_path / "long.wav", r"2.0 s long, and the longest allowed is 1.5 s", max_seconds=1.5)
    for name in ("text.wav", "text.txt"):
        (tmp_path / name).write_text("three one four\n" * 100)
        refused(tmp_path / name, "is not a sound file that can be read; use one of WAV")
    monkeypatch.setattr(os, "access", lambda *_: False)  # the user may be root, who may read all
    refused(tmp_path / "long.wav", "may not be read")


def test_torchaudio_waits_until_a_rate_differs():
    code = "import sys; from course_utils.data import audio, corpora; sys.exit('torchaudio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
