"""The speech synthesisers behind make_corpora.py: text in, samples out, one function a kind of synthesiser.

A festival voice of another language speaks English here: the American voice ``kal`` gives phones, durations and pitch,
``accents.toml`` says which of the other language's phones stand for each, and that voice's recordings are joined.
"""

import random
import re
import subprocess
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

HERE = Path(__file__).resolve().parent
NEEDED = {  # program -> where its version stands in what it says of itself, and the package that brings it
    "espeak-ng": (r"text-to-speech: (\S+)", "espeak-ng"),
    "flite": (r"version: flite-(\S+)", "flite"),
    "festival": (r"System: ([\w.]+)", "festival, and the festvox packages of data/README.md"),
    "sox": (r"SoX v(\S+)", "sox"),
}


@dataclass(frozen=True)
class Voice:
    """One line of voices.tsv: a speaker of the corpora, and how to make it speak.

    ``warp`` raises (above 1) or lowers all resonances and the pitch; ``pitch`` is 0 to 99 for espeak-ng, a factor for
    flite and Hz for festival; ``rate`` is words a minute for espeak-ng and a factor on durations for the others.
    """

    name: str
    engine: str
    voice: str
    speaker: str
    split: str
    tasks: str
    warp: float
    pitch: float
    rate: float
    accent: str
    licence: str


@dataclass(frozen=True)
class Phrase:
    """Words to say in one breath, with this utterance's factors on pitch, its range, and durations."""

    text: str
    pitch: float
    spread: float
    stretch: float
    seed: str


