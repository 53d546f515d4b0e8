"""The clinic: each broken run shows its symptom, each mended one has lost it, and the pictures say so."""

import math
import re
from dataclasses import replace

import pytest
import torch

from course_utils.experiments import clinic
from course_utils.experiments.clinic import CASES, Record, Setting
from course_utils.visuals import plots

FEW = 12  # updates that suffice where a symptom shows at once


def short(name: str, how: str, updates: int = FEW) -> Record:
    return clinic.train(replace(CASES[name][how], updates=updates))


def test_a_network_that_is_stopped_too_early_says_blank():
    ill, well = clinic.run("only blanks"), clinic.run("only blanks", "mended")
    assert min(ill.blanks[-10:]) > 0.95
    assert ill.wrong["training"][-1] == 1.0
    assert sum(ill.losses[-10:]) < sum(ill.losses[-30:-20])  # it only wants more time
    assert well.wrong["training"][-1] < 0.2
    assert max(well.blanks[-20:]) < 0.99
    assert well.checks == [20, 40, 60, 80, 100]
    assert len(well.losses) == len(well.blanks) == len(well.norms) == 100


def test_a_network_that_hears_nothing_knows_no_more_than_chance():
    ill = clinic.run("only blanks", "deaf")
    assert ill.wrong["training"][-1] > 0.8
    assert min(ill.blanks[10:]) > 0.9
    assert sum(ill.losses[-20:]) / 20 > clinic.least_loss(ill.setting) - 0.2
    assert clinic.least_loss(ill.setting) == pytest.approx(math.log(10))


def test_words_longer_than_their_frames_make_the_loss_infinite_or_are_passed_over():
    ill, hushed = short("too long", "broken"), short("too long", "hushed", 20)
    assert ill.losses[-1] == math.inf
    assert ill.stopped.startswith("stopped at update")
    assert ill.impossible == hushed.impossible > 0.3
    assert all(map(math.isfinite, hushed.losses))
    assert hushed.wrong["training"][-1] >= hushed.impossible  # whatever it learns
    sets = clinic.examples(1.0, 4, True, "many")
    assert all(len(x) > len(labels) for x, labels in sets["training"])


def test_twice_is_harmless_and_softmax_of_softmax_is_not():
    once, twice, of_softmax, none = (short("softmax", how) for how in ("mended", "twice", "broken", "none"))
    assert twice.losses[:5] == pytest.approx(once.losses[:5], rel=1e-3)
    assert twice.norms[:5] == pytest.approx(once.norms[:5], rel=1e-2)
    assert min(of_softmax.losses) > clinic.least_loss(of_softmax.setting) > once.losses[-1]
    assert none.losses[0] < 0  # no probability has a negative -log
    scores = torch.randn(3, 5)
    torch.testing.assert_close(scores.log_softmax(-1).log_softmax(-1), scores.log_softmax(-1))


def test_the_least_loss_is_one_even_for_scores_that_could_not_be_better():
    """Softmax that is as sure as can be: 1 for the blank in some frames and for the word in others."""
    best = torch.zeros(6, 1, 11)
    best[:5, 0, 0] = best[5, 0, 3] = 1.0
    loss = torch.nn.functional.ctc_loss(best.log_softmax(-1), torch.tensor([3]), torch.tensor([6]), torch.tensor([1]))
    two = 2 * math.e
    assert float(loss) > 6 * math.log((two + 9) / two)


def test_an_explosion_ends_and_clipping_prevents_it():
    ill, well = clinic.run("explosion"), clinic.run("explosion", "mended")
    assert not math.isfinite(ill.losses[-1])
    assert ill.stopped
    assert max(ill.norms) > 3 * max(well.norms)
    assert not well.stopped
    assert well.losses[-1] < 3


def test_shared_voices_flatter():
    ill, well = clinic.run("voices"), clinic.run("voices", "mended")
    assert ill.losses == well.losses  # the same training: only what we believe of it changes
    assert ill.wrong["test"] == well.wrong["test"]
    assert ill.wrong["validation"][-1] < ill.wrong["test"][-1] / 2
    assert well.wrong["validation"][-1] > 0.6 * well.wrong["test"][-1]


def test_nobody_elses_chance_is_touched_and_a_seed_repeats():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first, again = (clinic.train(Setting(updates=3), seed=4) for _ in range(2))
    assert torch.equal(torch.rand(2), expected)
    assert first.losses == again.losses
    assert first.losses != clinic.train(Setting(updates=3), seed=5).losses


def test_the_figure_tells_each_run():
    ill = Record(Setting(), [3.0, math.nan], [1.0, 1.0], [4.0], [], stopped="stopped at update 2")
    well = Record(
        Setting(), [3.0, 1.0], [1.0, 0.8], [4.0, 2.0], [2], {"training": [0.1], "validation": [0.2], "test": [0.3]}
    )
    figure = plots.clinic({"broken": ill, "mended": well}, least=0.5, title="a case")
    told = plots.alt_text(figure)
    assert "2 training runs" in told
    assert "broken: 2 updates, its loss ends at 3, 100 per cent of the frames say blank; stopped at update 2." in told
    assert "mended: 2 updates, its loss ends at 2, 90 per cent of the frames say blank, 10 per cent of training" in told
    assert "No loss can be below 0.5." in told
    assert [ax.get_ylabel() for ax in figure.axes][2:] == ["norm of the gradient", "words wrong"]
    assert figure.axes[0].get_yscale() == "log"
    negative = Record(Setting(), [-3.0, -9.0], [1.0, 1.0], [4.0, 4.0])
    assert plots.clinic({"none": negative}, training=False).axes[0].get_yscale() == "symlog"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: clinic.run("cold"), "there is no 'broken' of 'cold' in the clinic; there are only blanks: broken,"),
        (lambda: clinic.run("voices", "healed"), "there is no 'healed' of 'voices'"),
        (lambda: plots.clinic({}), "there are no runs to draw"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
