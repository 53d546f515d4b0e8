"""Wrong answers to the exercises of lesson 08, as people write them, each refused for its own reason."""

import pytest
import torch

from course_utils.algorithms import recurrent, seq2seq, teacher_forcing
from course_utils.teaching.checks import grade
from course_utils.teaching.checks.registry import find

from .toys import each_wrong


def run(step, state, read_at, U):
    found = []
    for u in range(U):
        log_probs, state = step(read_at(u, found), state)
        found.append(log_probs)
    return torch.stack(found, dim=1)


def only_truth(step, state, targets, sos, forced):
    shifted = seq2seq.shift(targets, sos)
    return run(step, state, lambda u, _: shifted[:, u], targets.shape[1])


def only_itself(step, state, targets, sos, forced):
    first = torch.full((len(targets),), sos)
    return run(step, state, lambda u, found: found[-1].argmax(1) if u else first, targets.shape[1])


def mixed(shifted, turned=False, choose=torch.argmax):
    def answer(step, state, targets, sos, forced):
        rows = shifted(targets, sos)

        def read(u, found):
            if u == 0:
                return rows[:, 0]
            coin = ~forced[:, u] if turned else forced[:, u]
            return torch.where(coin, rows[:, u], choose(found[-1], dim=1))

        return run(step, state, read, targets.shape[1])

    return answer


inverted = mixed(seq2seq.shift, turned=True)
unlikeliest = mixed(seq2seq.shift, choose=torch.argmin)
not_shifted = mixed(lambda targets, sos: targets)
rolled = mixed(lambda targets, sos: targets.roll(1, dims=1))


def sos_then_unshifted(targets, sos):
    rows = targets.clone()
    rows[:, 0] = sos
    return rows


answers_behind_sos = mixed(sos_then_unshifted)


def state_lost(step, state, targets, sos, forced):
    own, found = torch.full((len(targets),), sos), []
    for u in range(targets.shape[1]):
        read = torch.where(forced[:, u], targets[:, u - 1], own) if u else own
        log_probs, _ = step(read, state)
        own = log_probs.argmax(1)
        found.append(log_probs)
    return torch.stack(found, 1)


def a_coin_a_sentence(step, state, targets, sos, forced):
    return mixed(seq2seq.shift)(step, state, targets, sos, forced[:, :1].expand_as(forced))


def wraps_round(step, state, targets, sos, forced):
    own, found = torch.full((len(targets),), sos), []
    for u in range(targets.shape[1]):
        log_probs, state = step(torch.where(forced[:, u], targets[:, u - 1], own), state)
        own = log_probs.argmax(1)
        found.append(log_probs)
    return torch.stack(found, 1)


def first_answer(targets, sos):
    rows = seq2seq.shift(targets, sos)
    rows[:, 0] = targets[:, 0]
    return rows


from_the_answer = mixed(first_answer)
from_zero = mixed(lambda targets, sos: seq2seq.shift(targets, 0))


def as_probabilities(step, state, targets, sos, forced):
    return mixed(seq2seq.shift)(step, state, targets, sos, forced).exp()


def time_first(step, state, targets, sos, forced):
    return mixed(seq2seq.shift)(step, state, targets, sos, forced).transpose(0, 1)


def crashes(step, state, targets, sos, forced):
    raise RuntimeError("expected scalar type Long")


def writes_into_the_targets(step, state, targets, sos, forced):
    found = mixed(seq2seq.shift)(step, state, targets, sos, forced)
    targets[:] = found.argmax(-1)
    return found


def none(*arguments):
    return None


def up(update, updates, least):
    return min(1, least + update / updates * (1 - least))


def endless(update, updates, least):
    return 1 + (least - 1) * update / updates


def floor(update, updates, least):
    return least if 1 - update / updates < least else 1 - update / updates


def by_the_least(update, updates, least):
    return 1 - least * min(1, update / updates)


