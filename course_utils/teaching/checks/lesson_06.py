"""The exercises of lesson 06: a decoder step, a masked loss, a beam's score, edits on the way back."""

from itertools import zip_longest

import torch

from course_utils.algorithms.beam import length_penalty
from course_utils.algorithms.metrics import align
from course_utils.algorithms.teacher_forcing import cross_entropy
from course_utils.teaching.checks.exercise import Case, Exercise, drawn, normal, perturbed


def step(
    old_state=lambda h: h,
    read=lambda old, new: new,
    finish=lambda scores: scores.log_softmax(-1),
    kept=lambda old, new: new,
):
    """Return a decoder step, or one that goes wrong in a chosen place."""

    def stepped(tokens, h, embedding, W_ax, W_aa, b_a, V, b_V):
        new = torch.tanh(embedding[tokens] @ W_ax.T + old_state(h) @ W_aa.T + b_a)
        return finish(read(h, new) @ V.T + b_V), kept(h, new)

    return stepped


decoder_step = step()


@drawn
def step_arguments(generator, B, C, E, H):
    tokens = torch.randint(C, (B,), generator=generator)
    h, *weights = normal(generator, (B, H), (C, E), (H, E), (H, H), (H,), (C, H), (C,))
    return tokens, h.tanh(), *weights


DECODER_STEP = Exercise(
    name="decoder_step",
    task="Take one step of a decoder with the plain recurrent cell.",
    oracle=decoder_step,
    returns="(log_probs, h)",
    cases=[
        Case("one text, two tokens to choose from, one unit", step_arguments(1, 2, 1, 1)),
        Case("two texts", step_arguments(2, 4, 2, 3)),
        Case("as many texts as tokens and units", step_arguments(3, 3, 3, 3)),
        Case("random numbers, B = 4, C = 5, E = 2, H = 3", step_arguments(4, 5, 2, 3), times=3),
    ],
    misconceptions={
        "returns the scores before the softmax": (
            "Scores can be any numbers. Log-probabilities are those whose exponentials sum to 1 over the tokens.",
            step(finish=lambda scores: scores),
        ),
        "returns probabilities, not their logarithms": (
            "A text's probability is a product of many small numbers; their logarithms are added instead.",
            step(finish=lambda scores: scores.softmax(-1)),
        ),
        "takes the softmax over the batch": (
            "Each text chooses among the C tokens: each *row* is a distribution. Which dimension is that?",
            step(finish=lambda scores: scores.log_softmax(0)),
        ),
        "reads the tokens off the old state": (
            "The old state knows nothing of the last token yet. Take the step first.",
            step(read=lambda old, new: old),
        ),
        "forgets the old state": (
            "All that the decoder knows of the input, and of what it wrote before, is in `h`.",
            step(old_state=torch.zeros_like),
        ),
        "hands the old state on": (
            "The next step goes on from the state after this token, not from the one before it.",
            step(kept=lambda old, new: old),
        ),
        "multiplies by `W_aa` the wrong way round": (
            "Rows of `h` are texts, rows of `W_aa` make units: look at lesson 01's step.",
            perturbed(decoder_step, W_aa=lambda W_aa: W_aa.T),
        ),
    },
    hints=[
        "Three things in a row: look the tokens up, take lesson 01's step, score the tokens.",
        "`embedding[tokens]` is (B, E), the input of the step. The new state is its tanh, as in `rnn_step`.",
        "The scores are the *new* state times `V.T`, plus `b_V`. Take `log_softmax(-1)` of them.",
    ],
)


def real(targets, lengths):
    return torch.arange(targets.shape[1]) < lengths[:, None]


def nll(log_probs, targets):
    return -log_probs.gather(2, targets[..., None])[..., 0]  # (B, U)


def averaged(mean=lambda losses, lengths: losses.sum() / lengths.sum(), log_probs=lambda x: x.log_softmax(-1)):
    """Return the loss of the real tokens, or one that goes wrong in its mean, or in what it makes of the scores."""
    return lambda logits, targets, lengths: mean(nll(log_probs(logits), targets) * real(targets, lengths), lengths)


def masked_loss(logits, targets, lengths):
    return cross_entropy(logits, targets, lengths)


def no_mask(logits, targets, lengths):
    return nll(logits.log_softmax(-1), targets).mean()


def masked_logits(logits, targets, lengths):
    """Set the padding's scores to zero, and count the uniform guess that makes of them."""
    return no_mask(logits * real(targets, lengths)[..., None], targets, lengths)


@drawn
def loss_arguments(generator, U, C, lengths):
    B = len(lengths)
    logits = 2 * torch.randn(B, U, C, generator=generator)
    targets = torch.randint(2, C, (B, U), generator=generator)
    sizes = torch.tensor(lengths)
    return logits, targets.masked_fill(~real(targets, sizes), 0), sizes


