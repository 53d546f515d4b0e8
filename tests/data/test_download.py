"""Fetching FSDD, from a server on this machine that behaves badly in every way we could think of."""

import errno
import hashlib
import http.server
import io
import json
import os
import shutil
import stat
import threading
import zipfile

import numpy as np
import pytest
import soundfile

from course_utils import places
from course_utils.data import download
from course_utils.data.download import DownloadError, get, unpack, verify

PEOPLE = ("george", "theo")
TOP = "free-spoken-digit-dataset-1.0.10"


def recording(digit: int, speaker: str, take: int) -> bytes:
    """A short 16-bit wave, different for each name."""
    seed = 1000 * digit + take + sum(map(ord, speaker))
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(seed).uniform(-0.5, 0.5, 900), 8000, format="WAV", subtype="PCM_16")
    return file.getvalue()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """A small FSDD: two speakers, ten digits, two takes."""
    return {f"{d}_{s}_{t}.wav": recording(d, s, t) for s in PEOPLE for d in range(10) for t in range(2)}


def zipped(files: dict[str, bytes]) -> bytes:
    """An archive as the server sends it: everything in one folder, with files that we have no use for."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{TOP}/README.md", "read me")
        archive.writestr(f"{TOP}/__init__.py", "raise SystemExit")
        for name, content in files.items():
            archive.writestr(f"{TOP}/recordings/{name}", content)
    return packed.getvalue()


class Server(http.server.BaseHTTPRequestHandler):
    """Serves ``body``; breaks off after ``stop`` bytes, answers ``status``, ignores ranges, as it is told."""

    body, stop, status, ranges, etag, asked = b"", None, 200, True, '"one"', []

    def do_GET(self):
        self.asked.append(dict(self.headers))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/archive.zip")
            self.end_headers()
            return
        start = 0
        if self.ranges and "Range" in self.headers and self.headers.get("If-Range") == self.etag:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        if start >= len(self.body) and start:
            self.send_response(416)
            self.end_headers()
            return
        self.send_response(206 if start and self.status == 200 else self.status)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        self.send_header("Content-Length", str(len(self.body) - start))
        self.send_header("ETag", self.etag)
        self.end_headers()
        self.wfile.write(self.body[start : self.stop])
        self.close_connection = True

    def log_message(self, format, *_):
        pass


@pytest.fixture
def server(monkeypatch, files):
    """A server on 127.0.0.1 that holds the small FSDD, which download takes for the real one."""
    handler = type("Handler", (Server,), {"body": zipped(files), "asked": []})
    known = hashlib.sha256(
        "".join(
            f"{name} {hashlib.sha256(files[name]).hexdigest()}\n" for name in sorted(files) if "theo" in name
        ).encode()
    ).hexdigest()
    monkeypatch.setattr(download, "TAKES", 2)
    monkeypatch.setattr(download, "FSDD_DIGESTS", {"george": None, "theo": known})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(download, "FSDD_URL", f"http://127.0.0.1:{running.server_port}/archive.zip")
        yield handler
        running.shutdown()


def leftovers(home) -> set[str]:
    """What lies in the learner's speech folder."""
    return {path.name for path in (home / "speech").iterdir()}


def test_the_archive_is_fetched_unpacked_and_checked(server, home, files):
    seen = []
    folder = get("fsdd", progress=lambda done, size: seen.append((done, size)))
    assert folder == home / "speech" / "fsdd"
    assert {path.name: path.read_bytes() for path in (folder / "recordings").iterdir()} == files
    assert "CC BY-SA 4.0" in (folder / "SOURCE.txt").read_text()
    assert leftovers(home) == {"fsdd", "fsdd-digests.json"}
    assert seen[-1] == (len(server.body), len(server.body))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert get("fsdd") == folder  # and the second time nobody is asked
    assert len(server.asked) == 1


def test_a_redirect_is_followed(server, home, monkeypatch):
    monkeypatch.setattr(download, "FSDD_URL", download.FSDD_URL.replace("archive.zip", "moved"))
    assert (get("fsdd") / "recordings" / "3_theo_1.wav").is_file()


def test_what_stopped_half_way_goes_on_from_there(server, home):
    server.stop = 5000
    with pytest.raises(DownloadError, match=r"stopped half way, after 0.0 MB .* run the same again"):
        get("fsdd")
    assert (home / "speech" / "fsdd.zip.part").stat().st_size == 5000
    assert not (home / "speech" / "fsdd").exists()
    server.stop = None
    seen = []
    get("fsdd", progress=lambda done, size: seen.append((done, size)))
    assert server.asked[1]["Range"] == "bytes=5000-"
    assert seen[0][0] > 5000
    assert seen[-1] == (len(server.body), len(server.body))
    assert leftovers(home) == {"fsdd", "fsdd-digests.json"}


