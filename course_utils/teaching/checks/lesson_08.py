"""The exercises of lesson 08: the decoder loop with coins, a schedule, the errors behind a mistake, two passes."""

import torch

from course_utils.algorithms.seq2seq import shift
from course_utils.teaching.checks.exercise import Case, Exercise, drawn, given, perturbed


def loop(
    first=lambda targets, sos, forced: torch.full_like(targets[:, 0], sos),
    truth=lambda targets, u: targets[:, u - 1],
    use=lambda forced, u: forced[:, u],
    own=lambda log_probs: log_probs.argmax(-1),
    keep=lambda old, new: new,
):
    """Return a decoder loop, or one that goes wrong in a chosen place."""

    def read_and_write(step, state, targets, sos, forced):
        last, found = first(targets, sos, forced), []
        for u in range(targets.shape[1]):
            if u:
                last = torch.where(use(forced, u), truth(targets, u), own(found[-1]))
            log_probs, new = step(last, state)
            state = keep(state, new)
            found.append(log_probs)
        return torch.stack(found, 1)

    return read_and_write


@drawn
def loop_arguments(generator, B, U, C, share):
    embedding, V = torch.randn(C, 4, generator=generator), 2 * torch.randn(4, C, generator=generator)

    def step(tokens, state):
        """The smallest decoder: its state fades, and adds what it reads."""
        state = torch.tanh(0.5 * state + embedding[tokens])
        return (state @ V).log_softmax(-1), state

    targets = torch.randint(3, C, (B, U), generator=generator)
    targets[:, -1] = 2
    forced = torch.rand(B, U, generator=generator) < share
    return step, torch.randn(B, 4, generator=generator), targets, 1, forced


READ_AND_WRITE = Exercise(
    name="read_and_write",
    task="Run a decoder that reads the truth where it is forced to, and its own choice elsewhere.",
    oracle=loop(),
    returns="(B, U, C)",
    cases=[
        Case("one sentence, always the truth", loop_arguments(1, 3, 5, 2.0)),
        Case("one sentence, never the truth", loop_arguments(1, 4, 5, -1.0)),
        Case("three sentences, truth half of the time", loop_arguments(3, 6, 6, 0.5), times=3),
        Case("as many sentences as steps and tokens", loop_arguments(5, 5, 5, 0.5)),
    ],
    misconceptions={
        "always reads the truth": (
            "`forced` makes no difference to it. Where it is False, the decoder reads its own likeliest token.",
            loop(use=lambda forced, u: torch.ones_like(forced[:, u])),
        ),
        "never reads the truth": (
            "`forced` makes no difference to it. Where it is True, the decoder reads the true last token.",
            loop(use=lambda forced, u: torch.zeros_like(forced[:, u])),
        ),
        "takes the coin the wrong way round": (
            "True means: read the truth.",
            loop(use=lambda forced, u: ~forced[:, u]),
        ),
        "reads the very token that it should predict": (
            "Step u reads the token *before*, `targets[:, u - 1]`. Shown the answer, it learns to copy.",
            loop(first=lambda targets, sos, forced: targets[:, 0], truth=lambda targets, u: targets[:, u]),
        ),
        "reads the answer at every step but the first": (
            "At step u the last token is `targets[:, u - 1]`; `targets[:, u]` is what it should predict.",
            loop(truth=lambda targets, u: targets[:, u]),
        ),
        "feeds `<eos>` in at the first step": (
            "Rolled round, the last token of each target comes first. Before the first token stands `sos`.",
            loop(first=lambda targets, sos, forced: targets[:, -1]),
        ),
        "feeds `<eos>` in at the first step, where the coin says truth": (
            "At u = 0 `targets[:, u - 1]` is `targets[:, -1]`, the last token. First comes `sos`.",
            loop(first=lambda targets, sos, forced: torch.where(forced[:, 0], targets[:, -1], sos)),
        ),
        "reads the first answer in place of `sos`": (
            "At step 0 nothing has been written or said: it reads `sos`, whatever the coin says.",
            loop(first=lambda targets, sos, forced: targets[:, 0]),
        ),
        "starts from token 0, not from `sos`": (
            "0 is padding here. The first step reads the argument `sos`.",
            loop(first=lambda targets, sos, forced: torch.zeros_like(targets[:, 0])),
        ),
        "lags a step behind the truth": (
            "The last token at step u is `targets[:, u - 1]`, not the one before that.",
            loop(truth=lambda targets, u: targets[:, max(u - 2, 0)]),
        ),
        "tosses the coin of step u + 1 at step u": (
            "`forced[:, u]` says what is read at step u; at step 0 it is `sos` in any case.",
            loop(use=lambda forced, u: forced[:, u - 1]),
        ),
        "tosses one coin for a whole sentence": (
            "`forced` has a column for each step: each token has a coin of its own.",
            loop(use=lambda forced, u: forced[:, 0]),
        ),
        "reads its least likely token": (
            "Its own choice is the likeliest: `argmax`.",
            loop(own=lambda log_probs: log_probs.argmin(-1)),
        ),
        "forgets to hand the new state on": (
            "Each step goes on from the state that the step before returned.",
            loop(keep=lambda old, new: old),
        ),
        "returns probabilities": (
            "Hand back the log-probabilities as `step` gives them.",
            lambda *arguments: loop()(*arguments).exp(),
        ),
    },
    hints=[
        "A loop over u: choose what is read, take a step, keep the log-probabilities, hand the state on.",
        "From u = 1 on, `torch.where(forced[:, u], targets[:, u - 1], own)` chooses for each text; `own` is its last "
        "`argmax`.",
        "At u = 0 read `torch.full((B,), sos)`. Collect (B, C) in a list, and `torch.stack(found, 1)` at the end.",
    ],
)


