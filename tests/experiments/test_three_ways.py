"""Three recognisers in one network: the loss is torch's, scores are sums over paths, strings are learned."""

import math
from itertools import product

import pytest
import torch
from torch import nn

from course_utils import recogniser
from course_utils.algorithms import features
from course_utils.algorithms.seq2seq import shift
from course_utils.data import text
from course_utils.data.corpora import Utterance
from course_utils.experiments import three_ways
from course_utils.experiments.three_ways import LABELS, Batches, ThreeWays


def utterance(said: str, seconds: float = 0.0) -> Utterance:
    """Return noises for words, each word its own, with pauses."""
    pieces = [torch.zeros(800)]
    for word in said.split():
        t = torch.arange(2400) / 8000
        k = LABELS.index(word)
        pieces += [0.3 * torch.sin(2 * math.pi * (200 + 250 * k) * t), torch.zeros(800)]
    samples = torch.cat(pieces)
    return Utterance(said, samples[: round(8000 * seconds) or None], said, "a", "none")


FOUR = [utterance(said) for said in ("one", "two two", "three nine one", "five")]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return ThreeWays(units=16).eval()


@pytest.fixture(scope="module")
def batch():
    return next(iter(Batches(FOUR, 0, size=4)))


def test_the_loss_is_torchs(model, batch):
    heard = model.encoder(batch.inputs, batch.lengths)
    log_probs = model.log_probs(heard).transpose(0, 1)
    by_ctc = nn.functional.ctc_loss(log_probs, batch.targets, heard.lengths, batch.target_lengths)
    ended = nn.functional.pad(batch.targets, (0, 1))
    logits, _, _ = model.decoder(shift(ended, 0), model.decoder.start(heard))
    real = text.mask(batch.target_lengths + 1, ended.shape[1])
    by_attention = nn.functional.cross_entropy(logits[real], ended[real])
    for weight in (0.0, 0.3, 1.0):
        found = three_ways.joint_loss(model, batch, weight)
        torch.testing.assert_close(found, weight * by_ctc + (1 - weight) * by_attention)


def test_each_way_trains_its_own_head(model, batch):
    for weight, silent in ((1.0, "decoder"), (0.0, "frame")):
        model.zero_grad()
        three_ways.joint_loss(model, batch, weight).backward()
        for name, parameter in model.named_parameters():
            assert (parameter.grad is None) == name.startswith(silent)
    model.zero_grad()


def test_scores_are_log_probabilities_of_texts(model):
    """CTC's by all paths of a short sound; the decoder's by one step after the other; whoever stands beside them."""
    waves = [utterance("one", 0.3).samples, FOUR[2].samples]
    [(rows, heard)] = three_ways.hear(model, waves)
    assert rows == [0, 1]
    texts = [(1,), (2, 2), (), (3, 9, 1)]
    with torch.no_grad():
        frames, words = three_ways.scores(model, heard, [0, 0, 0, 1], texts)
        log_probs = model.log_probs(heard)[0, : heard.lengths[0]]
        state = model.decoder.start(heard).select(torch.tensor([1]))
        total = 0.0
        for last, following in zip((0, 3, 9, 1), (3, 9, 1, 0), strict=True):
            step, _, state = model.decoder.step(torch.tensor([last]), state)
            total += float(step[0, following])
    paths = [
        p
        for p in product((0, 1), repeat=len(log_probs))
        if "".join(map(str, p)).strip("0") in ("1", "11", "111", "1111")
    ]
    mass = sum(math.exp(sum(float(log_probs[t, c]) for t, c in enumerate(p))) for p in paths)
    assert float(frames[0]) == pytest.approx(math.log(mass), abs=1e-4)
    assert float(frames[2]) == pytest.approx(float(log_probs[:, 0].sum()), abs=1e-4)
    assert float(words[3]) == pytest.approx(total, abs=1e-4)


