"""Real speech from the network or from a folder, fetched with care, and the check of everything that lies here.

A download goes to ``NAME.part`` and is taken up again where it stopped; nothing appears under its own name before it
is whole and checked.

**What the check of FSDD is worth.** GitHub promises no stable bytes for its source archives, so the contents are
checked and not the archive. Four speakers are compared with digests that stand below. For the other two (george and
lucas) their number, format and length are checked, and the digest of the first copy is noted in the learner's folder:
later changes are seen, a wrong first copy of these two with the right shape is not.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
import wave
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from course_utils import places

FSDD_URL = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip"
FSDD_CREDIT = "Free Spoken Digit Dataset v1.0.10, Zohar Jackson and others, CC BY-SA 4.0\n" + FSDD_URL + "\n"
FSDD_DIGESTS = {  # speaker -> SHA-256 over the lines "name digest-of-file"; None: noted at the first use
    "george": None,
    "jackson": "ace668615a78bb263366215046ed4b1bd7ad53c00d6c70ef79418b77ab5dbf71",
    "lucas": None,
    "nicolas": "e6998380bfa73d9406e56040a7c998a562cd68f25bf30d2f68aa6d71e1d65569",
    "theo": "9b2bc76acf1be2171742b5e032bca3b3a83593bd3bd14ff7ad006fda1f761785",
    "yweweler": "9cda256ddb2ef7c07930744727778cec4a4bff420b793dc721e0678447afde97",
}
TAKES = 50  # of each digit and speaker
MAX_ARCHIVE = 100_000_000  # bytes; the archive has about 16 million
MAX_FILE, MAX_FILES = 1_000_000, 10_000  # bytes in an unpacked file, entries in the archive

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where the server says


class DownloadError(RuntimeError):
    """Data that could not be fetched, or is not what it should be; the message says why and what to do."""


def get(name: str, source: str | os.PathLike | None = None, progress: Progress | None = None) -> Path:
    """Return the folder of a data set in the learner's folder, after fetching it if it is not there.

    Args:
        name: "fsdd", the Free Spoken Digit Dataset: 3,000 recordings of ten digits by six people, 8 kHz.
        source: a folder that holds a copy, to take it from instead of the network; some of the speakers will do.
        progress: called with (bytes so far, bytes in all or None) as they come.

    Raises:
        ValueError: no data set has this name, or the source is no folder.
        DownloadError: no network, a server's error, stopped half way, contents that are not as they should be, or a
            full disk. What has come so far is kept, and the next call goes on from there.
    """
    if name != "fsdd":
        raise ValueError(f"no data set {name!r} to get; there is 'fsdd' (the embedded corpora need no fetching)")
    folder = places.home_folder() / "speech"
    try:
        folder.mkdir(exist_ok=True)
        if source is not None:
            return _copied(Path(source).expanduser(), folder / "fsdd")
        if (folder / "fsdd").is_dir() and not problems_of_fsdd(folder / "fsdd"):
            return folder / "fsdd"
        archive = folder / "fsdd.zip.part"
        _fetch(FSDD_URL, archive, progress or (lambda done, size: None))
        return _unpacked(archive, folder / "fsdd")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DownloadError(
                f"the disk that holds {folder} is full; make 60 MB of room, or set COURSE_HOME to a folder on another "
                "disk, and run the same again: what has come is kept"
            ) from error
        raise


def _fetch(url: str, part: Path, progress: Progress) -> None:
    """Bring a file to ``part``, from where an earlier attempt stopped if the server can do so."""
    import httpx

    mark = part.with_suffix(".etag")
    try:
        with httpx.Client(follow_redirects=True, timeout=30) as client:
            done = part.stat().st_size if part.exists() and mark.exists() else 0
            wanted = {"Range": f"bytes={done}-", "If-Range": mark.read_text()} if done else {}
            with client.stream("GET", url, headers={"Accept-Encoding": "identity", **wanted}) as answer:
                if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                    return  # all of it came before; if not, unpacking will say so and clear the way
                answer.raise_for_status()
                resumed = answer.headers.get("content-range", "").startswith(f"bytes {done}-")
                resumed = resumed and answer.status_code == httpx.codes.PARTIAL_CONTENT
                _receive(answer, part, mark, done if resumed else 0, progress)
    except httpx.HTTPStatusError as error:
        raise DownloadError(
            f"the server of {url} answered {error.response.status_code} {error.response.reason_phrase}; try again "
            "later, or use a copy: course data get fsdd --from FOLDER"
        ) from error
    except httpx.TransportError as error:
        if part.exists() and part.stat().st_size:
            raise DownloadError(
                f"the download stopped half way, after {part.stat().st_size / 1e6:.1f} MB "
                f"({type(error).__name__}); run the same again, and it goes on where the server allows"
            ) from error
        raise DownloadError(
            f"no connection to {httpx.URL(url).host} ({error or type(error).__name__}); check the network, or use a "
            "copy: course data get fsdd --from FOLDER"
        ) from error


def _receive(answer, part: Path, mark: Path, done: int, progress: Progress) -> None:
    """Write the body of a server's answer to ``part``, from byte ``done`` on."""
    left = answer.headers.get("content-length")
    size = done + int(left) if left else None
    if (size or 0) > MAX_ARCHIVE:
        raise DownloadError(f"the server offers {size:,} bytes where about 16 million are due; nothing was taken")
    if size and size - done > (free := shutil.disk_usage(part.parent).free):
        raise OSError(errno.ENOSPC, f"{free} bytes free", str(part))
    mark.unlink(missing_ok=True)  # without its mark, a part is not gone on with
    with part.open("ab" if done else "wb") as file:
        file.truncate(done)
        if etag := answer.headers.get("etag"):
            mark.write_text(etag)
        for block in answer.iter_raw():
            file.write(block)
            done += len(block)
            if done > MAX_ARCHIVE:
                raise DownloadError(f"more than {MAX_ARCHIVE:,} bytes came where about 16 million are due; given up")
            progress(done, size)