MASKED_LOSS = Exercise(
    name="masked_loss",
    task="Return the mean of -log P over the real tokens.",
    oracle=masked_loss,
    returns="()",
    cases=[
        Case("one text without padding", loss_arguments(3, 4, [3])),
        Case("one text with padding", loss_arguments(4, 4, [2])),
        Case("two texts of different lengths", loss_arguments(5, 4, [5, 2])),
        Case("as many steps as classes", loss_arguments(4, 4, [1, 4, 2])),
        Case("random numbers, B = 4, U = 7, C = 6", loss_arguments(7, 6, [7, 1, 3, 4]), times=3),
    ],
    misconceptions={
        "takes the mean over padding as well": (
            "The sum is right: padding adds nothing. But it is divided by B · U, where padding is counted.",
            averaged(lambda losses, lengths: losses.mean()),
        ),
        "uses no mask": (
            "Padding is predicted and paid for. `lengths` says how many tokens of each row are real.",
            no_mask,
        ),
        "takes the mean of each text's mean": (
            "Then a token of a short text weighs more than one of a long text. One sum, over one number of tokens.",
            averaged(lambda losses, lengths: (losses.sum(1) / lengths).mean()),
        ),
        "takes the mean over texts, not over tokens": (
            "That is the loss of a text. What is asked for is the loss of a token: divide by how many there are.",
            averaged(lambda losses, lengths: losses.sum(1).mean()),
        ),
        "sets the padding's scores to zero instead of leaving it out": (
            "Scores of zero are a distribution too, the uniform one, and cost log C each. Mask the losses.",
            masked_logits,
        ),
        "leaves out `<eos>`": (
            "`lengths` counts it, and so should you: a decoder that never learns to stop never stops.",
            perturbed(masked_loss, lengths=lambda lengths: lengths - 1),
        ),
        "takes scores for log-probabilities": (
            "A `log_softmax` is missing, over the classes.",
            averaged(log_probs=lambda scores: scores),
        ),
        "takes the softmax over the steps": (
            "A step chooses among C classes: the last dimension.",
            averaged(log_probs=lambda x: x.log_softmax(1)),
        ),
    },
    hints=[
        "Three parts: -log P of every target, a mask (B, U) of the real ones, and a mean over those.",
        "`logits.log_softmax(-1).gather(2, targets[..., None])[..., 0]` picks log P of each target, (B, U).",
        "`torch.arange(U) < lengths[:, None]` is the mask. Sum the losses where it is True, and divide by "
        "`lengths.sum()`.",
    ],
)


def score(penalty=lambda steps, alpha: ((5 + steps) / 6) ** alpha, join=lambda total, penalty: total / penalty):
    """Return the length-normalised score of a draft, or one that goes wrong in a chosen place."""

    def scored(log_probs, alpha):
        return float(join(log_probs.sum(), penalty(len(log_probs), alpha)))

    return scored


@drawn
def score_arguments(generator, steps, alpha):
    return -2 * torch.rand(steps, generator=generator), alpha


BEAM_SCORE = Exercise(
    name="beam_score",
    task="Return a draft's log-probability, divided by the length penalty.",
    oracle=score(lambda steps, alpha: length_penalty(torch.tensor(float(steps)), alpha)),
    returns="()",
    cases=[
        Case("one token, alpha 1", score_arguments(1, 1.0)),
        Case("no normalisation, alpha 0", score_arguments(4, 0.0)),
        Case("seven tokens, alpha 1", score_arguments(7, 1.0)),
        Case("random numbers, five tokens, alpha 0.6", score_arguments(5, 0.6), times=2),
    ],
    misconceptions={
        "multiplies by the penalty": (
            "A log-probability is negative: multiplying makes a long text *worse*.",
            score(join=lambda total, penalty: total * penalty),
        ),
        "takes the mean over the tokens": (
            "That is the penalty's form for alpha 1 without the 5 and the 6. Here alpha says how much to forgive.",
            score(penalty=lambda steps, alpha: steps),
        ),
        "divides by the length to the power alpha": (
            "Close, and used by some programs. Ours is ((5 + steps) / 6) to the power alpha.",
            score(penalty=lambda steps, alpha: steps**alpha),
        ),
        "multiplies by alpha instead of raising to its power": (
            "Then alpha 0 would divide by nothing. With alpha 0 the penalty must be 1.",
            score(penalty=lambda steps, alpha: alpha * (5 + steps) / 6),
        ),
        "subtracts the penalty": (
            "The score is a quotient, which ranks texts by something like log P per token.",
            score(join=lambda total, penalty: total - penalty),
        ),
        "leaves `<eos>` out of the length": (
            "The last of `log_probs` is that of `<eos>`, which is a step like the others.",
            score(penalty=lambda steps, alpha: ((4 + steps) / 6) ** alpha),
        ),
    },
    hints=[
        "First the log-probability of the text: what do you do with the logarithms of factors?",
        "The penalty is ((5 + steps) / 6) to the power alpha, where steps is how many tokens there are.",
        "`log_probs.sum() / penalty`.",
    ],
)