def test_the_joint_text_is_the_best_of_the_candidates(model):
    [(_, heard)] = three_ways.hear(model, [one.samples for one in FOUR])
    with torch.no_grad():
        for weight in (0.0, 0.4, 1.0):
            chosen = three_ways.jointly(model, heard, weight)
            for b, (drafts, path) in enumerate(
                zip(three_ways.drafts(model, heard), three_ways.by_ctc(model, heard), strict=True)
            ):
                some = [*drafts, path]
                frames, words = three_ways.scores(model, heard, [b] * len(some), some)
                best = (weight * frames.clamp(min=-1e9) + (1 - weight) * words).max()
                frames, words = three_ways.scores(model, heard, [b], [chosen[b]])
                torch.testing.assert_close((weight * frames.clamp(min=-1e9) + (1 - weight) * words)[0], best)


def test_it_learns_four_strings_by_heart():
    batches = Batches(FOUR, 0, size=4)
    model, history = three_ways.train(batches, 0.5, updates=120, seed=1)
    waves, said = [one.samples for one in FOUR], [one.text for one in FOUR]
    assert history.losses[-1] < 0.1 < history.losses[0]
    for way in three_ways.WAYS:
        assert three_ways.transcribe(model, waves, way) == said
    further, _ = three_ways.train(batches, 1.0, updates=1, begin=model)
    assert any((a != b).any() for a, b in zip(further.parameters(), model.parameters(), strict=True))
    assert three_ways.transcribe(model, waves, "CTC") == said  # the one it began with is as it was


def test_what_takes_a_recogniser_takes_it(model):
    wave = FOUR[2].samples
    [log_probs] = recogniser.posteriors(model, [wave])
    assert log_probs.shape == (-(-(len(features.log_mel(wave)) + 40) // 8), len(LABELS))
    torch.testing.assert_close(log_probs.exp().sum(1), torch.ones(len(log_probs)))
    assert model.encode("nine zero") == [10, 1]
    assert model.frame_seconds == pytest.approx(0.08)


def test_padding_and_order_change_nothing(model):
    waves = [one.samples for one in FOUR]
    alone = [three_ways.transcribe(model, [wave], "joint")[0] for wave in waves]
    assert three_ways.transcribe(model, waves, "joint") == alone
    assert three_ways.transcribe(model, waves[::-1], "joint") == alone[::-1]


def test_batches_hold_what_was_said():
    rows = [FOUR[k % 4] for k in range(21)]
    batches = Batches(rows, 0, size=4)
    seen = [batch for _ in range(2) for batch in batches]
    assert len(batches) == 5
    assert len(seen) == 10
    spectra = {tuple(three_ways.encode(one.text)): len(features.log_mel(one.samples)) for one in FOUR}
    for inputs, lengths, targets, counts in seen:
        for x, T, y, U in zip(inputs, lengths, targets, counts, strict=True):
            assert spectra[tuple(y[:U].tolist())] == T
            assert float((3 * x[:T]).exp().mean()) == pytest.approx(math.exp(3), rel=1e-3)  # one mean power for all


@pytest.mark.parametrize("change", three_ways.CHANGES)
def test_changes_change(change):
    spectra, lengths = text.pad([features.log_mel(one.samples) for one in FOUR])
    plain, _ = three_ways.changed(spectra, lengths, [], torch.Generator())
    generator = torch.Generator().manual_seed(0)
    found, longer = three_ways.changed(spectra, lengths, [change], generator)
    assert (longer != lengths).any() == (change == "speed")
    assert found.shape != plain.shape or (found - plain).abs().max() > 0.1
    assert found.isfinite().all()


def test_a_recording_is_trimmed():
    quiet = torch.zeros(8000)
    loud = torch.sin(torch.arange(4000) / 3)
    found = three_ways.trimmed(torch.cat([quiet, loud, quiet]))
    assert 4000 <= len(found) <= 4000 + 2 * 1200
    assert found.abs().max() > 0.9
    assert len(three_ways.trimmed(quiet)) == 8000


def test_what_is_unknown_is_named():
    with pytest.raises(ValueError, match="eleven in 'one eleven'"):
        three_ways.encode("one eleven")
    with pytest.raises(ValueError, match="no change echo"):
        Batches(FOUR, 0, ["echo"])
