"""The synthetic tasks: planted answers are where they should be, one seed makes one set, tunes are whole."""

from collections import defaultdict

import pytest
import torch

from course_utils.data import tasks, tunes


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    "make",
    [
        lambda g: tasks.name_sentences(5, g),
        lambda g: tasks.names_at([1, 3], 5, g),
        lambda g: tasks.dna(5, 30, "TATA", g),
        lambda g: tasks.recall(5, 6, g),
        lambda g: tasks.adding(5, 6, g),
        lambda g: tasks.parity(5, 6, g),
        lambda g: tasks.spelled_digits(5, 6, g),
    ],
)
def test_a_seed_makes_one_set_and_another_seed_another(make):
    first, again, other = make(seeded(1)), make(seeded(1)), make(seeded(2))
    for one, same in zip(first, again, strict=True):
        assert torch.equal(one, same) if isinstance(one, torch.Tensor) else one == same
    assert str(first) != str(other)


def test_every_word_of_a_sentence_has_a_label():
    sentences, labels = tasks.name_sentences(300, seeded())
    assert [len(words) for words in sentences] == [len(row) for row in labels]
    assert {label for row in labels for label in row} == {0, 1}
    assert min(map(len, sentences)) >= 5
    assert max(map(len, sentences)) <= 20  # what the picture that steps along a sentence has room for


def test_what_stands_before_a_word_decides_whether_it_is_a_name():
    seen = defaultdict(set)
    sentences, labels = tasks.name_sentences(5000, seeded(), invented=0)
    for words, row in zip(sentences, labels, strict=True):
        for t, label in enumerate(row):
            seen[tuple(words[: t + 1])].add(label)
    assert max(map(len, seen.values())) == 1


def test_some_words_are_names_in_one_place_only():
    seen = defaultdict(set)
    sentences, labels = tasks.name_sentences(2000, seeded(), invented=0)
    for words, row in zip(sentences, labels, strict=True):
        for word, label in zip(words, row, strict=True):
            seen[word].add(label)
    both = {word for word, found in seen.items() if len(found) == 2}
    assert {"rose", "may", "will", "mark", "april", "king", "stone"} <= both
    assert seen["sam"] == {1}
    assert seen["tuesday"] == {0}


def test_invented_words_are_as_frequent_as_asked():
    known = {word for words in tasks.WORDS.values() for word in words}
    known |= {word for clause in [*tasks.CLAUSES, *tasks.JOINTS] for word in clause.split()}
    sentences, _ = tasks.name_sentences(1000, seeded(), invented=0.5)
    slots = ("{given}", "{family}", "{flower}")
    expected = 0.5 * 1.4 * sum(clause.count(slot) for clause in tasks.CLAUSES for slot in slots) / len(tasks.CLAUSES)
    found = sum(word not in known for words in sentences for word in words) / len(sentences)
    assert found == pytest.approx(expected, rel=0.1)


def test_names_stand_where_they_were_asked_for():
    rows, labels = tasks.names_at([2, 5], 400, seeded())
    assert labels.shape == (400, 7)
    assert labels.sum(0)[[0, 2, 3, 5, 6]].tolist() == [0] * 5
    assert (labels.mean(0)[[1, 4]] - 0.5).abs().max() < 0.1
    for words, row in zip(rows, labels.tolist(), strict=True):
        assert [word in tasks.SALAD_NAMES for word in words] == [label == 1 for label in row]
    assert not set(tasks.SALAD_NAMES) & set(tasks.ORDINARY)
    assert tasks.names_at([1], 4, seeded(), length=3, share=1.0)[1].tolist() == [[1.0, 0.0, 0.0]] * 4


@pytest.mark.parametrize("motif", ["TATA", "A", "GGG", "ACGTACGT"])
def test_dna_is_labelled_where_the_motif_ends(motif):
    bases, labels = tasks.dna(50, 40, motif, seeded())
    for row, found in zip(bases.tolist(), labels.tolist(), strict=True):
        letters = "".join(tasks.BASES[base] for base in row)
        assert found == [float(letters[: t + 1].endswith(motif)) for t in range(40)]
    assert labels.sum(1).min() >= 1


def test_recall_begins_with_its_answer():
    inputs, answers = tasks.recall(60, 5, seeded())
    assert inputs.shape == (60, 6, 8)
    assert (inputs.sum(-1) == 1).all()
    symbols = inputs.argmax(-1)
    assert torch.equal(symbols[:, 0], answers)
    assert symbols[:, 1:].min() >= 4
    assert answers.unique().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("length", [2, 3, 10, 51])