def whole(update, updates, least):
    return max(least, 1 - update // updates * (1 - least))


def down_to_0(update, updates, least):
    return max(0, 1 - update / updates * (1 - least))


def no_least(update, updates, least):
    return max(0, 1 - update / updates)


def counts_from_1(update, updates, least):
    return max(least, 1 - (update + 1) / updates * (1 - least))


def like_linspace(update, updates, least):
    return torch.linspace(1, least, updates, dtype=torch.float64)[min(update, updates - 1)].item()


def constant(update, updates, least):
    return (1 + least) / 2


def over_everybody(written, targets, lengths, place):
    real = torch.arange(targets.shape[1]) < lengths[:, None]
    return ((written != targets) & real)[:, place + 1 :].sum(0) / len(written)


def unmasked(written, targets, lengths, place):
    return (written != targets).float().mean(0)[place + 1 :]


def mistake_too(written, targets, lengths, place):
    real = torch.arange(targets.shape[1]) < lengths[:, None]
    return (((written != targets) & real).sum(0) / real.sum(0))[place:]


def right(written, targets, lengths, place):
    real = torch.arange(targets.shape[1]) < lengths[:, None]
    return (((written == targets) & real).sum(0) / real.sum(0))[place + 1 :]


def sums(written, targets, lengths, place):
    real = torch.arange(targets.shape[1]) < lengths[:, None]
    return ((written != targets) * real).sum(0)[place + 1 :]


def no_eos(written, targets, lengths, place):
    real = torch.arange(targets.shape[1]) < lengths[:, None] - 1
    return (((written != targets) & real).sum(0) / real.sum(0))[place + 1 :]


def no_eos_and_no_nan(written, targets, lengths, place):
    real = torch.arange(targets.shape[1]) < lengths[:, None] - 1
    return (((written != targets) & real).sum(0) / real.sum(0).clamp(min=1))[place + 1 :]


def masked_below_alone(written, targets, lengths, place):
    real = torch.arange(targets.shape[1]) < lengths[:, None]
    return ((written != targets).sum(0) / real.sum(0))[place + 1 :]


def so_far(written, targets, lengths, place):
    real = torch.arange(targets.shape[1]) < lengths[:, None]
    wrong = ((written != targets) & real)[:, place + 1 :]
    shares = [wrong[:, :n].sum() / real[:, place + 1 :][:, :n].sum() for n in range(1, wrong.shape[1] + 1)]
    return torch.stack(shares)


def one_number(written, targets, lengths, place):
    return with_a_mean_of_the_real_ones(written, targets, lengths, place).mean()


def over_places(written, targets, lengths, place):
    real = torch.arange(targets.shape[1]) < lengths[:, None]
    return ((written != targets) & real)[:, place + 1 :].sum(1) / real[:, place + 1 :].sum(1)


def not_a_number(written, targets, lengths, place):
    return torch.full((targets.shape[1] - place - 1,), float("nan"))


def in_two(second, first=lambda targets, sos: seq2seq.shift(targets, sos)):
    """Return an answer that reads ``second(truth, own, forced, sos)`` in its second pass."""

    def answer(decode, targets, sos, forced):
        own = decode(first(targets, sos)).argmax(dim=2)
        return decode(second(seq2seq.shift(targets, sos), own, forced, sos))

    return answer


def behind_sos(own, sos):
    rows = own.clone()
    rows[:, 0] = sos
    return rows


def mixed_then_shifted(decode, targets, sos, forced):
    own = decode(seq2seq.shift(targets, sos)).argmax(-1)
    return decode(seq2seq.shift(torch.where(forced, targets, own), sos))


def never_shifted(decode, targets, sos, forced):
    own = decode(seq2seq.shift(targets, sos)).argmax(-1)
    return decode(torch.where(forced, targets, own))


def token_by_token(decode, targets, sos, forced):
    read = seq2seq.shift(targets, sos)
    for u in range(targets.shape[1] - 1):
        own = decode(read)[:, u].argmax(-1)
        read = read.clone()
        read[:, u + 1] = torch.where(forced[:, u + 1], targets[:, u], own)
    return decode(read)


def what_it_read(decode, targets, sos, forced):
    truth = seq2seq.shift(targets, sos)
    return torch.where(forced, truth, seq2seq.shift(decode(truth).argmax(-1), sos))


def into_the_targets(decode, targets, sos, forced):
    own = decode(seq2seq.shift(targets, sos)).argmax(-1)
    targets[:, :-1] = torch.where(forced[:, 1:], targets[:, :-1], own[:, :-1])
    return decode(seq2seq.shift(targets, sos))


WRONG = {
    "read_and_write": [
        (only_truth, "always reads the truth"),
        (only_itself, "never reads the truth"),
        (inverted, "takes the coin the wrong way round"),
        (not_shifted, "reads the very token that it should predict"),
        (answers_behind_sos, "reads the answer at every step but the first"),
        (rolled, "feeds `<eos>` in at the first step"),
        (wraps_round, "feeds `<eos>` in at the first step, where the coin says truth"),
        (from_the_answer, "reads the first answer in place of `sos`"),
        (from_zero, "starts from token 0, not from `sos`"),
        (as_probabilities, "returns probabilities"),
        (unlikeliest, "reads its least likely token"),
        (state_lost, "forgets to hand the new state on"),
        (time_first, None),
        (crashes, None),
        (writes_into_the_targets, None),
        (none, None),
    ],
    "share_of_truth": [
        (up, "rises instead of falling"),
        (endless, "goes on falling after the last update"),
        (floor, "falls to 0 and is cut off at the least"),
        (by_the_least, "falls by the least, not to it"),
        (whole, "divides whole numbers without a rest"),
        (down_to_0, "goes on falling to 0"),
        (no_least, "forgets the least"),
        (counts_from_1, "is one update ahead"),
        (like_linspace, "arrives one update early"),
        (constant, None),
        (none, None),
    ],
    "errors_behind": [
        (over_everybody, "divides by all sentences, also those that have ended"),
        (unmasked, "counts padding"),
        (mistake_too, "counts the forced mistake itself"),
        (right, "returns the share that is right"),
        (sums, "counts, and divides by nothing"),
        (no_eos, "leaves out `<eos>`"),
        (no_eos_and_no_nan, "leaves out `<eos>`, and takes 0 where no token is left"),
        (masked_below_alone, "counts padding above the line only"),
        (so_far, "adds up all places so far"),
        (one_number, None),
        (over_places, None),
        (not_a_number, None),
        (none, None),
    ],
    "two_passes": [
        (
            in_two(lambda truth, own, forced, sos: torch.where(forced, truth, behind_sos(own, sos))),
            "reads its choices a step too early",
        ),
        (
            in_two(lambda truth, own, forced, sos: truth * forced + own * ~forced),
            "reads its choices a step too early, the first one in place of `sos`",
        ),
        (
            in_two(lambda truth, own, forced, sos: torch.where(forced, truth, torch.roll(own, 1, dims=1))),
            "rolls its last choice round to the front",
        ),
        (mixed_then_shifted, "tosses the coin of the step before"),
        (
            in_two(lambda truth, own, forced, sos: torch.where(~forced, truth, seq2seq.shift(own, sos))),
            "takes the coin the wrong way round",
        ),
        (lambda decode, targets, sos, forced: decode(seq2seq.shift(targets, sos)), "makes only the first pass"),
        (in_two(lambda truth, own, forced, sos: seq2seq.shift(own, sos)), "reads nothing but its choices"),
        (
            in_two(
                lambda truth, own, forced, sos: torch.where(forced, truth, seq2seq.shift(own, sos)),
                first=lambda targets, sos: targets,
            ),
            "reads the answers in the first pass",
        ),
        (never_shifted, "forgets to shift what the second pass reads"),
        (token_by_token, "chooses each token after what was really read"),
        (what_it_read, None),
        (into_the_targets, None),
        (crashes, None),
        (lambda decode, targets, sos, forced: decode(targets) * float("nan"), None),
        (lambda decode, targets, sos, forced: None, None),
    ],
}


@pytest.mark.parametrize(("exercise", "answer", "diagnosis"), each_wrong(WRONG))
def test_wrong_answers_are_refused_with_their_reason(exercise, answer, diagnosis):
    report = grade(exercise, answer)
    assert report.status == "failed"
    assert report.misconception == diagnosis


def with_a_mean_of_the_real_ones(written, targets, lengths, place):
    real = torch.arange(targets.shape[1]) < lengths[:, None]
    wrong = (written != targets).double()
    return torch.stack([wrong[real[:, u], u].mean() for u in range(place + 1, targets.shape[1])]).float()


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("read_and_write", mixed(seq2seq.shift)),
        ("share_of_truth", lambda update, updates, least: max(least, 1 - update / updates * (1 - least))),
        ("errors_behind", with_a_mean_of_the_real_ones),
    ],
)
def test_other_right_answers_pass(exercise, answer):
    assert grade(exercise, answer).status == "passed"


