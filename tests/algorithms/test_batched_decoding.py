import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.algorithms import decoding
from course_utils.algorithms.batched_decoding import prefix_beam_search_batch

from .devices import devices


def batch_of(B: int, T: int, C: int, seed: int, spread: float = 1.5, kind: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (spread * torch.randn(B, T, C, generator=generator, dtype=torch.float64)).log_softmax(2).to(kind)


def assert_same(found, expected, tolerance=1e-9):
    assert [h.labels for h in found] == [h.labels for h in expected]
    assert [h.frames for h in found] == [h.frames for h in expected]
    assert [h.score for h in found] == pytest.approx([h.score for h in expected], abs=tolerance)


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize("beam", [1, 4, 30])
def test_equals_the_search_of_one_utterance(device, beam):
    log_probs, lengths = batch_of(5, 14, 6, beam), torch.tensor([14, 9, 1, 0, 13])
    found = prefix_beam_search_batch(log_probs.to(device), lengths.to(device), beam)
    for hypotheses, scores, length in zip(found, log_probs, lengths, strict=True):
        assert_same(hypotheses, decoding.prefix_beam_search(scores[:length], beam))


@settings(max_examples=30)
@given(st.integers(0, 6), st.integers(1, 4), st.integers(1, 50), st.integers(0, 3), st.integers(0, 10**6))
def test_equals_it_on_any_size(T, C, beam, blank, seed):
    log_probs, blank = batch_of(2, T, C, seed), blank % C
    for hypotheses, scores in zip(prefix_beam_search_batch(log_probs, None, beam, blank), log_probs, strict=True):
        assert_same(hypotheses, decoding.prefix_beam_search(scores, beam, blank=blank))


def test_impossible_symbols_never_come():
    log_probs = batch_of(3, 6, 4, 0)
    log_probs[0, 2, 1:] = log_probs[1, :, 2] = log_probs[2, 3, 0] = -math.inf
    for hypotheses, scores in zip(prefix_beam_search_batch(log_probs, None, 12), log_probs, strict=True):
        assert_same(hypotheses, decoding.prefix_beam_search(scores, 12))


def test_padding_changes_nothing_and_order_follows():
    log_probs, lengths = batch_of(4, 10, 5, 1), torch.tensor([10, 4, 7, 2])
    expected = prefix_beam_search_batch(log_probs, lengths, 8)
    padded = torch.cat([log_probs, batch_of(4, 3, 5, 2)], dim=1)
    padded[torch.arange(13) >= lengths[:, None]] = -1e9
    assert prefix_beam_search_batch(padded, lengths, 8) == expected
    order = torch.tensor([2, 0, 3, 1])
    assert prefix_beam_search_batch(log_probs[order], lengths[order], 8) == [expected[i] for i in order]


def test_long_inputs_in_single_and_half_precision():
    log_probs = batch_of(2, 1000, 8, 3, 4.0)
    double = prefix_beam_search_batch(log_probs, None, 8)
    single = prefix_beam_search_batch(log_probs.float(), None, 8)
    for ours, expected in zip(single, double, strict=True):
        assert ours[0].labels == expected[0].labels
        assert ours[0].score == pytest.approx(expected[0].score, rel=1e-5)
    (half,) = prefix_beam_search_batch(log_probs[:1, :50].bfloat16(), None, 8)
    assert half[0].labels == prefix_beam_search_batch(log_probs[:1, :50], None, 8)[0][0].labels


def test_nothing_to_decode():
    assert prefix_beam_search_batch(torch.zeros(0, 4, 3)) == []
    (found,) = prefix_beam_search_batch(torch.zeros(1, 0, 3))
    assert [(h.labels, h.score) for h in found] == [((), 0.0)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"log_probs": torch.zeros(2, 3)}, r"give \(B, T, C\)"),
        ({"log_probs": torch.full((1, 2, 3), torch.nan)}, "NaN"),
        ({"lengths": torch.tensor([3])}, "between 0 and 2"),
        ({"beam": 0}, "beam is 0"),
        ({"blank": -1}, "blank is -1"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        prefix_beam_search_batch(**({"log_probs": torch.zeros(1, 2, 3)} | arguments))