@pytest.mark.parametrize("how", ["no ranges", "another archive by now"])
def test_where_the_server_cannot_go_on_it_starts_again(server, home, how):
    server.stop = 5000
    with pytest.raises(DownloadError, match="half way"):
        get("fsdd")
    server.stop = None
    if how == "no ranges":
        server.ranges = False
    else:
        server.etag = '"two"'
    assert (get("fsdd") / "recordings" / "9_george_1.wav").is_file()


def test_an_interrupt_keeps_what_came(server, home):
    def stop(done, size):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get("fsdd", progress=stop)
    assert (home / "speech" / "fsdd.zip.part").stat().st_size > 0
    assert not (home / "speech" / "fsdd").exists()
    assert get("fsdd").is_dir()


def test_a_part_that_was_whole_already_is_used(server, home):
    (home / "speech").mkdir()
    (home / "speech" / "fsdd.zip.part").write_bytes(server.body)
    (home / "speech" / "fsdd.zip.etag").write_text(server.etag)
    assert get("fsdd").is_dir()


def test_errors_of_server_and_network_name_the_remedy(server, home, monkeypatch):
    for status, words in ((404, "404 Not Found"), (503, "503 Service Unavailable")):
        server.status = status
        with pytest.raises(DownloadError, match=f"answered {words}; try again later, or use a copy"):
            get("fsdd")
    monkeypatch.setattr(download, "FSDD_URL", "http://127.0.0.1:9/archive.zip")
    with pytest.raises(DownloadError, match=r"no connection to 127.0.0.1 .*; check the network, or use a copy"):
        get("fsdd")
    monkeypatch.setattr(download, "FSDD_URL", "https://no.such.host.invalid/archive.zip")
    with pytest.raises(DownloadError, match=r"no connection to no.such.host.invalid"):
        get("fsdd")
    assert not (home / "speech" / "fsdd").exists()


def changed(files, **new):
    """The files with some replaced (keys: name before the dot), or left out where None."""
    both = {**files, **{f"{name.lstrip('x')}.wav": content for name, content in new.items()}}
    return {name: content for name, content in both.items() if content is not None}


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ({"x3_theo_1": recording(3, "theo", 7)}, "theo: the recordings are not those of version 1.0.10"),
        ({"x3_george_1": None}, r"george: 1 of 20 recordings are missing \(the first: 3_george_1.wav\)"),
        ({"x3_george_1": b"RIFF"}, "3_george_1.wav is no 8 kHz, 16-bit, mono recording"),
        ({"x3_theo_2": recording(3, "theo", 2)}, "theo: 21 recordings where 20 are due"),
        ({"x3_eve_0": recording(3, "eve", 0)}, "eve is none of the speakers george, theo"),
    ],
)
def test_contents_that_are_not_fsdd_are_refused_and_taken_away(server, home, files, new, says):
    server.body = zipped(changed(files, **new))
    with pytest.raises(DownloadError, match=says + ".*run the same again to fetch it anew"):
        get("fsdd")
    assert leftovers(home) <= {"fsdd-digests.json", "fsdd.zip.etag"}
    server.body = zipped(files)
    assert get("fsdd").is_dir()


