"""The small translators: coins at their ends, planted mistakes, what follows them, and the desk."""

import re
from typing import Any

import pytest
import torch

from course_utils.algorithms import beam
from course_utils.data import chinese
from course_utils.experiments import translating

LEARN, UNSEEN = chinese.split()


@pytest.fixture(scope="module")
def translator():
    """One that has learned eight sentences by heart."""
    return translating.train(1.0, 0, LEARN[:8], LEARN[:8], updates=60, every=20)


def test_eight_sentences_are_learned_by_heart(translator):
    assert translator.updates == [20, 40, 60]
    assert translator.right[-1] == 1
    for one in LEARN[:8]:
        found = translating.translate(translator.model, one.english)
        assert str(found) == one.chinese
        assert found.characters[-1] == "<eos>"
        assert min(found.probabilities) > 0.5


def test_greedy_is_the_packages(translator):
    english = UNSEEN[0].english
    tokens = translating.WORDS.encode(english.split())[None]
    with torch.no_grad():
        start = translator.model.start(tokens, torch.tensor([tokens.shape[1]]))
        expected = beam.greedy(translator.model.decoder.step, start, 1, 2, translating.LONGEST)[0]
    found = translating.translate(translator.model, english)
    assert [translating.CHARACTERS.index(one) for one in found.characters if one != "<eos>"] == expected.tokens.tolist()
    assert torch.tensor(found.probabilities).log().sum() == pytest.approx(expected.log_prob, abs=1e-3)


def test_a_forced_character_stands_where_it_was_forced(translator):
    found = translating.translate(translator.model, chinese.LIFE, {0: "西", 3: "茶"})
    assert (found.characters[0], found.characters[3]) == ("西", "茶")


def test_a_batch_writes_what_each_sentence_writes(translator):
    asked, siberia = translating.batch(LEARN[:4]), torch.full((4,), translating.CHARACTERS.index("西"))
    for forced, told in ((None, {}), (siberia, {1: "西"})):
        rows = translating.write(translator.model, asked, forced, 1)
        for row, one in zip(rows, LEARN[:4], strict=True):
            alone = translating.translate(translator.model, one.english, told).characters[: len(row)]
            assert [translating.CHARACTERS[token] for token in row][: len(alone)] == alone


def test_the_same_seed_trains_the_same_model_and_every_ratio_trains():
    models = [translating.train(0.5, 3, LEARN[:8], updates=3).model for _ in range(2)]
    for one, other in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(one, other)
    asked = []
    translating.train(lambda update: asked.append(update) or 0.0, 3, LEARN[:8], updates=4)
    assert asked == [0, 1, 2, 3]


class Deaf(torch.nn.Module):
    """Writes the truth whatever it reads, or echoes what it read, for a test of the measurement alone."""

    def __init__(self, asked: Any, echoes: bool):
        super().__init__()
        self.asked, self.echoes, self.decoder = asked, echoes, self

    def start(self, inputs, lengths):
        return 0, None

    def step(self, tokens, state):
        u, wrong = state
        truth = self.asked.targets[:, u]
        before = torch.full_like(truth, 1) if u == 0 else self.asked.targets[:, u - 1]
        wrong = tokens != before if wrong is None else wrong | (tokens != before)
        written = torch.where(wrong, 3 + (truth - 2) % 90, truth) if self.echoes else truth
        return torch.nn.functional.one_hot(written, 97).float(), None, (u + 1, wrong)


@pytest.mark.parametrize(("never_recovers", "lost"), [(False, 0.0), (True, 1.0)])
def test_who_ignores_a_mistake_loses_nothing_and_who_never_recovers_all(never_recovers, lost):
    asked = translating.batch(LEARN[:20])
    model: Any = Deaf(asked, never_recovers)
    found = translating.after_a_mistake(model, asked, seed=0, most=4)
    torch.testing.assert_close(found.lost, torch.full((4,), lost))
    assert (found.edits > 0.5) == never_recovers


def test_share_right_counts_characters_or_sentences(translator):
    asked = translating.batch(LEARN[:8])
    for ratio in (0.0, 1.0):
        assert translating.share_right(translator.model, asked, ratio) == 1
    fresh = translating.translator()
    assert translating.share_right(fresh, asked, 0.0, whole=True) == 0


def test_agreement_is_a_half_for_who_does_not_care():
    model, polite = translating.translator(), chinese.polite_sentences()
    with torch.no_grad():
        you = [translating.CHARACTERS.index(one) for one in ("你", chinese.POLITE)]
        model.decoder.output.weight[you] = 0.0
        model.decoder.output.bias[you] = torch.tensor([1.0, 0.0])
    assert translating.agreement(model, polite) == pytest.approx(0.5, abs=1e-5)  # 0.73 for one, 0.27 for the other


def test_the_desk_shows_what_translate_writes(translator):
    desk = translating.desk({"ratio 1": translator.model}, LEARN[:3], forced=[[0, translating.CHARACTERS.index("西")]])
    expected = translating.translate(translator.model, LEARN[0].english, {0: "西"})
    assert " ".join(chinese.PINYIN.get(one, one) for one in expected.characters) in desk.caption()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: translating.translate(model, "life is a bagel"), "does not know 'bagel'"),
        (lambda model: translating.translate(model, chinese.LIFE, {0: "龙"}), "cannot write '龙'"),
    ],
)
def test_bad_input_is_named(translator, call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call(translator.model)