def test_adding_marks_one_number_in_each_half(length):
    inputs, sums = tasks.adding(400, length, seeded())
    numbers, marks = inputs.unbind(2)
    assert (marks[:, : length // 2].sum(1) == 1).all()
    assert (marks[:, length // 2 :].sum(1) == 1).all()
    assert marks.sum(0).min() > 0  # each place at some time
    assert 0 <= numbers.min() < numbers.max() < 1
    torch.testing.assert_close(sums, (numbers * marks).sum(1))
    assert float(((sums - 1) ** 2).mean()) == pytest.approx(1 / 6, abs=0.03)


def test_parity_counts_the_ones():
    inputs, labels = tasks.parity(50, 9, seeded())
    assert inputs.unique().tolist() == [-1.0, 1.0]
    for row, found in zip(inputs[..., 0].tolist(), labels.tolist(), strict=True):
        assert found == [float(row[: t + 1].count(1.0) % 2) for t in range(9)]
    assert float(labels.mean()) == pytest.approx(0.5, abs=0.1)


def test_spelled_digits_are_the_digits():
    spelled, written = tasks.spelled_digits(300, 6, seeded(), shortest=2)
    for words, digits in zip(spelled, written, strict=True):
        assert [tasks.DIGITS[int(digit)] for digit in digits] == words.split(" ")
    assert {len(digits) for digits in written} == {2, 3, 4, 5, 6}
    assert set("".join(written)) == set("0123456789")


@pytest.mark.parametrize("name", tunes.TUNES)
def test_tunes_are_whole(name):
    notes = tunes.notes(tunes.TUNES[name])
    assert len(notes) >= 20
    assert sum(beats for _, beats in notes) % (3 if name.startswith("Row") else 4) == 0
    assert {pitch % 12 for pitch, _ in notes} <= {0, 2, 4, 5, 7, 9, 11}  # C major
    assert all(55 <= pitch <= 72 for pitch, _ in notes)
    assert notes[-1][0] == 60  # all end at home


def test_notes_are_read():
    assert tunes.notes(["||", "c4", "a4:0.5", "b3:2", "||"]) == [(60, 1.0), (69, 0.5), (59, 2.0)]


def test_the_sound_of_a_note_has_its_pitch():
    rate = 8000
    samples = tunes.sound([(69, 1.0)], rate, beats_per_minute=60)
    assert len(samples) == rate
    assert samples.abs().max() == pytest.approx(0.8)
    assert int(torch.fft.rfft(samples).abs().argmax()) == 440  # a second long: one bin is one hertz


def test_a_tune_lasts_as_long_as_its_beats():
    samples = tunes.sound([(60, 1.0), (64, 0.5), (67, 2.5)], 8000, beats_per_minute=120)
    assert len(samples) == 2 * 8000
    assert samples.isfinite().all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: tasks.name_sentences(0, seeded()), "count is 0"),
        (lambda: tasks.names_at([8], 3, seeded()), "position 8 is outside a row of 7"),
        (lambda: tasks.names_at([0], 3, seeded()), "count from 1"),
        (lambda: tasks.dna(3, 20, "TAXA", seeded()), "'TAXA' must be letters of ACGT"),
        (lambda: tasks.dna(3, 20, "", seeded()), "at least one"),
        (lambda: tasks.dna(3, 3, "TATA", seeded()), "does not fit into 3"),
        (lambda: tasks.recall(3, 0, seeded()), "lag is 0"),
        (lambda: tasks.adding(0, 9, seeded()), "count is 0"),
        (lambda: tasks.adding(3, 1, seeded()), "length is 1; two numbers are marked"),
        (lambda: tasks.parity(3, 0, seeded()), "length is 0"),
        (lambda: tasks.spelled_digits(3, 2, seeded(), shortest=3), "longest is 2 and shortest 3"),
        (lambda: tasks.spelled_digits(3, 2, seeded(), shortest=0), "shortest is 0"),
        (lambda: tunes.notes(["h4"]), "'h4' is no note"),
        (lambda: tunes.notes(["c4:0"]), "'c4:0' is no note"),
        (lambda: tunes.sound([]), "no notes"),
        (lambda: tunes.sound([(60, 1.0)], 100), "at least 3000 Hz"),
        (lambda: tunes.sound([(60, 1.0)], beats_per_minute=0), "0 beats"),
    ],
)
def test_bad_input_is_refused_with_the_rule(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