def _unpacked(archive: Path, target: Path) -> Path:
    """Unpack the recordings of a whole archive, check them, and move them into place; a bad archive is removed."""
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fsdd-") as name:
            fresh = Path(name) / "fsdd"
            unpack(archive, fresh / "recordings", "recordings/*.wav")
            _settle(fresh, target, FSDD_DIGESTS)
    except DownloadError as error:
        archive.unlink()
        raise DownloadError(f"{error}. The archive was removed; run the same again to fetch it anew") from error
    archive.unlink()
    archive.with_suffix(".etag").unlink(missing_ok=True)
    return target


def unpack(archive: Path, folder: Path, pattern: str) -> None:
    """Write the files of a zip archive whose paths end in ``pattern`` into one flat folder.

    Raises:
        DownloadError: no zip archive, damaged, or with anything in it that no honest one has: a path that leads out, a
            link, a file or a number of files beyond all measure.
    """
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as packed:
            entries = packed.infolist()
            if len(entries) > MAX_FILES:
                raise DownloadError(f"the archive has {len(entries):,} entries where about 3,000 are due")
            for entry in entries:
                _refuse_tricks(entry)
            for entry in entries:
                if PurePosixPath(entry.filename).match(pattern) and not entry.is_dir():
                    with packed.open(entry) as given, (folder / PurePosixPath(entry.filename).name).open("xb") as file:
                        shutil.copyfileobj(given, file)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, FileExistsError) as error:
        raise DownloadError(f"the archive is damaged ({error})") from error


def _refuse_tricks(entry: zipfile.ZipInfo) -> None:
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename:
        raise DownloadError(f"the archive holds a path that leads out of its folder ({entry.filename!r})")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise DownloadError(f"the archive holds a link ({entry.filename!r})")
    if path.match("recordings/*") and entry.file_size > MAX_FILE:
        raise DownloadError(f"the archive holds a recording of {entry.file_size:,} bytes ({entry.filename!r})")


def _copied(source: Path, target: Path) -> Path:
    if not source.is_dir():
        raise ValueError(f"--from needs a folder that holds the recordings; {source} is none")
    source = source / "recordings" if (source / "recordings").is_dir() else source
    wanted = [path for path in source.glob("[0-9]_*_*.wav") if path.is_file()]
    if not wanted:
        raise DownloadError(f"{source} holds no recordings named like 7_theo_12.wav; name the dataset's own folder")
    if target.exists() and source.resolve() == (target / "recordings").resolve():
        raise ValueError(f"{source} is where the copy would go; nothing to do")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fsdd-") as name:
        fresh = Path(name) / "fsdd"
        (fresh / "recordings").mkdir(parents=True)
        for path in wanted:
            shutil.copyfile(path, fresh / "recordings" / path.name)
        _settle(fresh, target, {path.stem.split("_")[1] for path in wanted})
    return target


