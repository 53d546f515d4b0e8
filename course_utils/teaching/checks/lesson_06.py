"""The exercises of lesson 06: a decoder step, a masked loss, a beam's score, edits on the way back."""

import torch

from course_utils.algorithms.beam import length_penalty
from course_utils.algorithms.metrics import align
from course_utils.algorithms.teacher_forcing import cross_entropy
from course_utils.teaching.checks.exercise import Case, Exercise, Misconception, perturbed


def step(finish=lambda scores: scores.log_softmax(-1), read=lambda old, new: new, old_state=lambda h: h):
    """Return a decoder step, or one that goes wrong in a chosen place."""

    def stepped(tokens, h, embedding, W_ax, W_aa, b_a, V, b_V):
        new = torch.tanh(embedding[tokens] @ W_ax.T + old_state(h) @ W_aa.T + b_a)
        return finish(read(h, new) @ V.T + b_V), new

    return stepped


decoder_step = step()


def returns_the_old_state(tokens, h, embedding, W_ax, W_aa, b_a, V, b_V):
    return decoder_step(tokens, h, embedding, W_ax, W_aa, b_a, V, b_V)[0], h


def step_arguments(B, C, E, H):
    def arguments(generator):
        def draw(*shape):
            return torch.randn(shape, generator=generator)

        tokens = torch.randint(C, (B,), generator=generator)
        return tokens, draw(B, H).tanh(), draw(C, E), draw(H, E), draw(H, H), draw(H), draw(C, H), draw(C)

    return arguments


def nll(logits, targets):
    return -logits.log_softmax(-1).gather(2, targets[..., None])[..., 0]  # (B, U)


def real(targets, lengths):
    return torch.arange(targets.shape[1]) < lengths[:, None]


def masked_loss(logits, targets, lengths):
    return cross_entropy(logits, targets, lengths)


def mean_over_all(logits, targets, lengths):
    return (nll(logits, targets) * real(targets, lengths)).mean()


def no_mask(logits, targets, lengths):
    return nll(logits, targets).mean()


def mean_of_means(logits, targets, lengths):
    return ((nll(logits, targets) * real(targets, lengths)).sum(1) / lengths).mean()


def sum_per_text(logits, targets, lengths):
    return (nll(logits, targets) * real(targets, lengths)).sum(1).mean()


def masked_logits(logits, targets, lengths):
    """Set the padding's scores to zero, and count the uniform guess that makes of them."""
    return no_mask(logits * real(targets, lengths)[..., None], targets, lengths)


def without_eos(logits, targets, lengths):
    return cross_entropy(logits, targets, lengths - 1)


def no_softmax(logits, targets, lengths):
    scores = -logits.gather(2, targets[..., None])[..., 0] * real(targets, lengths)
    return scores.sum() / lengths.sum()


def over_steps(logits, targets, lengths):
    scores = -logits.log_softmax(1).gather(2, targets[..., None])[..., 0] * real(targets, lengths)
    return scores.sum() / lengths.sum()


def loss_arguments(U, C, lengths):
    def arguments(generator):
        B = len(lengths)
        logits = 2 * torch.randn(B, U, C, generator=generator)
        targets = torch.randint(2, C, (B, U), generator=generator)
        sizes = torch.tensor(lengths)
        return logits, targets.masked_fill(~real(targets, sizes), 0), sizes

    return arguments


def score(penalty=lambda steps, alpha: ((5 + steps) / 6) ** alpha, join=lambda total, penalty: total / penalty):
    """Return the length-normalised score of a draft, or one that goes wrong in a chosen place."""

    def scored(log_probs, alpha):
        return float(join(log_probs.sum(), penalty(len(log_probs), alpha)))

    return scored


beam_score = score(lambda steps, alpha: length_penalty(torch.tensor(float(steps)), alpha))


def score_arguments(steps, alpha):
    return lambda generator: (-2 * torch.rand(steps, generator=generator), alpha)


def unreversed(reference, hypothesis):
    return align(reference, hypothesis)[::-1]


def swapped(reference, hypothesis):
    names = {"delete": "insert", "insert": "delete"}
    return [(names.get(operation, operation), *rest) for operation, *rest in align(reference, hypothesis)]


def stops_at_a_border(reference, hypothesis):
    """Walk back only while both have tokens left."""
    edits = align(reference, hypothesis)
    i = j = 0
    kept = []
    for k, (operation, said, heard) in reversed(list(enumerate(edits))):
        i, j = sum(e[1] is not None for e in edits[: k + 1]), sum(e[2] is not None for e in edits[: k + 1])
        if not (i and j):
            break
        kept.append((operation, said, heard))
    return kept[::-1]


