"""Many utterances in a few Ogg Vorbis files, with an index: behind make_corpora.py.

A file for each utterance would spend more on headers than on speech; packed, 8 kHz speech takes 1.5 kB a second.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import soundfile

SAMPLE_RATE = 8000  # Hz
FILE_SECONDS = 1000  # of speech in one packed file, which keeps it under 2 MB


def pack(folder: Path, name: str, entries: list[dict], compression: float) -> list[dict]:
    """Write the utterances one after another into Ogg Vorbis files, and return their lines of the index.

    ``compression`` is libsndfile's level, 0 (best) to 1 (smallest).
    """
    lines, part, block, start = [], 0, [], 0
    for entry in [*entries, None]:
        if block and (entry is None or start + len(entry["samples"]) > FILE_SECONDS * SAMPLE_RATE):
            write_ogg(folder / f"{name}-{part}.ogg", np.concatenate(block), compression)
            part, block, start = part + 1, [], 0
        if entry is not None:
            samples = entry.pop("samples")
            lines.append({"file": f"{name}-{part}.ogg", "start": start, "length": len(samples), **entry})
            block.append(samples)
            start += len(samples)
    return lines


def write_ogg(path: Path, samples: np.ndarray, compression: float) -> None:
    """Write samples as Ogg Vorbis whose bytes depend on the samples alone, and check that none is gained or lost."""
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "VORBIS", format="OGG", compression_level=compression) as file:
        for start in range(0, len(samples), SAMPLE_RATE):
            file.write(samples[start : start + SAMPLE_RATE])
    path.write_bytes(renumber(path.read_bytes(), serial=1))
    heard = soundfile.read(path, dtype="float32")[0]
    if len(heard) != len(samples):
        raise RuntimeError(f"{path.name}: {len(samples)} samples went in, {len(heard)} came out")


def renumber(stream: bytes, serial: int) -> bytes:
    """Return an Ogg stream with a serial number of our choice (the writer draws one at random), checksums mended."""
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    pages, at = [], 0
    while at < len(stream):
        segments = stream[at + 26]
        size = 27 + segments + sum(stream[at + 27 : at + 27 + segments])
        page = bytearray(stream[at : at + size])
        page[14:18], page[22:26] = serial.to_bytes(4, "little"), bytes(4)
        check = 0
        for byte in page:
            check = ((check << 8) & 0xFFFFFFFF) ^ table[(check >> 24) ^ byte]
        page[22:26] = check.to_bytes(4, "little")
        pages.append(bytes(page))
        at += size
    return b"".join(pages)


def write_index(folder: Path, lines: list[dict], about: dict) -> None:
    """Write index.tsv (a line an utterance), about.json (how it was made) and SHA256SUMS (of all that was written)."""
    columns = ["file", "start", "length", "task", "split", "voice", "engine", "text"]
    rows = ["\t".join(columns), *("\t".join(str(line[column]) for column in columns) for line in lines)]
    (folder / "index.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    about = {**about, "sample_rate": SAMPLE_RATE, "libsndfile": soundfile.__libsndfile_version__}
    (folder / "about.json").write_text(json.dumps(about, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
