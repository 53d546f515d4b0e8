"""Prefix beam search against flashlight-text's C++ (with the same language models), and how its time grows.

flashlight is told to add paths up (``log_add``), as the definition does; by default it takes the best path of each
labelling. pyctcdecode and fast-ctc-decode, which want an older numpy, are measured where the environment variable
COURSE_OTHER_DECODERS names a Python that has them (see ``other_decoders``).
"""

import json
import math
import os
import random
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import torch
from flashlight.lib.text.decoder import (
    LM,
    CriterionType,
    LexiconDecoder,
    LexiconDecoderOptions,
    LexiconFreeDecoder,
    LexiconFreeDecoderOptions,
    SmearingMode,
    Trie,
    ZeroLM,
)
from flashlight.lib.text.decoder.kenlm import KenLM
from flashlight.lib.text.dictionary import Dictionary
from pairs import Curve, Row, against, curve, ratio, seconds

from course_utils import corpora
from course_utils.algorithms import ctc, decoding, language_model
from course_utils.algorithms.arpa import write_arpa
from course_utils.algorithms.batched_decoding import prefix_beam_search_batch
from course_utils.algorithms.lexicon import Lexicon

TOKENS = ["-", "|", *"abcdefghijklmnopqrstuvwxyz'"]
BEAMS = (10, 25, 100)
B = 64
Peer = Callable[[torch.Tensor], list[int]]


def rows() -> list[Row]:
    """Return (what, measured, goal): time and quality beside flashlight's."""
    other = os.environ.get("COURSE_OTHER_DECODERS")
    return [*_without_a_model(), *_tiny(), *_with_a_model(), *(_in_another_python(other) if other else [])]


def growth() -> list[Curve]:
    """Return the seconds of one search against T, the beam and C: linear in the first two, and at most that in C.

    The pruning tries the symbols in falling order, so that more symbols cost little more than their sorting.
    """

    def search(T: int = 200, C: int = 30, beam: int = 10):
        log_probs = _speechlike(T, C, 0)
        return lambda: decoding.prefix_beam_search(log_probs, beam)

    def batch(T: int):
        log_probs = torch.stack([_speechlike(T, 30, seed) for seed in range(16)])
        return lambda: prefix_beam_search_batch(log_probs, None, 10)

    return [
        curve("prefix beam by T (C 30, beam 10)", "T (frames)", [100, 200, 400, 800], lambda T: search(T=T)),
        curve("prefix beam by beam (T 200)", "beam (prefixes)", [5, 10, 20, 40, 80], lambda beam: search(beam=beam)),
        curve("prefix beam by C (T 200)", "C (symbols)", [30, 60, 120, 240], lambda C: search(C=C)),
        curve("batched prefix beam by T (B 16)", "T (frames)", [100, 200, 400], batch),
    ]


def _speechlike(T: int, C: int, seed: int) -> torch.Tensor:
    """Return log-probabilities (T, C) of a network that hears a label every six frames, not always well."""
    generator = torch.Generator().manual_seed(seed)
    scores, places = torch.randn(T, C, generator=generator), torch.arange(1, T - 1, 6)
    labels = torch.randint(1, C, (len(places),), generator=generator)
    scores[:, 0] += 5
    scores[places, labels] += 6
    scores[places + 1, labels] += 3
    return scores.log_softmax(1)


def _flashlight(beam: int, C: int, alpha: float = 0.0, model: LM | None = None) -> Peer:
    options = LexiconFreeDecoderOptions(
        beam_size=beam, beam_size_token=C, beam_threshold=1e9, lm_weight=alpha * math.log(10), sil_score=0.0,
        log_add=True, criterion_type=CriterionType.CTC,
    )  # fmt: skip
    decoder = LexiconFreeDecoder(options, model or ZeroLM(), -1, 0, [])  # KenLM's logarithms are to base 10

    def decode(log_probs: torch.Tensor) -> list[int]:
        found = decoder.decode(log_probs.data_ptr(), *log_probs.shape)[0]
        return ctc.collapse(list(found.tokens[1:-1]))  # it adds a blank at either end

    return decode


