"""A browser that hears a known recording through its microphone, and plays sound to nobody."""

import math
import os
import struct
import wave

import pytest

from . import chromium


@pytest.fixture(scope="session")
def microphone(tmp_path_factory):
    """A WAV file, 440 Hz for two seconds, which the browser takes for its microphone."""
    path = tmp_path_factory.mktemp("microphone") / "tone.wav"
    rate = 48_000
    tone = [int(12_000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(2 * rate)]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(struct.pack(f"<{len(tone)}h", *tone))
    return path


@pytest.fixture(scope="module")
def browser(microphone):
    path = chromium.find()
    if path is None:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("no Chromium, Chrome or Edge found; install one, or name it in COURSE_CHROMIUM")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        flags = [*chromium.FLAGS, f"--use-file-for-fake-audio-capture={microphone}"]
        browser = driver.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()