def _settle(fresh: Path, target: Path, speakers: Iterable[str]) -> None:
    """Check an unpacked or copied set, and put it where it belongs, in the place of an older one."""
    if problems := problems_of_fsdd(fresh, speakers):
        raise DownloadError("; ".join(problems))
    (fresh / "SOURCE.txt").write_text(FSDD_CREDIT, encoding="utf-8")
    if target.exists():
        target.rename(fresh.parent / "before")
    fresh.rename(target)


def problems_of_fsdd(folder: Path, speakers: Iterable[str] | None = None) -> list[str]:
    """Return what is wrong with a copy of FSDD, a sentence each, and note the digests of speakers not known before.

    Args:
        folder: holds ``recordings/``.
        speakers: who should be there; where None, those who are, and at least one.
    """
    files: dict[str, list[Path]] = {}
    for path in sorted((folder / "recordings").glob("*.wav")):
        files.setdefault(path.stem.split("_")[1] if path.stem.count("_") == 2 else path.name, []).append(path)
    expected = sorted(set(files) | set(speakers or ()))
    if not expected:
        return [f"{folder} holds no recordings"]
    return [problem for speaker in expected if (problem := _problem_of_speaker(speaker, files.get(speaker, [])))]


def _problem_of_speaker(speaker: str, files: list[Path]) -> str | None:
    if speaker not in FSDD_DIGESTS:
        return f"{speaker} is none of the speakers {', '.join(FSDD_DIGESTS)}"
    due = {f"{digit}_{speaker}_{take}.wav" for digit in range(10) for take in range(TAKES)}
    if missing := sorted(due - {path.name for path in files}):
        return f"{speaker}: {len(missing)} of {len(due)} recordings are missing (the first: {missing[0]})"
    if len(files) > len(due):
        return f"{speaker}: {len(files)} recordings where {len(due)} are due"
    found = digest(files)
    known = FSDD_DIGESTS[speaker] or _noted(speaker)
    if known is None:
        if odd := next((path.name for path in files if not _is_sane(path)), None):
            return f"{speaker}: {odd} is no 8 kHz, 16-bit, mono recording of 0.1 to 3 s"
        _note(speaker, found)
    elif found != known:
        return f"{speaker}: the recordings are not those of version 1.0.10 (digest {found[:12]}…, not {known[:12]}…)"
    return None


def digest(files: Iterable[Path]) -> str:
    """Return one SHA-256 over the names and contents of files, in the order of their names."""
    lines = [
        f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in sorted(files, key=lambda path: path.name)
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _is_sane(path: Path) -> bool:
    try:
        with wave.open(str(path)) as file:
            form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            return form == (8000, 1, 2) and 0.1 <= file.getnframes() / 8000 <= 3
    except (wave.Error, EOFError):
        return False


def _pins() -> Path:
    return places.home_folder() / "speech" / "fsdd-digests.json"


def _noted(speaker: str) -> str | None:
    return json.loads(_pins().read_text()).get(speaker) if _pins().exists() else None


def _note(speaker: str, found: str) -> None:
    noted = json.loads(_pins().read_text()) if _pins().exists() else {}
    fresh = _pins().with_suffix(".part")
    fresh.write_text(json.dumps({**noted, speaker: found}, indent=1))
    os.replace(fresh, _pins())


def verify() -> list[str]:
    """Return what is wrong with the embedded corpora, and with FSDD where it was fetched, a sentence each."""
    folder = places.data_folder()
    sums = folder / "SHA256SUMS"
    if not sums.is_file():
        return [f"{sums} is missing, so that the corpora cannot be checked"]
    problems = []
    for line in sums.read_text(encoding="utf-8").splitlines():
        due, name = line.split()
        path = folder / name
        if not path.is_file():
            problems.append(f"{path} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != due:
            problems.append(f"{path} is not as it was made (its checksum differs)")
    fetched = places.home_folder() / "speech" / "fsdd"
    remedy = "; remove its folder and run: course data get fsdd"
    return problems + ([f"fsdd: {p}{remedy}" for p in problems_of_fsdd(fetched)] if fetched.exists() else [])