def _without_a_model() -> list[Row]:
    utterances, found = torch.stack([_speechlike(200, 30, seed) for seed in range(B)]), []
    for beam in BEAMS:
        decode, some = _flashlight(beam, 30), utterances[: 4 if beam < 100 else 2]
        measured = ratio(
            lambda x=some, k=beam: [decoding.prefix_beam_search(scores, k) for scores in x],
            lambda x=some, peer=decode: [peer(scores) for scores in x],
            5,
        )
        what = f"prefix beam {beam} in Python (T 200, C 30): time beside flashlight's"
        found.append((what, *against(measured, 1.0 if beam == 10 else None)))
        theirs = ratio(
            lambda k=beam: prefix_beam_search_batch(utterances, None, k),
            lambda x=some, peer=decode: [peer(scores) for scores in x],
            3,
        )
        what = f"batched prefix beam {beam} in torch (B {B}): time for each utterance beside flashlight's"
        found.append((what, *against(theirs * len(some) / B, 0.33)))
    return found


def _tiny() -> list[Row]:
    """Two hundred cases small enough to enumerate."""
    ours, theirs, peer = 0, 0, _flashlight(8, 4)
    for seed in range(200):
        generator = torch.Generator().manual_seed(seed)
        log_probs = (1.5 * torch.randn(5, 4, generator=generator)).log_softmax(1)
        masses: dict[tuple[int, ...], float] = {}
        for path in product(range(4), repeat=5):
            labels = tuple(ctc.collapse(path))
            masses[labels] = masses.get(labels, 0.0) + math.exp(sum(log_probs[t, c].item() for t, c in enumerate(path)))
        best = max(masses, key=masses.__getitem__)
        ours += decoding.prefix_beam_search(log_probs, 8)[0].labels == best
        theirs += tuple(peer(log_probs)) == best
    return [("likeliest labelling found, 200 tiny cases, beam 8", f"{ours}, flashlight {theirs}", "never fewer")]


def _commands() -> tuple[list[torch.Tensor], language_model.Backoff, Lexicon]:
    """Return a few commands' posteriors, trigrams of the training's words, and the lexicon that asks them."""
    said = [u.text.split() for u in corpora.load("home", "train")]
    words = language_model.kneser_ney(said, 3)
    utterances = [_spelt(u.text, n) for n, u in enumerate(corpora.load("home", "valid")[:6])]
    return utterances, words, Lexicon({word for sentence in said for word in sentence}, words, "|")


def _with_a_model(beam: int = 25, alpha: float = 0.8) -> list[Row]:
    """Commands with a grammar, spelt by a network in much noise: character 4-grams, and word trigrams on a lexicon."""
    utterances, words, lexicon = _commands()
    letters = language_model.kneser_ney([list(u.text.replace(" ", "|")) for u in corpora.load("home", "train")], 4)
    with tempfile.TemporaryDirectory() as folder:
        by_letter = _flashlight(beam, len(TOKENS), alpha, _kenlm(letters, Path(folder), TOKENS))
        by_word = _flashlight_lexicon(beam, alpha, words, sorted(lexicon.words), Path(folder))
        found = _compare("characters' 4-grams", letters, by_letter, utterances, beam, alpha)
        return found + _compare("lexicon and words' trigrams", lexicon, by_word, utterances, beam, alpha)


