"""Tokens, vocabularies, one-hot vectors, padding and masks: small tables that a person can compute."""

from typing import cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data.text import PAD, UNK, Vocabulary, mask, one_hot, pad, tokenize


@pytest.mark.parametrize(
    ("sentence", "tokens"),
    [
        ("Sam Li and Tom date on Tuesday.", ["sam", "li", "and", "tom", "date", "on", "tuesday"]),
        ("  Don't STOP, Zoë-Marie!  ", ["don't", "stop", "zoë-marie"]),
        ("“Three”, one... four?", ["three", "one", "four"]),
        ("the 'end'", ["the", "end"]),
        ("李 and 王", ["李", "and", "王"]),
        ("", []),
        (" .!? ", []),
    ],
)
def test_tokenize(sentence, tokens):
    assert tokenize(sentence) == tokens


def test_entries_are_padding_unknown_and_then_sorted():
    vocabulary = Vocabulary(["tom", "and", "sam", "and"])
    assert list(vocabulary) == [PAD, UNK, "and", "sam", "tom"]
    assert len(vocabulary) == 5
    assert "sam" in vocabulary
    assert "li" not in vocabulary
    assert [vocabulary.index(token) for token in ("and", "li", PAD)] == [2, 1, 0]


def test_encoding_there_and_back():
    vocabulary = Vocabulary(["tom", "and", "sam"])
    indices = vocabulary.encode(["sam", "li", "and", "tom"])
    assert indices.tolist() == [3, 1, 2, 4]
    assert indices.dtype == torch.long
    assert vocabulary.decode(indices) == ["sam", UNK, "and", "tom"]
    assert vocabulary.encode([]).shape == (0,)
    assert vocabulary.encode([]).dtype == torch.long


def test_rare_tokens_get_no_entry():
    vocabulary = Vocabulary(list("abacba"), least=2)
    assert list(vocabulary) == [PAD, UNK, "a", "b"]


def test_reserved_entries_stand_once():
    assert list(Vocabulary([UNK, PAD, "a"])) == [PAD, UNK, "a"]


@given(st.lists(st.text(min_size=1, max_size=3), max_size=20))
def test_known_tokens_come_back(tokens):
    vocabulary = Vocabulary(tokens)
    assert vocabulary.decode(vocabulary.encode(tokens)) == tokens
    assert len(vocabulary) == len({PAD, UNK, *tokens})


def test_one_hot():
    expected = torch.tensor([[[0.0, 0, 1], [1, 0, 0]], [[0, 1, 0], [0, 0, 1]]])
    torch.testing.assert_close(one_hot(torch.tensor([[2, 0], [1, 2]]), 3), expected)
    assert one_hot(torch.empty(0, dtype=torch.long), 3).shape == (0, 3)


@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=6), min_size=1, max_size=5))
def test_padding_and_its_mask(sequences):
    batch, lengths = pad([torch.tensor(sequence) for sequence in sequences])
    real = mask(lengths)
    assert lengths.tolist() == [len(sequence) for sequence in sequences]
    assert batch.shape == real.shape == (len(sequences), max(map(len, sequences)))
    assert [row[: len(sequence)] for row, sequence in zip(batch.tolist(), sequences, strict=True)] == sequences
    assert (batch[~real] == 0).all()
    assert batch[real].tolist() == [number for sequence in sequences for number in sequence]


def test_padding_vectors_with_a_value_of_ones_own():
    batch, lengths = pad([torch.ones(1, 2), torch.zeros(3, 2)], value=-1)
    assert batch[0].tolist() == [[1, 1], [-1, -1], [-1, -1]]
    assert lengths.tolist() == [1, 3]


def test_a_mask_may_be_wider():
    assert mask(torch.tensor([0, 2]), 3).tolist() == [[False, False, False], [True, True, False]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Vocabulary("sam"), "one string 'sam'"),
        (lambda: Vocabulary(cast("list[str]", ["sam", 3])), "a token is a string; got 3"),
        (lambda: Vocabulary(["sam"]).encode("sam"), "tokenize it first"),
        (lambda: Vocabulary(["sam"]).decode([0, 3]), "index 3 has no entry.*0 to 2"),
        (lambda: Vocabulary(["sam"]).decode([-1]), "index -1 has no entry"),
        (lambda: one_hot(torch.tensor([0.0]), 2), "float32.*whole numbers"),
        (lambda: one_hot(torch.tensor([0, 2]), 2), "from 0 to 2; 2 rows have 0 to 1"),
        (lambda: one_hot(torch.tensor([-1]), 2), "from -1 to -1"),
        (lambda: pad([]), "no sequences"),
        (lambda: pad([torch.tensor(1)]), "first dimension"),
        (lambda: pad([torch.ones(2, 3), torch.ones(2, 4)]), r"\(2, 3\), \(2, 4\)"),
        (lambda: mask(torch.tensor([1.5])), "whole numbers"),
        (lambda: mask(torch.tensor([], dtype=torch.long)), r"shape \(0,\)"),
        (lambda: mask(torch.tensor([4]), 3), "from 4 to 4; they must lie in 0 to 3"),
        (lambda: mask(torch.tensor([-1])), "from -1"),
    ],
)
def test_bad_input_is_refused_with_the_rule(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