def swapped(reference, hypothesis):
    names = {"delete": "insert", "insert": "delete"}
    return [(names.get(operation, operation), *rest) for operation, *rest in align(reference, hypothesis)]


def stops_at_a_border(reference, hypothesis):
    """Walk back only while both have tokens left."""
    i, j, kept = len(reference), len(hypothesis), []
    for operation, said, heard in reversed(align(reference, hypothesis)):
        if not (i and j):
            break
        kept.append((operation, said, heard))
        i, j = i - (said is not None), j - (heard is not None)
    return kept[::-1]


def position_by_position(reference, hypothesis):
    pairs = zip_longest(reference, hypothesis)
    kinds = {(True, True): "substitute", (True, False): "delete", (False, True): "insert"}
    return [
        ("equal" if said == heard else kinds[said is not None, heard is not None], said, heard) for said, heard in pairs
    ]


def never_substitutes(reference, hypothesis):
    """Know only deletions and insertions: a wrong word costs two."""
    edits = []
    for operation, said, heard in align(reference, hypothesis):
        two = [("delete", said, None), ("insert", None, heard)]
        edits += two if operation == "substitute" else [(operation, said, heard)]
    return edits


def what_is_wrong(expected, got):
    """Return what is wrong with an alignment, in words; any alignment with the fewest edits is right."""
    if not isinstance(got, list) or any(not isinstance(e, tuple | list) or len(e) != 3 for e in got):
        return "is no list of (operation, token of the reference, token of the hypothesis)"
    shape = {"equal": (1, 1), "substitute": (1, 1), "delete": (1, 0), "insert": (0, 1)}
    for operation, said, heard in got:
        if operation not in shape:
            return f"has the operation {operation!r}, which is none of {', '.join(map(repr, shape))}"
        if (said is not None, heard is not None) != shape[operation] or (operation == "equal") != (said == heard):
            return f"has ({operation!r}, {said!r}, {heard!r}), where operation and tokens do not fit together"
    for place, name in ((1, "reference"), (2, "hypothesis")):
        wanted, told = ([e[place] for e in edits if e[place] is not None] for edits in (expected, got))
        if wanted != told:
            return f"does not tell the {name} again: its tokens read {told}"
    made, least = (sum(e[0] != "equal" for e in edits) for edits in (got, expected))
    return f"has {made} edits, where {least} are enough" if made != least else None


@drawn
def edit_arguments(generator, reference, hypothesis):
    return reference.split(), hypothesis.split()


def random_texts(generator):
    words = ["one", "two", "three"]

    def draw():
        length = int(torch.randint(2, 7, (), generator=generator))
        return [words[k] for k in torch.randint(3, (length,), generator=generator)]

    return draw(), draw()


EDIT_PATH = Exercise(
    name="edit_path",
    task="Return the fewest edits that make the hypothesis of the reference, in order.",
    oracle=align,
    compare=what_is_wrong,
    returns="a list of (operation, said, heard)",
    cases=[
        Case("two equal texts", edit_arguments("one two", "one two")),
        Case("one wrong word", edit_arguments("one two three", "one six three")),
        Case("a word lost at the start", edit_arguments("one two three", "two three")),
        Case("a word too many at the end", edit_arguments("one two", "one two six")),
        Case("nothing heard", edit_arguments("one two", "")),
        Case("nothing said", edit_arguments("", "one")),
        Case("all three kinds", edit_arguments("three one four one five", "one four six one five nine")),
        Case("random words", random_texts, times=4),
    ],
    misconceptions={
        "compares place by place": (
            "One lost word shifts all that follow. Walk through the table.",
            position_by_position,
        ),
        "is in the order of the way back": (
            "You walked from the end to the start: turn it round.",
            lambda reference, hypothesis: align(reference, hypothesis)[::-1],
        ),
        "has deletions and insertions changed": (
            "A word that was *said* and not heard is deleted: it stands in the reference alone.",
            swapped,
        ),
        "stops where one of the two texts is used up": (
            "What is left of the other one are deletions or insertions: go on to the corner (0, 0).",
            stops_at_a_border,
        ),
        "never substitutes": ("One word in place of another is one edit, not two.", never_substitutes),
    },
    hints=[
        "`metrics.edit_table(reference, hypothesis)` is the table. Start in its last corner, i = len(reference), j = "
        "len(hypothesis), and walk to (0, 0).",
        "At (i, j): if the two last words are equal, go diagonally. Otherwise one of three neighbours holds one edit "
        "less: diagonally is a substitution, up a deletion, left an insertion.",
        "Mind the borders: with i = 0 only insertions are left, with j = 0 only deletions. Note each edit as a triple, "
        "with None where a text has nothing, and turn the list round at the end.",
    ],
)