def _in_another_python(python: str, beam: int = 25, alpha: float = 0.8) -> list[Row]:
    """Times and, with words' trigrams, fused scores beside pyctcdecode's and fast-ctc-decode's, pruning as they do."""
    import numpy as np

    utterances, words, lexicon = _commands()
    plain = [_speechlike(200, len(TOKENS), seed) for seed in range(4)]
    with tempfile.TemporaryDirectory() as folder:
        arrays, arpa = Path(folder) / "posteriors.npz", Path(folder) / "words.arpa"
        spelt = {f"spelt{n}": x.numpy() for n, x in enumerate(utterances)}
        np.savez(arrays, plain=torch.stack(plain).numpy(), **spelt)
        write_arpa(words, arpa)
        told = json.dumps([str(arrays), str(arpa), sorted(lexicon.words), TOKENS, BEAMS, alpha])
        script = [python, str(Path(__file__).with_name("other_decoders.py")), told]
        found = json.loads(subprocess.run(script, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    rows = []
    for peer in ("pyctcdecode", "fast-ctc-decode"):
        for k in BEAMS:
            mine = seconds(lambda k=k: [decoding.prefix_beam_search(x, k) for x in plain], 3)
            what = f"prefix beam {k} in Python (T 200, C {len(TOKENS)}): time beside {peer}'s"
            rows.append((what, *against(mine / found[peer][str(k)])))

    def ours(log_probs: torch.Tensor) -> Sequence[int]:
        return decoding.prefix_beam_search(log_probs, beam, lexicon, alpha, tokens=TOKENS)[0].labels

    theirs = [[TOKENS.index(letter) for letter in text.replace(" ", "|")] for text in found["texts"]]
    pairs = list(zip(utterances, theirs, strict=True))
    gains = [_fused(x, ours(x), lexicon, alpha) - _fused(x, labels, lexicon, alpha) for x, labels in pairs]
    name = f"prefix beam {beam}, lexicon and words' trigrams"
    worse = f"{sum(gain < -1e-3 for gain in gains)} of {len(gains)} ({sum(gain > 1e-3 for gain in gains)} better)"
    mine = seconds(lambda: [ours(x) for x in utterances], 3)
    return [
        *rows,
        (f"{name}: time beside pyctcdecode's", *against(mine / found["seconds"])),
        (f"{name}: fused score below pyctcdecode's", worse, "0"),
    ]


def _compare(name: str, model, peer: Peer, utterances, beam: int, alpha: float) -> list[Row]:
    def ours(log_probs: torch.Tensor) -> Sequence[int]:
        return decoding.prefix_beam_search(log_probs, beam, model, alpha, tokens=TOKENS)[0].labels

    measured = ratio(lambda: [ours(x) for x in utterances], lambda: [peer(x) for x in utterances], 5)
    gains = [_fused(x, ours(x), model, alpha) - _fused(x, peer(x), model, alpha) for x in utterances]
    worse = f"{sum(gain < -1e-3 for gain in gains)} of {len(gains)} ({sum(gain > 1e-3 for gain in gains)} better)"
    return [
        (f"prefix beam {beam}, {name}: time beside flashlight's", *against(measured)),
        (f"prefix beam {beam}, {name}: fused score below flashlight's", worse, "0"),
    ]


def _fused(log_probs: torch.Tensor, labels: Sequence[int], model, alpha: float) -> float:
    """Return log P(Y | X) + alpha log P(Y), over all paths, beam or no beam."""
    target, frames = torch.tensor([list(labels)]), torch.tensor([len(log_probs)])
    loss = torch.nn.functional.ctc_loss(
        log_probs[:, None].double(), target, frames, torch.tensor([len(labels)]), reduction="sum"
    )
    return alpha * model.sentence_log_prob([TOKENS[label] for label in labels]) - loss.item()


def _spelt(text: str, seed: int, frames: int = 4) -> torch.Tensor:
    """Return log-probabilities of a network that hears each letter for one frame in four, in noise."""
    labels = torch.tensor([TOKENS.index(letter) for letter in text.replace(" ", "|")])
    places = frames * torch.arange(len(labels)) + 2
    scores = 1.3 * torch.randn(frames * len(labels) + 4, len(TOKENS), generator=torch.Generator().manual_seed(seed))
    scores[:, 0] += 5
    scores[places, labels] += 7.5
    scores[places, 0] -= 1
    return scores.log_softmax(1)


def _kenlm(model: language_model.Backoff, folder: Path, tokens: list[str]) -> KenLM:
    path = folder / f"{random.random()}.arpa"
    write_arpa(model, path)
    return KenLM(str(path), Dictionary(tokens))


def _flashlight_lexicon(beam: int, alpha: float, words: language_model.Backoff, known: list[str], folder: Path) -> Peer:
    model, root = _kenlm(words, folder, [*known, "<unk>"]), Trie(len(TOKENS), 1)
    start = model.start(False)
    for number, word in enumerate(known):
        root.insert([TOKENS.index(letter) for letter in word], number, model.score(start, number)[1])
    root.smear(SmearingMode.MAX)
    options = LexiconDecoderOptions(
        beam_size=beam, beam_size_token=len(TOKENS), beam_threshold=1e9, lm_weight=alpha * math.log(10),
        word_score=0.0, unk_score=-math.inf, sil_score=0.0, log_add=True, criterion_type=CriterionType.CTC,
    )  # fmt: skip
    decoder = LexiconDecoder(options, root, model, TOKENS.index("|"), 0, len(known), [], False)

    def decode(log_probs: torch.Tensor) -> list[int]:
        found = decoder.decode(log_probs.data_ptr(), *log_probs.shape)[0]
        text = "|".join(known[number] for number in found.words if number >= 0)
        return [TOKENS.index(letter) for letter in text]

    return decode
