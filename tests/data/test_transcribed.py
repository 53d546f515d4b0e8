"""A folder of speech with its texts: LibriSpeech's layout, a text for each sound, and what is wrong with others."""

import pytest
import torch

from course_utils.data import transcribed
from course_utils.data.audio import AudioError, write_audio
from course_utils.data.corpora import MissingCorpus


def tone(hertz: float, rate: int = 8000) -> torch.Tensor:
    return 0.5 * torch.sin(2 * torch.pi * hertz * torch.arange(rate // 2) / rate)


@pytest.fixture
def library(tmp_path):
    """Two speakers as LibriSpeech keeps them, and one with a text beside each sound."""
    for speaker, hertz, said in (("19/198", 200, "ONE TWO"), ("26/495", 300, "NINE")):
        folder = tmp_path / speaker
        folder.mkdir(parents=True)
        name = speaker.replace("/", "-")
        write_audio(folder / f"{name}-0000.flac", tone(hertz, 16_000), 16_000)
        (folder / f"{name}.trans.txt").write_text(f"{name}-0000 {said}\n", encoding="utf-8")
    mine = tmp_path / "mine"
    mine.mkdir()
    write_audio(mine / "take.2.wav", tone(400))
    (mine / "take.2.txt").write_text("Zero, seven!\n", encoding="utf-8")
    return tmp_path


def test_both_layouts_are_read_together(library):
    found = transcribed.load(library)
    assert [one.name for one in found] == ["19/198/19-198-0000", "26/495/26-495-0000", "mine/take.2"]
    assert [one.text for one in found] == ["one two", "nine", "zero seven"]
    assert [one.voice for one in found] == ["19/198", "26/495", "mine"]
    assert [one.sample_rate for one in found] == [8000] * 3
    assert [len(one.samples) for one in found] == [4000] * 3
    middle = slice(500, 3500)  # a filter rings at the ends
    torch.testing.assert_close(found[0].samples[middle], tone(200)[middle], atol=0.01, rtol=0)
    assert [one.name for one in transcribed.load(library, limit=1)] == [found[0].name]


def test_what_is_missing_is_named(tmp_path, library):
    with pytest.raises(MissingCorpus, match="no folder"):
        transcribed.load(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingCorpus, match="no sound with a text"):
        transcribed.load(tmp_path / "empty")
    with pytest.raises(ValueError, match="limit is 0"):
        transcribed.load(library, limit=0)
    (library / "19/198/19-198-0000.flac").unlink()
    with pytest.raises(MissingCorpus, match="names 19-198-0000"):
        transcribed.load(library)


def test_a_sound_that_is_none_is_named(library):
    (library / "mine" / "take.2.wav").write_bytes(b"no sound")
    with pytest.raises(AudioError, match=r"take\.2\.wav"):
        transcribed.load(library)