def test_the_loop_is_the_packages():
    torch.manual_seed(0)
    decoder = seq2seq.Decoder(6, 3, 4, 4, recurrent.GRU)
    state, targets = seq2seq.DecoderState(torch.randn(2, 4)), torch.tensor([[3, 4, 5, 2], [5, 3, 2, 0]])
    coins = torch.rand(2, 4, generator=torch.Generator().manual_seed(1)) < 0.5
    expected, _ = teacher_forcing.write(decoder, state, targets, 1, 0.5, torch.Generator().manual_seed(1))

    def step(tokens, state):
        log_probs, _, state = decoder.step(tokens, state)
        return log_probs, state

    found = find("read_and_write").oracle(step, state, targets, 1, coins)
    torch.testing.assert_close(found, expected.log_softmax(-1))


def decoded_by(seed: int, steps: int):
    """Return a small decoder as the exercises of both ways have it: step, decode, state, targets."""
    torch.manual_seed(seed)
    decoder, targets = seq2seq.Decoder(6, 3, 4, 4, recurrent.GRU), torch.randint(2, 6, (3, steps))
    state = seq2seq.DecoderState(torch.randn(3, 4))

    def step(tokens, state):
        log_probs, _, state = decoder.step(tokens, state)
        return log_probs, state

    return step, lambda tokens: decoder(tokens, state)[0].log_softmax(-1), state, targets


@pytest.mark.parametrize(("steps", "truth"), [(5, 1.0), (2, 0.5), (2, 0.0)])
def test_two_passes_are_the_loop_until_a_choice_follows_a_choice(steps, truth):
    step, decode, state, targets = decoded_by(0, steps)
    coins = torch.rand(targets.shape, generator=torch.Generator().manual_seed(1)) < truth
    looped = find("read_and_write").oracle(step, state, targets, 1, coins)
    torch.testing.assert_close(find("two_passes").oracle(decode, targets, 1, coins), looped)


def test_and_from_then_on_they_approximate_it():
    step, decode, state, targets = decoded_by(0, 8)
    never = torch.zeros_like(targets, dtype=torch.bool)
    looped = find("read_and_write").oracle(step, state, targets, 1, never)
    found = find("two_passes").oracle(decode, targets, 1, never)
    torch.testing.assert_close(found[:, :2], looped[:, :2])
    assert not torch.allclose(found, looped)
