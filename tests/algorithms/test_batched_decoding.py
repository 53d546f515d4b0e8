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
    assert all(h.acoustic == h.score and h.language == 0 for h in found)


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
    for beam in (12, 300):  # more places than there are prefixes
        for hypotheses, scores in zip(prefix_beam_search_batch(log_probs, None, beam), log_probs, strict=True):
            assert_same(hypotheses, decoding.prefix_beam_search(scores, beam))


def test_a_frame_that_leaves_no_path_is_named():
    log_probs = batch_of(3, 6, 4, 0)
    log_probs[1, 4] = -math.inf
    with pytest.raises(ValueError, match="utterance 1 leaves no path"):
        prefix_beam_search_batch(log_probs)
    prefix_beam_search_batch(log_probs, [6, 4, 6])  # in padding it harms nobody


def test_padding_changes_nothing_and_order_follows():
    log_probs, lengths = batch_of(4, 10, 5, 1), torch.tensor([10, 4, 7, 2])
    expected = prefix_beam_search_batch(log_probs, lengths, 8)
    padded = torch.cat([log_probs, batch_of(4, 3, 5, 2)], dim=1)
    padded[torch.arange(13) >= lengths[:, None]] = math.nan
    assert prefix_beam_search_batch(padded, lengths.tolist(), 8) == expected
    order = torch.tensor([2, 0, 3, 1])
    assert prefix_beam_search_batch(log_probs[order], lengths[order], 8) == [expected[i] for i in order]


def test_prefixes_that_differ_in_a_label_of_long_ago_are_told_apart():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(5, 160, 4, generator=generator, dtype=torch.float64)
    scores[:, 1::2, 0] += 16  # a blank after each of 80 labels
    planted = torch.randint(1, 4, (5, 160), generator=generator)
    scores += 6 * torch.nn.functional.one_hot(planted, 4)
    scores[:, 0] = torch.tensor([0.0, 20.1, 20.0, 0.0])  # the first of them may be either of two
    log_probs = scores.log_softmax(2)
    for hypotheses, frames in zip(prefix_beam_search_batch(log_probs, None, 6), log_probs, strict=True):
        assert {h.labels[0] for h in hypotheses} == {1, 2}
        assert_same(hypotheses, decoding.prefix_beam_search(frames, 6))


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
