"""Forced alignment against all alignments, against torchaudio's, and on paths that were planted."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchaudio.functional import forced_align as torchaudios
from torchaudio.functional import merge_tokens

from course_utils.algorithms import alignment, ctc

from .devices import devices

TARGETS = st.lists(st.integers(1, 3), max_size=5)


def numbers(seed, *shape, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def labels_of(states, target):
    return [ctc.extend(target)[state] for state in states.tolist()]


def along(log_probs, labels):
    return float(log_probs[torch.arange(len(labels)), torch.tensor(labels, dtype=torch.long)].sum())


@settings(max_examples=50)
@given(st.integers(0, 1000), st.lists(st.integers(1, 2), max_size=3), st.integers(0, 3))
def test_it_is_the_best_of_all_alignments(seed, target, more):
    T = ctc.minimum_frames(target) + more
    log_probs = 2 * numbers(seed, T, 3).log_softmax(1)
    states, score = alignment.forced_align(log_probs, target)
    best = max(ctc.alignments(target, T), key=lambda path: along(log_probs, path))
    assert labels_of(states, target) == list(best)
    assert score == pytest.approx(along(log_probs, best))


@settings(max_examples=60)
@given(st.integers(0, 1000), TARGETS.filter(len), st.integers(0, 20), st.sampled_from([torch.float32, torch.float64]))
def test_equal_to_torchaudio_in_path_score_and_spans(seed, target, more, dtype):
    T = ctc.minimum_frames(target) + more
    log_probs = numbers(seed, T, 4, dtype=dtype).log_softmax(1)
    states, score = alignment.forced_align(log_probs, target)
    path, scores = torchaudios(log_probs[None], torch.tensor([target]))
    assert labels_of(states, target) == path[0].tolist()
    assert score == pytest.approx(float(scores.sum()), rel=1e-5)
    spans = alignment.token_spans(log_probs, target, states)
    theirs = merge_tokens(path[0], scores[0])
    assert [(span.start, span.end, span.label) for span in spans] == [(s.start, s.end, s.token) for s in theirs]
    assert [span.score for span in spans] == pytest.approx([s.score for s in theirs], rel=1e-5)


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize(("T", "C", "U"), [(200, 30, 40), (1000, 60, 150)])
def test_equal_to_torchaudio_on_long_inputs(device, T, C, U):
    log_probs = numbers(T, T, C, dtype=torch.float32).log_softmax(1)
    target = torch.randint(1, C, (U,), generator=torch.Generator().manual_seed(0))
    states, score = alignment.forced_align(log_probs.to(device), target.to(device))
    path, scores = torchaudios(log_probs[None], target[None])
    assert states.device.type == device
    assert labels_of(states, target.tolist()) == path[0].tolist()
    assert score == pytest.approx(float(scores.sum()), rel=1e-5)


@given(st.integers(0, 1000), TARGETS, st.lists(st.integers(0, 3), min_size=11, max_size=11))
def test_a_planted_path_is_found(seed, target, durations):
    """Each state keeps its planted duration; blanks between equal labels, and labels, last at least one frame."""
    states = ctc.extend(target)
    planted = []
    for s, duration in enumerate(durations[: len(states)]):
        needed = s % 2 == 1 or (0 < s < len(states) - 1 and states[s - 1] == states[s + 1])
        planted += [s] * max(duration, needed)
    log_probs = (numbers(seed, len(planted), 4) * 0.1).log_softmax(1)
    if planted:
        log_probs[torch.arange(len(planted)), [states[s] for s in planted]] = 0.0
    found, score = alignment.forced_align(log_probs, target)
    assert found.tolist() == planted
    assert score == 0
    spans = alignment.token_spans(log_probs, target, found)
    assert [span.label for span in spans] == target
    assert [(span.start, span.end) for span in spans] == [
        (planted.index(s), planted.index(s) + planted.count(s)) for s in range(1, len(states), 2)
    ]
    assert all(span.score == 0 for span in spans)


def test_the_loss_counts_what_the_best_path_has_and_more():
    log_probs = numbers(0, 50, 6).log_softmax(1)
    target = [1, 1, 2, 5, 3]
    _, score = alignment.forced_align(log_probs, target)
    assert -score > ctc.ctc_loss(log_probs[None], torch.tensor([target]), [50], [5], reduction="sum")
    fewest = log_probs[: ctc.minimum_frames(target)]  # one path only, so the best is all
    _, score = alignment.forced_align(fewest, target)
    assert -score == pytest.approx(float(ctc.loss_by_enumeration(fewest, target)))


def test_of_equal_paths_it_takes_the_one_that_moves_latest():
    """Read from the end, it stays where it can, ends on the last label, and steps rather than skips."""
    states, _ = alignment.forced_align(torch.zeros(6, 3), [1, 2])
    path, _ = torchaudios(torch.zeros(1, 6, 3), torch.tensor([[1, 2]]))
    assert labels_of(states, [1, 2]) == path[0].tolist()
    assert states.tolist() == sorted(states.tolist())
    assert states[-1] == 3


def test_where_torchaudio_loses_a_tie():
    """At the last frame, b can be reached by a step and by a skip, equally well, and staying in it is worse."""
    log_probs = torch.tensor([[-9.0, 0.0, -3.0], [-1.0, -1.0, -5.0], [-4.0, -4.0, 0.0]])
    states, score = alignment.forced_align(log_probs, [1, 2])
    _, theirs = torchaudios(log_probs[None], torch.tensor([[1, 2]]))
    assert states.tolist() == [1, 2, 3]  # it steps
    assert score == -1
    assert float(theirs.sum()) < score


def test_odd_inputs():
    states, score = alignment.forced_align(torch.zeros(3, 2).log_softmax(1), [])
    assert states.tolist() == [0, 0, 0]
    assert score == pytest.approx(3 * torch.tensor(0.5).log().item())
    states, score = alignment.forced_align(torch.zeros(0, 2), torch.tensor([]))
    assert (states.tolist(), score) == ([], 0.0)
    assert alignment.token_spans(torch.zeros(0, 2), [], states) == []
    never = numbers(0, 5, 3).log_softmax(1)
    never[2, 1] = never[0, 0] = -torch.inf
    states, score = alignment.forced_align(never.requires_grad_(), [1, 2])
    assert score > -torch.inf
    half, _ = alignment.forced_align(never.detach().bfloat16(), [1, 2])
    assert half.tolist() == states.tolist()
    other, _ = alignment.forced_align(never.detach()[:, [1, 0, 2]], [0, 2], blank=1)
    assert other.tolist() == states.tolist()


@pytest.mark.parametrize(
    ("log_probs", "target", "message"),
    [
        (torch.zeros(6, 9), [1, 2, 3, 3, 4, 5, 6], "7 symbols with 1 repeat needs at least 8 frames; got 6"),
        (torch.zeros(0, 3), [1], "1 symbol with 0 repeats needs at least 1 frame; got 0"),
        (torch.zeros(4, 3), [1, 0], "the target has the label 0 in place 1; no target holds the blank, 0"),
        (torch.zeros(4, 3), [3], "label 3.*0 to 2"),
        (torch.zeros(4, 3), [1.5], "label 1.5.*whole numbers"),
        (torch.zeros(4, 3), torch.tensor([[1]]), r"label \[1\]"),
        (torch.zeros(1, 4, 3), [1], r"\(1, 4, 3\).*\(T, C\)"),
        (torch.full((4, 3), torch.nan), [1], "NaN.*frame 0"),
        (torch.full((4, 3), -torch.inf), [1], "every path of the target .* probability 0"),
    ],
)
def test_what_it_cannot_align_it_says(log_probs, target, message):
    with pytest.raises(ValueError, match=message):
        alignment.forced_align(log_probs, target)


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ([1, 1], "4 frames need one each"),
        ([1, 1, 2, 0], r"come as \[1\]; a path through \[1, 2\] visits \[1, 3\]"),  # symbols, not states
        ([0, 1, 3, 5], r"come as \[1, 3, 5\]"),
    ],
)
def test_spans_need_the_states_of_a_path(states, message):
    with pytest.raises(ValueError, match=message):
        alignment.token_spans(torch.zeros(4, 3), [1, 2], torch.tensor(states))