def share_of_truth(update, updates, least):
    return 1 - (1 - least) * min(update / updates, 1)


SHARE_OF_TRUTH = Exercise(
    name="share_of_truth",
    task="Return a share that falls on a straight line from 1 to the least, and stays there.",
    oracle=share_of_truth,
    returns="a number",
    cases=[
        Case("update 0", given(0, 100, 0.0)),
        Case("half-way to 0", given(50, 100, 0.0)),
        Case("half-way to 0.4", given(50, 100, 0.4)),
        Case("the last update", given(100, 100, 0.25)),
        Case("long after the last update", given(350, 100, 0.25)),
    ],
    misconceptions={
        "rises instead of falling": (
            "At update 0 everything is truth, a share of 1.",
            lambda update, updates, least: least + (1 - least) * min(update / updates, 1),
        ),
        "goes on falling after the last update": (
            "From `updates` on the share stays at `least`; a share below it, or below 0, is none.",
            lambda update, updates, least: 1 - (1 - least) * update / updates,
        ),
        "falls to 0 and is cut off at the least": (
            "Then `least` is reached long before `updates`. The line itself should end at `least`.",
            lambda update, updates, least: max(least, 1 - update / updates),
        ),
        "falls by the least, not to it": (
            "The line falls from 1 to `least`, by 1 - `least`.",
            lambda update, updates, least: 1 - least * min(update / updates, 1),
        ),
        "goes on falling to 0": (
            "From `updates` on the share stays at `least`.",
            lambda update, updates, least: max(0, 1 - (1 - least) * update / updates),
        ),
        "forgets the least": (
            "The line ends at `least`, not at 0.",
            lambda update, updates, least: 1 - min(update / updates, 1),
        ),
        "is one update ahead": (
            "Update 0 reads nothing but truth, a share of 1; `least` is reached at `updates`.",
            lambda update, updates, least: 1 - (1 - least) * min((update + 1) / updates, 1),
        ),
        "arrives one update early": (
            "There are `updates` steps from update 0 to update `updates`.",
            lambda update, updates, least: 1 - (1 - least) * min(update / (updates - 1), 1),
        ),
        "divides whole numbers without a rest": (
            "`//` leaves 0 until the very last update; a line needs `/`.",
            lambda update, updates, least: 1 - (1 - least) * min(update // updates, 1),
        ),
    },
    hints=[
        "How much of the way has been gone? `update / updates`, and never more than 1.",
        "The whole way is from 1 down to `least`: its length is `1 - least`.",
        "1 minus that length times the part that has been gone.",
    ],
)


def behind(share):
    """Return ``share(differs, real)`` of the tokens behind a mistake; ``real`` is True where they are no padding."""

    def errors(written, targets, lengths, place):
        real = torch.arange(targets.shape[1]) < lengths[:, None]
        return share((written != targets)[:, place + 1 :], real[:, place + 1 :])

    return errors


errors_behind = behind(lambda differs, real: (differs & real).sum(0) / real.sum(0))


@drawn
def error_arguments(generator, U, lengths, place):
    B, sizes = len(lengths), torch.tensor(lengths)
    targets, written = (torch.randint(3, 6, (B, U), generator=generator) for _ in range(2))
    targets[torch.arange(B), sizes - 1] = 2
    padding = torch.arange(U) >= sizes[:, None]
    return written, targets.masked_fill(padding, 0), sizes, place


ERRORS_BEHIND = Exercise(
    name="errors_behind",
    task="Return the share of wrong tokens at each place behind a mistake.",
    oracle=errors_behind,
    returns="(U - place - 1,)",
    cases=[
        Case("one sentence, a mistake at its start", error_arguments(5, [5], 0)),
        Case("two sentences of one length", error_arguments(5, [5, 5], 1)),
        Case("four sentences of different lengths", error_arguments(6, [6, 3, 5, 6], 0), times=2),
        Case("as many sentences as places", error_arguments(5, [5, 4, 5, 5, 3], 2), times=2),
    ],
    misconceptions={
        "divides by all sentences, also those that have ended": (
            "At a place where half of the sentences have ended, only the other half can be wrong: divide by those.",
            behind(lambda differs, real: (differs & real).float().mean(0)),
        ),
        "counts padding": (
            "What stands behind `<eos>` is nobody's mistake. `lengths` says how many tokens are real.",
            behind(lambda differs, real: differs.float().mean(0)),
        ),
        "counts the forced mistake itself": (
            "It was forced, so it is wrong in any case. The first number belongs to the place *behind* it.",
            perturbed(errors_behind, place=lambda place: place - 1),
        ),
        "returns the share that is right": (
            "Asked for is how many differ.",
            behind(lambda differs, real: 1 - (differs & real).sum(0) / real.sum(0)),
        ),
        "counts, and divides by nothing": (
            "A share lies between 0 and 1.",
            behind(lambda differs, real: (differs & real).sum(0)),
        ),
        "leaves out `<eos>`": (
            "`lengths` counts it: a text that does not stop where it should is wrong there.",
            perturbed(errors_behind, lengths=lambda lengths: lengths - 1),
        ),
        "leaves out `<eos>`, and takes 0 where no token is left": (
            "`lengths` counts it: a text that does not stop where it should is wrong there.",
            lambda *arguments: perturbed(errors_behind, lengths=lambda lengths: lengths - 1)(*arguments).nan_to_num(0),
        ),
        "counts padding above the line only": (
            "A share over 1 cannot be. Where a text has ended, what was written is nobody's mistake.",
            behind(lambda differs, real: differs.sum(0) / real.sum(0)),
        ),
        "adds up all places so far": (
            "Each place has a share of its own: only so can one see whether errors grow with distance.",
            behind(lambda differs, real: (differs & real).sum(0).cumsum(0) / real.sum(0).cumsum(0)),
        ),
    },
    hints=[
        "Two masks (B, U): which tokens are real, and which of them are wrong.",
        "`torch.arange(U) < lengths[:, None]` is the first; `written != targets` and the first make the second.",
        "Cut both off behind the mistake, `[:, place + 1:]`, sum each over the sentences, and divide.",
    ],
)


def passes(first=shift, choices=shift, mix=torch.where):
    """Return scheduled sampling in two passes, or one that goes wrong in what a pass reads."""

    def two_passes(decode, targets, sos, forced):
        own = decode(first(targets, sos)).argmax(-1)
        return decode(mix(forced, shift(targets, sos), choices(own, sos)))

    return two_passes


def one_after_another(decode, targets, sos, forced):
    """Choose each token after what was really read: the loop, without its state."""
    read = truth = shift(targets, sos)
    for u in range(1, targets.shape[1]):
        now = torch.where(forced[:, u], truth[:, u], decode(read)[:, u - 1].argmax(-1))
        read = torch.cat([read[:, :u], now[:, None], truth[:, u + 1 :]], 1)
    return decode(read)


def not_shifted(decode, targets, sos, forced):
    return decode(torch.where(forced, targets, decode(shift(targets, sos)).argmax(-1)))


@drawn
def passes_arguments(generator, *sizes):
    step, start, *given = loop_arguments(*sizes)(generator)

    def decode(tokens):
        """The decoder of the loop, for a whole sequence."""
        state, found = start, []
        for read in tokens.unbind(1):
            log_probs, state = step(read, state)
            found.append(log_probs)
        return torch.stack(found, 1)

    return decode, *given


TWO_PASSES = Exercise(
    name="two_passes",
    task="Run scheduled sampling in two calls of the decoder.",
    oracle=passes(),
    returns="(B, U, C)",
    cases=[
        Case("one sentence, always the truth", passes_arguments(1, 3, 5, 2.0)),
        Case("one sentence, never the truth", passes_arguments(1, 6, 6, -1.0)),
        Case("three sentences, truth half of the time", passes_arguments(3, 6, 6, 0.5), times=3),
        Case("as many sentences as steps and tokens", passes_arguments(5, 5, 5, 0.5)),
    ],
    misconceptions={
        "reads its choices a step too early": (
            "What the first pass finds at step u is its guess of token u, and that is read at step u + 1.",
            passes(choices=lambda own, sos: torch.cat([torch.full_like(own[:, :1], sos), own[:, 1:]], 1)),
        ),
        "reads its choices a step too early, the first one in place of `sos`": (
            "What the first pass finds at step u is read at step u + 1. Shift its choices as the truth is shifted.",
            passes(choices=lambda own, sos: own),
        ),
        "rolls its last choice round to the front": (
            "Nothing is chosen before step 0: `sos` is read there, whatever the coin says.",
            passes(choices=lambda own, sos: own.roll(1, 1)),
        ),
        "tosses the coin of the step before": (
            "`forced[:, u]` says what is *read* at step u. Shift truth and choices first, then mix; else the coins are "
            "shifted, too.",
            passes(mix=lambda forced, truth, own: torch.where(forced.roll(1, 1), truth, own)),
        ),
        "takes the coin the wrong way round": (
            "True means: read the truth.",
            passes(mix=lambda forced, truth, own: torch.where(forced, own, truth)),
        ),
        "makes only the first pass": (
            "These are the scores of pure teacher forcing: what the model chose has not been read yet.",
            passes(mix=lambda forced, truth, own: truth),
        ),
        "reads nothing but its choices": (
            "Where the coin says so, the second pass reads the truth.",
            passes(mix=lambda forced, truth, own: own),
        ),
        "reads the answers in the first pass": (
            "The truth has to be shifted there, too: `sos` first, and at step u token u - 1. Shown the answer, a model "
            "chooses it.",
            passes(first=lambda targets, sos: targets),
        ),
        "forgets to shift what the second pass reads": (
            "Truth and choices both move by one: `sos` first, and at step u what belongs to step u - 1.",
            not_shifted,
        ),
        "chooses each token after what was really read": (
            "That is the loop, one call a token, and exact. Here all choices come from one call that reads only truth.",
            one_after_another,
        ),
    },
    hints=[
        "Two calls of `decode`: one to find what the model would choose, one to score what it then reads.",
        "The first reads `sos` and then `targets[:, :-1]`, `torch.cat([…], 1)`; its choices are an `argmax(-1)`.",
        "Shift the choices in the same way, mix by `torch.where(forced, truth, chosen)`, and decode once more.",
    ],
)