def position_by_position(reference, hypothesis):
    edits = []
    for k in range(max(len(reference), len(hypothesis))):
        said = reference[k] if k < len(reference) else None
        heard = hypothesis[k] if k < len(hypothesis) else None
        operation = (
            "equal" if said == heard else "delete" if heard is None else "insert" if said is None else "substitute"
        )
        edits.append((operation, said, heard))
    return edits


def never_substitutes(reference, hypothesis):
    """Know only deletions and insertions: a wrong word costs two."""
    edits = []
    for operation, said, heard in align(reference, hypothesis):
        edits += (
            [("delete", said, None), ("insert", None, heard)]
            if operation == "substitute"
            else [(operation, said, heard)]
        )
    return edits


def what_is_wrong(reference_and_edits, got):
    """Return what is wrong with an alignment, in words; any alignment with the fewest edits is right."""
    expected = reference_and_edits
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


def edit_arguments(reference, hypothesis):
    return lambda generator: (reference.split(), hypothesis.split())


def random_texts(generator):
    words = ["one", "two", "three"]

    def draw():
        return [
            words[k]
            for k in torch.randint(3, (int(torch.randint(2, 7, (), generator=generator)),), generator=generator)
        ]

    return draw(), draw()


EXERCISES = [
    Exercise(
        name="decoder_step",
        lesson="06",
        task="Take one step of a decoder with the plain recurrent cell.",
        oracle=decoder_step,
        returns="(log_probs, h)",
        cases=[
            Case("one text, two tokens to choose from, one unit", step_arguments(1, 2, 1, 1)),
            Case("two texts", step_arguments(2, 4, 2, 3)),
            Case("as many texts as tokens and units", step_arguments(3, 3, 3, 3)),
            Case("random numbers, B = 4, C = 5, E = 2, H = 3", step_arguments(4, 5, 2, 3), times=3),
        ],
        misconceptions=[
            Misconception(
                "returns the scores before the softmax",
                "Scores can be any numbers. Log-probabilities are those whose exponentials sum to 1 over the tokens.",
                step(finish=lambda scores: scores),
            ),
            Misconception(
                "returns probabilities, not their logarithms",
                "A text's probability is a product of many small numbers; their logarithms are added instead.",
                step(finish=lambda scores: scores.softmax(-1)),
            ),
            Misconception(
                "takes the softmax over the batch",
                "Each text chooses among the C tokens: each *row* is a distribution. Which dimension is that?",
                step(finish=lambda scores: scores.log_softmax(0)),
            ),
            Misconception(
                "reads the tokens off the old state",
                "The old state knows nothing of the last token yet. Take the step first.",
                step(read=lambda old, new: old),
            ),
            Misconception(
                "forgets the old state",
                "All that the decoder knows of the input, and of what it wrote before, is in `h`.",
                step(old_state=torch.zeros_like),
            ),
            Misconception(
                "hands the old state on",
                "The next step goes on from the state after this token, not from the one before it.",
                returns_the_old_state,
            ),
            Misconception(
                "multiplies by `W_aa` the wrong way round",
                "Rows of `h` are texts, rows of `W_aa` make units: look at lesson 01's step.",
                perturbed(decoder_step, W_aa=lambda W_aa: W_aa.T),
            ),
        ],
        hints=[
            "Three things in a row: look the tokens up, take lesson 01's step, score the tokens.",
            "`embedding[tokens]` is (B, E), the input of the step. The new state is its tanh, as in `rnn_step`.",
            "The scores are the *new* state times `V.T`, plus `b_V`. Take `log_softmax(-1)` of them.",
        ],
    ),
    Exercise(
        name="masked_loss",
        lesson="06",
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
        misconceptions=[
            Misconception(
                "takes the mean over padding as well",
                "The sum is right: padding adds nothing. But it is divided by B · U, where padding is counted.",
                mean_over_all,
            ),
            Misconception(
                "uses no mask",
                "Padding is predicted and paid for. `lengths` says how many tokens of each row are real.",
                no_mask,
            ),
            Misconception(
                "takes the mean of each text's mean",
                "Then a token of a short text weighs more than one of a long text. One sum, over one number of tokens.",
                mean_of_means,
            ),
            Misconception(
                "takes the mean over texts, not over tokens",
                "That is the loss of a text. What is asked for is the loss of a token: divide by how many there are.",
                sum_per_text,
            ),
            Misconception(
                "sets the padding's scores to zero instead of leaving it out",
                "Scores of zero are a distribution too, the uniform one, and cost log C each. Mask the losses.",
                masked_logits,
            ),
            Misconception(
                "leaves out `<eos>`",
                "`lengths` counts it, and so should you: a decoder that never learns to stop never stops.",
                without_eos,
            ),
            Misconception(
                "takes scores for log-probabilities", "A `log_softmax` is missing, over the classes.", no_softmax
            ),
            Misconception(
                "takes the softmax over the steps", "A step chooses among C classes: the last dimension.", over_steps
            ),
        ],
        hints=[
            "Three parts: -log P of every target, a mask (B, U) of the real ones, and a mean over those.",
            "`logits.log_softmax(-1).gather(2, targets[..., None])[..., 0]` picks log P of each target, (B, U).",
            "`torch.arange(U) < lengths[:, None]` is the mask. Sum the losses where it is True, and divide by "
            "`lengths.sum()`.",
        ],
    ),
    Exercise(
        name="beam_score",
        lesson="06",
        task="Return a draft's log-probability, divided by the length penalty.",
        oracle=beam_score,
        returns="()",
        cases=[
            Case("one token, alpha 1", score_arguments(1, 1.0)),
            Case("no normalisation, alpha 0", score_arguments(4, 0.0)),
            Case("seven tokens, alpha 1", score_arguments(7, 1.0)),
            Case("random numbers, five tokens, alpha 0.6", score_arguments(5, 0.6), times=2),
        ],
        misconceptions=[
            Misconception(
                "multiplies by the penalty",
                "A log-probability is negative: multiplying makes a long text *worse*.",
                score(join=lambda total, penalty: total * penalty),
            ),
            Misconception(
                "takes the mean over the tokens",
                "That is the penalty's form for alpha 1 without the 5 and the 6. Here alpha says how much to forgive.",
                score(penalty=lambda steps, alpha: steps),
            ),
            Misconception(
                "divides by the length to the power alpha",
                "Close, and used by some programs. Ours is ((5 + steps) / 6) to the power alpha.",
                score(penalty=lambda steps, alpha: steps**alpha),
            ),
            Misconception(
                "multiplies by alpha instead of raising to its power",
                "Then alpha 0 would divide by nothing. With alpha 0 the penalty must be 1.",
                score(penalty=lambda steps, alpha: alpha * (5 + steps) / 6),
            ),
            Misconception(
                "subtracts the penalty",
                "The score is a quotient, which ranks texts by something like log P per token.",
                score(join=lambda total, penalty: total - penalty),
            ),
            Misconception(
                "leaves `<eos>` out of the length",
                "The last of `log_probs` is that of `<eos>`, which is a step like the others.",
                score(penalty=lambda steps, alpha: ((4 + steps) / 6) ** alpha),
            ),
        ],
        hints=[
            "First the log-probability of the text: what do you do with the logarithms of factors?",
            "The penalty is ((5 + steps) / 6) to the power alpha, where steps is how many tokens there are.",
            "`log_probs.sum() / penalty`.",
        ],
    ),
    Exercise(
        name="edit_path",
        lesson="06",
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
        misconceptions=[
            Misconception(
                "compares place by place",
                "One lost word shifts all that follow. Walk through the table.",
                position_by_position,
            ),
            Misconception(
                "is in the order of the way back", "You walked from the end to the start: turn it round.", unreversed
            ),
            Misconception(
                "has deletions and insertions changed",
                "A word that was *said* and not heard is deleted: it stands in the reference alone.",
                swapped,
            ),
            Misconception(
                "stops where one of the two texts is used up",
                "What is left of the other one are deletions or insertions: go on to the corner (0, 0).",
                stops_at_a_border,
            ),
            Misconception("never substitutes", "One word in place of another is one edit, not two.", never_substitutes),
        ],
        hints=[
            "`metrics.edit_table(reference, hypothesis)` is the table. Start in its last corner, i = len(reference), "
            "j = len(hypothesis), and walk to (0, 0).",
            "At (i, j): if the two last words are equal, go diagonally. Otherwise one of three neighbours holds one "
            "edit less: diagonally is a substitution, up a deletion, left an insertion.",
            "Mind the borders: with i = 0 only insertions are left, with j = 0 only deletions. Note each edit as "
            "a triple, with None where a text has nothing, and turn the list round at the end.",
        ],
    ),
]
