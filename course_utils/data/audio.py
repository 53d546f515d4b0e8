"""Wave files in and out: any format and rate that soundfile reads, as one row of samples.

What is wrong with a file that cannot be used is said in one sentence: see ``AudioError``.
"""

import os
import tempfile
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import torch
from torch import Tensor

SAMPLE_RATE = 8000  # Hz: telephone speech, as the embedded corpora and FSDD have it
SILENCE = 1e-4  # a peak below this (−80 dB) is silence: nothing that a 16-bit recording could hold
FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG"}
OGG_PAGE = 65_307  # bytes, the longest page of an Ogg stream
READABLE = "WAV, FLAC, OGG (Vorbis or Opus), MP3, AIFF"


class AudioError(ValueError):
    """A file or a row of samples that is no usable speech; the message names it, what is wrong, and the remedy."""


def read_audio(path: str | os.PathLike, sample_rate: int = SAMPLE_RATE, max_seconds: float = 60) -> Tensor:
    """Return the sound in a file, its channels averaged, at one sample rate.

    Args:
        path: a file in any format that soundfile reads (WAV, FLAC, OGG, MP3, AIFF, …), of any rate and channels.
        sample_rate: of the result, in Hz.
        max_seconds: refuse a longer file, so that an hour of radio does not fill the memory.

    Returns:
        Samples ``(N,)``, float32, nominally in [-1, 1].

    Raises:
        AudioError: the file is missing, a folder, not to be read, empty, cut short, no audio, too long, silent, or
            holds values that are not numbers.
    """
    path = Path(path)
    _look(path)
    try:
        with soundfile.SoundFile(path) as file:
            seconds = file.frames / file.samplerate
            if seconds > max_seconds:
                raise AudioError(
                    f"{path} is {seconds:.1f} s long, and the longest allowed is {max_seconds:g} s; "
                    "cut it into pieces, or pass a larger max_seconds"
                )
            promised, from_rate = file.frames, file.samplerate
            samples = file.read(dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioError(_unreadable(path, error)) from error
    _whole(path, samples, promised)
    mono = torch.from_numpy(samples.mean(axis=1))
    if not bool(torch.isfinite(mono).all()):
        raise AudioError(f"{path} holds samples that are not finite numbers (NaN or infinity); export it anew")
    if float(mono.abs().max()) < SILENCE:
        raise AudioError(f"{path} is silent (no sample above {SILENCE:g}); check the microphone, then record again")
    return resample(mono, from_rate, sample_rate)


def _look(path: Path) -> None:
    if path.is_dir():
        raise AudioError(f"{path} is a folder, not a sound file; name one file in it")
    if not path.exists():
        raise AudioError(f"{path} does not exist; check the name and the folder (now in {Path.cwd()})")
    if not os.access(path, os.R_OK):
        raise AudioError(f"{path} may not be read by this user; change its permissions (chmod u+r), or copy it")
    if path.stat().st_size == 0:
        raise AudioError(f"{path} is empty (0 bytes); record or copy it again")


def _unreadable(path: Path, error: soundfile.LibsndfileError) -> str:
    start = path.read_bytes()[:12]
    if start[:4] in (b"RIFF", b"fLaC", b"OggS", b"FORM") or start[:3] == b"ID3":
        reason = error.error_string.rstrip(".")
        return f"{path} is damaged or cut short ({reason}); copy or record it again"
    return f"{path} is not a sound file that can be read; use one of {READABLE}"


def _whole(path: Path, samples: np.ndarray, promised: int) -> None:
    """Refuse a file that holds fewer samples than its header promises, or none; libsndfile reads what is there."""
    if promised > len(samples) or _cut_short(path):
        raise AudioError(f"{path} is cut short: it holds less than its header promises; copy or record it again")
    if len(samples) == 0:
        raise AudioError(f"{path} is empty (a header, and 0 samples); record or copy it again")


def _cut_short(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF" and head[8:] == b"WAVE":
            return _wav_lacks_data(file, size)
        if head[:4] == b"FORM":
            return int.from_bytes(head[4:8], "big") > size - 8
        if head[:4] == b"OggS":
            file.seek(max(0, size - OGG_PAGE))
            tail = file.read()
            page = tail[tail.rfind(b"OggS") :]
            whole = len(page) > 27 and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])
            return not (whole and page[5] & 4)  # the last page says that it is the last
    return False


def _wav_lacks_data(file: BinaryIO, size: int) -> bool:
    """Walk over a WAV's chunks, from its 12th byte on, to the length that its data chunk promises."""
    while len(head := file.read(8)) == 8:
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"data":
            unknown = length in (0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF)  # written to a pipe
            return not unknown and length > size - file.tell()
        file.seek(length + length % 2, os.SEEK_CUR)
    return False


def write_audio(path: str | os.PathLike, samples: Tensor | np.ndarray, sample_rate: int = SAMPLE_RATE) -> Path:
    """Write samples as a 16-bit sound file, whole or not at all, and return its path.

    Args:
        path: ends in .wav, .flac or .ogg, which says the format; its folder must exist.
        samples: ``(N,)``, in [-1, 1].
        sample_rate: in Hz.

    Raises:
        AudioError: the samples are no row, are empty, not finite or outside [-1, 1], or the ending is unknown.
        FileNotFoundError: the folder does not exist.
    """
    path = Path(path)
    row = torch.as_tensor(samples).detach().cpu()
    if path.suffix.lower() not in FORMATS:
        raise AudioError(f"{path.name!r} should end in one of {', '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist; make it first")
    _check_rate(sample_rate)
    _check_row(row)
    if (peak := float(row.abs().max())) > 1:
        raise AudioError(f"samples must lie in [-1, 1] and reach {peak:.3g}; divide them by their peak")
    # Tempfile asks for 0600; a sound file is like any other that the user makes.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    try:
        kind = FORMATS[path.suffix.lower()]
        soundfile.write(temporary, row.numpy(), sample_rate, format=kind, subtype=None if kind == "OGG" else "PCM_16")
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def resample(samples: Tensor, from_rate: int, to_rate: int) -> Tensor:
    """Return the same sound at another sample rate (windowed sinc, band-limited to the lower of the two).

    Args:
        samples: ``(..., N)``, floating point.
        from_rate: its rate in Hz.
        to_rate: the rate asked for, in Hz.

    Returns:
        ``(..., ceil(N · to_rate / from_rate))``; the samples themselves where the rates are equal.

    Raises:
        AudioError: a rate is not a positive whole number, or there are no samples.
    """
    _check_rate(from_rate)
    _check_rate(to_rate)
    if samples.ndim == 0 or samples.numel() == 0 or not samples.is_floating_point():
        raise AudioError(
            f"resample needs (..., N) floating-point samples, N > 0; got {samples.dtype}, {tuple(samples.shape)}"
        )
    if from_rate == to_rate:
        return samples
    from torchaudio.functional import resample as band_limited  # slow to import, and most files need it not

    return band_limited(samples, from_rate, to_rate)


def _check_rate(rate: int) -> None:
    if isinstance(rate, bool) or not isinstance(rate, int) or rate <= 0:
        raise AudioError(f"a sample rate is a positive whole number of Hz; got {rate!r}")


def _check_row(row: Tensor) -> None:
    if row.ndim != 1 or row.numel() == 0:
        raise AudioError(f"samples must be one row (N,) with N > 0; got shape {tuple(row.shape)}")
    if not row.is_floating_point() or not bool(torch.isfinite(row).all()):
        raise AudioError("samples must be finite floating-point numbers; look for NaN, infinity, or whole numbers")