def test_damaged_bytes_are_refused_and_taken_away(server, home):
    good = server.body
    for bad in (
        b"<html>Sign in to the hotel's network</html>" * 100,
        good[: len(good) // 2],
        good[:30000] + bytes(500) + good[30500:],
    ):
        server.body = bad
        with pytest.raises(DownloadError, match=r"the archive is damaged .* fetch it anew"):
            get("fsdd")
        assert leftovers(home) <= {"fsdd.zip.etag"}


def test_a_second_first_copy_of_george_must_be_as_the_first(server, home, files):
    shutil.rmtree(get("fsdd"))
    server.body = zipped(changed(files, x3_george_1=recording(3, "george", 99)))
    with pytest.raises(DownloadError, match="george: the recordings are not those"):
        get("fsdd")


def one_entry(path, name: str, content: bytes = b"x", mode: int = stat.S_IFREG | 0o644):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return path


@pytest.mark.parametrize(
    ("name", "content", "mode", "says"),
    [
        ("../recordings/0_theo_0.wav", b"x", 0o100644, "leads out of its folder"),
        ("top/recordings/../../../0_theo_0.wav", b"x", 0o100644, "leads out of its folder"),
        ("/recordings/0_theo_0.wav", b"x", 0o100644, "leads out of its folder"),
        ("C:/recordings/0_theo_0.wav", b"x", 0o100644, "leads out of its folder"),
        ("top\\..\\recordings\\0_theo_0.wav", b"x", 0o100644, "leads out|damaged"),
        ("top/recordings/0_theo_0.wav", b"/etc/passwd", 0o120777, "holds a link"),
        ("top/recordings/0_theo_0.wav", bytes(2_000_000), 0o100644, "a recording of 2,000,000 bytes"),
    ],
)
def test_an_archive_with_tricks_is_refused_before_anything_is_written(tmp_path, name, content, mode, says):
    archive = one_entry(tmp_path / "bad.zip", name, content, mode)
    with pytest.raises(DownloadError, match=says):
        unpack(archive, tmp_path / "a" / "b", "recordings/*.wav")
    assert not list((tmp_path / "a" / "b").iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"bad.zip", "a"}


def test_too_many_entries_and_a_size_beyond_measure_are_refused(tmp_path, server, home, monkeypatch):
    monkeypatch.setattr(download, "MAX_FILES", 10)
    with pytest.raises(DownloadError, match="the archive has 42 entries"):
        get("fsdd")
    monkeypatch.setattr(download, "MAX_ARCHIVE", 1000)
    with pytest.raises(DownloadError, match=r"the server offers [\d,]+ bytes where about 16 million are due"):
        get("fsdd")


@pytest.mark.parametrize("when", ["fetching", "unpacking", "before"])
def test_a_full_disk_says_so_and_the_next_try_goes_on(server, home, monkeypatch, when):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if when == "fetching":
            patch.setattr(download, "_receive", full)
        elif when == "unpacking":
            patch.setattr(shutil, "copyfileobj", full)
        else:
            patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
        with pytest.raises(DownloadError, match=r"is full; make 60 MB of room, or set COURSE_HOME"):
            get("fsdd")
    assert not (home / "speech" / "fsdd").exists()
    assert not list((home / "speech").glob(".fsdd*"))
    assert get("fsdd").is_dir()


def test_a_copy_is_taken_from_a_folder_and_checked(server, home, files, tmp_path):
    source = tmp_path / "copy" / "recordings"
    source.mkdir(parents=True)
    with pytest.raises(DownloadError, match="holds no recordings named like 7_theo_12"):
        get("fsdd", source=source)
    for name, content in files.items():
        if "theo" in name:  # one speaker will do
            (source / name).write_bytes(content)
    (source / "notes.txt").write_text("mine")
    for folder in (source, source.parent):
        recordings = get("fsdd", source=folder) / "recordings"
        assert {path.name for path in recordings.iterdir()} == {name for name in files if "theo" in name}
    (source / "3_theo_1.wav").write_bytes(recording(3, "theo", 9))
    with pytest.raises(DownloadError, match="theo: the recordings are not those"):
        get("fsdd", source=source)
    assert (recordings / "3_theo_1.wav").read_bytes() == files["3_theo_1.wav"]  # the good copy stays
    with pytest.raises(ValueError, match="is where the copy would go"):
        get("fsdd", source=recordings.parent)
    with pytest.raises(ValueError, match="needs a folder"):
        get("fsdd", source=tmp_path / "none")
    assert leftovers(home) == {"fsdd"}
    assert not server.asked


def test_a_damaged_copy_is_fetched_anew(server, home, files):
    (get("fsdd") / "recordings" / "3_theo_1.wav").write_bytes(b"")
    assert verify()[-1].startswith("fsdd: theo: the recordings are not those of version 1.0.10")
    assert (get("fsdd") / "recordings" / "3_theo_1.wav").read_bytes() == files["3_theo_1.wav"]
    assert verify() == []


def test_other_names_are_refused(home):
    with pytest.raises(ValueError, match="no data set 'librispeech' to get; there is 'fsdd'"):
        get("librispeech")


def test_verify_names_each_file_that_is_missing_or_changed(tmp_path, monkeypatch, home):
    assert verify() == []
    (tmp_path / "SHA256SUMS").write_text("".join(f"{hashlib.sha256(b'x').hexdigest()}  {n}\n" for n in "abc"))
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").write_bytes(b"y")
    monkeypatch.setattr(places, "data_folder", lambda: tmp_path)
    assert verify() == [
        f"{tmp_path / 'b'} is not as it was made (its checksum differs)",
        f"{tmp_path / 'c'} is missing",
    ]
    (tmp_path / "SHA256SUMS").unlink()
    assert verify() == [f"{tmp_path / 'SHA256SUMS'} is missing, so that the corpora cannot be checked"]


def test_the_digests_are_those_of_the_real_recordings(home):
    folder = os.environ.get("COURSE_REAL_SPEECH")
    if not folder:
        pytest.skip("no real speech here: set COURSE_REAL_SPEECH to a copy of FSDD")
    assert get("fsdd", source=folder) == home / "speech" / "fsdd"
    noted = home / "speech" / "fsdd-digests.json"
    assert not noted.exists() or set(json.loads(noted.read_text())) <= {"george", "lucas"}