def read_voices(path: Path = HERE / "voices.tsv") -> list[Voice]:
    """Return the voices of voices.tsv, in its order."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    kinds = [Voice.__annotations__[name] for name in lines[0].split("\t")]
    return [Voice(*(kind(cell) for kind, cell in zip(kinds, line.split("\t"), strict=True))) for line in lines[1:]]


def accents() -> dict:
    """Return accents.toml as a dictionary with the keys ``respelling`` and ``phones``."""
    return tomllib.loads((HERE / "accents.toml").read_text(encoding="utf-8"))


def run(command: list, given: bytes = b"") -> bytes:
    """Return what a program writes; raise with its own words if it fails."""
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed ({done.returncode}): {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout


def versions(voices: list[Voice]) -> dict[str, str]:
    """Return the version of every program that is needed.

    Raises:
        SystemExit: a program or one of festival's voices is missing; the message names it and the package.
    """
    found = {}
    for program, (pattern, package) in NEEDED.items():
        try:
            answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise SystemExit(
                f"make_corpora needs {program}, which is not installed; on Debian: apt install {package}"
            ) from error
        version = re.search(pattern, answer.stdout)
        found[program] = version[1] if version else "unknown"
    there = set(re.findall(r"\w+", run_festival("(print (voice.list))")))
    if missing := sorted({voice.voice for voice in voices if voice.engine == "festival"} - there):
        raise SystemExit(f"festival lacks the voices {', '.join(missing)}; data/README.md says which package has each")
    return found


def speak(voice: Voice, phrases: list[Phrase]) -> list[tuple[np.ndarray, int]]:
    """Return (samples, rate in Hz) for each phrase, as the synthesiser gives them."""
    return {"espeak-ng": _espeak, "flite": _flite, "festival": _festival}[voice.engine](voice, phrases)


def _espeak(voice: Voice, phrases: list[Phrase]) -> list[tuple[np.ndarray, int]]:
    spelling = accents()["respelling"].get(voice.accent, {})
    spoken = []
    for phrase in phrases:
        text = " ".join(spelling.get(word, word) for word in phrase.text.split())
        pitch = min(99, max(0, round(voice.pitch + 60 * (phrase.pitch - 1))))
        rate = min(400, max(80, round(voice.rate / phrase.stretch)))
        command = ["espeak-ng", "-v", voice.voice, "-p", str(pitch), "-s", str(rate), "--stdin", "-w", "/dev/stdout"]
        spoken.append(_streamed(run(command, text.encode())))
    return spoken


def _streamed(wave: bytes) -> tuple[np.ndarray, int]:
    """Read a WAV whose header was written before its length was known."""
    rate = int.from_bytes(wave[24:28], "little")
    start = wave.index(b"data") + 8
    return np.frombuffer(wave[start : start + (len(wave) - start) // 2 * 2], "<i2").astype(np.float32) / 32768, rate


def _flite(voice: Voice, phrases: list[Phrase]) -> list[tuple[np.ndarray, int]]:
    spoken = []
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/spoken.wav"
        for phrase in phrases:
            pitch, stretch = voice.pitch * phrase.pitch, voice.rate * phrase.stretch
            settings = ["--setf", f"f0_shift={pitch:.3f}", "--setf", f"duration_stretch={stretch:.3f}"]
            run(["flite", "-voice", voice.voice, *settings, "-t", phrase.text, "-o", path])
            spoken.append(soundfile.read(path, dtype="float32"))
    return spoken


def choose(phone: str, phones: dict[str, str], chance: random.Random) -> list[str]:
    """Return the phones with which an accent says one phone of the front end: none, one or two."""
    return chance.choice(phones.get(phone, phone).split("|")).split()


FRONT = """(voice_kal_diphone)
(define (analyse words)
  (let ((utt (eval (list 'Utterance 'Text words))))
    (Initialize utt) (Text utt) (Token_POS utt) (Token utt) (POS utt) (Phrasify utt) (Word utt) (Pauses utt)
    (Intonation utt) (PostLex utt) (Duration utt) (Int_Targets utt)
    (format t "U\\n")
    (mapcar (lambda (s) (format t "S %s %f\\n" (item.name s) (item.feat s "end"))) (utt.relation.items utt 'Segment))
    (mapcar (lambda (s) (format t "T %f %f\\n" (item.feat s "pos") (item.feat s "f0")))
            (utt.relation.leafs utt 'Target))))
"""


def analyse(texts: list[str]) -> dict[str, tuple[list, list]]:
    """Return, for each text, the front end's ([(phone, end in s)], [(time in s, pitch in Hz)])."""
    script = FRONT + "\n".join(f'(analyse "{text}")' for text in dict.fromkeys(texts))
    found: list[tuple[list, list]] = []
    for kind, *cells in map(str.split, run_festival(script).splitlines()):
        if kind == "U":
            found.append(([], []))
        elif kind == "S":
            found[-1][0].append((cells[0], float(cells[1])))
        elif kind == "T":
            found[-1][1].append((float(cells[0]), float(cells[1])))
    return dict(zip(dict.fromkeys(texts), found, strict=True))


def run_festival(script: str) -> str:
    """Return what festival prints when it runs a Scheme script."""
    with tempfile.NamedTemporaryFile("w", suffix=".scm") as file:
        file.write(script)
        file.flush()
        return run(["festival", "-b", file.name]).decode(errors="replace")


def segments(voice: Voice, phrase: Phrase, analysed: tuple[list, list], phones: dict[str, str]) -> str:
    """Return festival's own notation for the phones, durations and pitch with which a voice says a phrase."""
    chance = random.Random(phrase.seed)
    ends, targets = analysed
    mean = sum(hertz for _, hertz in targets) / len(targets)
    spread = phrase.spread * voice.pitch * phrase.pitch / mean
    said: list[list] = []  # [phone, duration in s, pitch marks]
    start = 0.0
    for phone, end in ends:
        names = choose(phone, phones, chance)
        stretch = voice.rate * phrase.stretch * chance.lognormvariate(0, 0.1) / max(1, len(names))
        points = [(t - start, voice.pitch * phrase.pitch + spread * (f - mean)) for t, f in targets if start < t <= end]
        for place, name in enumerate(names):
            if said and said[-1][0] == name:  # no voice has a join of a phone with itself
                said[-1][1] += (end - start) * stretch
            else:
                marks = points if place == 0 else []
                said.append([name, (end - start) * stretch, [(t * stretch, max(50, f)) for t, f in marks]])
        start = end
    marked = [(name, seconds, " ".join(f"({t:.4f} {f:.1f})" for t, f in marks)) for name, seconds, marks in said]
    return "(" + " ".join(f'("{name}" {seconds:.4f} {marks})' for name, seconds, marks in marked) + ")"


def _festival(voice: Voice, phrases: list[Phrase]) -> list[tuple[np.ndarray, int]]:
    book = accents()
    spelling, phones = book["respelling"].get(voice.accent), book["phones"].get(voice.accent, {})
    if spelling:
        said = [f'\'Text "{" ".join(spelling[word] for word in phrase.text.split())}"' for phrase in phrases]
    else:
        analysed = analyse([phrase.text for phrase in phrases])
        said = [f"'Segments '{segments(voice, phrase, analysed[phrase.text], phones)}" for phrase in phrases]
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{number}.wav" for number in range(len(said))]
        lines = [
            f"(let ((u (eval (list 'Utterance {what})))) (utt.synth u) (utt.save.wave u \"{path}\" 'riff))"
            for what, path in zip(said, paths, strict=True)
        ]
        run_festival("\n".join([f"(voice_{voice.voice})", *lines]))
        return [soundfile.read(path, dtype="float32") for path in paths]


def bend(samples: np.ndarray, rate: int, warp: float, to_rate: int) -> np.ndarray:
    """Return samples at another rate, resonances and pitch multiplied by warp, the tempo unchanged."""
    effects = [] if warp == 1 else ["speed", f"{warp}", "tempo", "-s", f"{1 / warp:.6f}"]
    raw = ["-t", "f32", "-c", "1", "-r"]
    given = np.ascontiguousarray(samples, dtype="<f4").tobytes()
    heard = run(
        ["sox", "-D", "-R", *raw, str(rate), "-", *raw, str(to_rate), "-", *effects, "rate", str(to_rate)], given
    )
    return np.frombuffer(heard, "<f4").copy()
