"""The exercises of lesson 12: the joint loss, a mask, choosing a text by both, the error rate, a paired bootstrap."""

import math

import torch

from course_utils.teaching.checks.exercise import Case, Exercise, drawn, given, perturbed


def real(tokens, counts):
    """Return (B, U), True where a token is no padding."""
    return torch.arange(tokens.shape[1]) < counts[:, None]


def per_token(tokens, words):
    return tokens[real(tokens, words + 1)].mean()


def joint(ctc=lambda by_ctc, words: (by_ctc / words).mean(), attention=per_token):
    """Return the joint loss, or one that goes wrong in what it makes of the losses of either side."""

    def joint_loss(by_ctc, tokens, words, weight):
        return weight * ctc(by_ctc, words) + (1 - weight) * attention(tokens, words)

    return joint_loss


joint_loss = joint()


def by_utterance(tokens, words):
    return ((tokens * real(tokens, words + 1)).sum(1) / (words + 1)).mean()


def by_words(tokens, words):
    return tokens[real(tokens, words + 1)].sum() / words.sum()


@drawn
def drawn_losses(generator, B, U, weight):
    words = torch.randint(1, U, (B,), generator=generator)
    by_ctc = 3 * torch.rand(B, generator=generator) * words
    return by_ctc, torch.rand(B, U, generator=generator), words, weight


BOTH_LOSSES = Exercise(
    name="both_losses",
    task="Return the joint loss in nats per word, from the losses of each utterance and each token.",
    oracle=joint_loss,
    returns="a tensor without dimensions",
    cases=[
        Case("CTC alone", drawn_losses(2, 4, 1.0)),
        Case("attention alone", drawn_losses(2, 4, 0.0)),
        Case("half of each", drawn_losses(3, 5, 0.5)),
        Case("one utterance", drawn_losses(1, 3, 0.3)),
        Case("a weight of 0.2", drawn_losses(5, 6, 0.2), times=3),
    ],
    misconceptions={
        "gives CTC the weight of attention": (
            "The weight λ belongs to CTC, and attention gets what is left of 1.",
            perturbed(joint_loss, weight=lambda weight: 1 - weight),
        ),
        "leaves CTC's losses as those of whole texts": (
            "`by_ctc` holds nats per *utterance*. Long texts would weigh more, and CTC more than λ says: divide each "
            "by its words first.",
            joint(ctc=lambda by_ctc, words: by_ctc.mean()),
        ),
        "counts the padding": (
            "Row b of `tokens` has `words[b]` words and the end; what stands behind is padding.",
            joint(attention=lambda tokens, words: tokens.mean()),
        ),
        "forgets the token that ends the text": (
            "A decoder must learn to stop: each text has one token more than it has words.",
            joint(attention=lambda tokens, words: per_token(tokens, words - 1)),
        ),
        "takes the decoder's mean utterance by utterance": (
            "Then a token of a short text counts for more. The decoder's mean is over all real tokens of the batch at "
            "once; only CTC's is over utterances.",
            joint(attention=by_utterance),
        ),
        "divides the tokens' losses by the words": (
            "There is one token more than words in each text, the end: divide by how many tokens there are.",
            joint(attention=by_words),
        ),
        "divides all of CTC's losses by all words": (
            "CTC's mean is over utterances: each loss by its own words first, then the mean.",
            joint(ctc=lambda by_ctc, words: by_ctc.sum() / words.sum()),
        ),
        "adds the two without a weight": (
            "λ of the one and 1 - λ of the other: with λ = 1, attention is not asked.",
            lambda by_ctc, tokens, words, weight: 2 * joint_loss(by_ctc, tokens, words, 0.5),
        ),
        "adds up where a mean is asked for": (
            "A sum grows with the batch; then so would every step of training.",
            joint(lambda by_ctc, words: by_ctc.sum(), lambda tokens, words: tokens[real(tokens, words + 1)].sum()),
        ),
    },
    hints=[
        "Two numbers, each in nats per word, and a weight: which mean is taken over what?",
        "For CTC: divide each utterance's loss by its words, then the mean over utterances. For attention: the mean "
        "over all real tokens of the batch.",
        "`torch.arange(U) < (words + 1)[:, None]` is True at the real tokens, the end included.",
    ],
)


def likeliest_by(best=max, reading=lambda score: score):
    """Return the choice of a text, or one that goes wrong in how it reads a score, or in which is best."""

    def likeliest(texts, by_ctc, by_attention, weight):
        both = zip(map(reading, by_ctc), map(reading, by_attention), strict=True)
        scores = [weight * c + (1 - weight) * a for c, a in both]
        return texts[best(range(len(texts)), key=scores.__getitem__)]

    return likeliest


likeliest = likeliest_by()


@drawn
def scored(generator, *rows, weight):
    """Return arguments from rows of (text, CTC's log-probability, attention's)."""
    texts, by_ctc, by_attention = map(list, zip(*rows, strict=True))
    return texts, by_ctc, by_attention, weight


def drawn_scores(generator):
    by_ctc, by_attention = (-6 * torch.rand(2, 6, generator=generator)).tolist()
    weight = float(torch.rand(1, generator=generator))
    return ["one", "one two", "two", "nine", "five", "one one"], by_ctc, by_attention, weight


LIKELIEST_TEXT = Exercise(
    name="likeliest_text",
    task="Return the text that CTC and attention together find likeliest.",
    oracle=likeliest,
    returns="one of the texts",
    cases=[
        Case("one text", scored(("one", -1.0, -2.0), weight=0.5)),
        Case("both agree", scored(("one", -1.0, -0.5), ("two", -3.0, -4.0), weight=0.5)),
        Case("CTC outvotes", scored(("one", -9.0, -1.0), ("one one", -1.0, -2.0), weight=0.5)),
        Case("CTC alone", scored(("one", -1.0, -9.0), ("two", -9.0, -1.0), ("six", -2.0, -2.0), weight=1.0)),
        Case("attention alone", scored(("one", -1.0, -9.0), ("two", -9.0, -1.0), ("six", -2.0, -2.0), weight=0.0)),
        Case(
            "a compromise that is nobody's favourite",
            scored(("one", -0.1, -8.0), ("two", -2.0, -2.0), ("six", -9.0, -0.1), weight=0.5),
        ),
        Case("random scores", drawn_scores, times=6),
    ],
    misconceptions={
        "takes the smallest score": (
            "These are log-probabilities: the nearer to 0, the likelier.",
            likeliest_by(best=min),
        ),
        "gives CTC the weight of attention": (
            "The weight λ belongs to CTC.",
            perturbed(likeliest, weight=lambda weight: 1 - weight),
        ),
        "adds probabilities in place of their logarithms": (
            "A sum of probabilities follows whichever is surer. A sum of logarithms is a product: both must agree.",
            likeliest_by(reading=math.exp),
        ),
        "gives CTC its whole score": (
            "CTC's part is λ of it, attention's 1 - λ.",
            lambda texts, by_ctc, by_attention, weight: likeliest(
                texts, by_ctc, [(1 - weight) * a for a in by_attention], 0.5
            ),
        ),
        "gives attention its whole score": (
            "CTC's part is λ of it, attention's 1 - λ.",
            lambda texts, by_ctc, by_attention, weight: likeliest(
                texts, [weight * c for c in by_ctc], by_attention, 0.5
            ),
        ),
        "does not use the weight": (
            "With λ = 1, CTC decides alone, and with λ = 0 it is not asked.",
            perturbed(likeliest, weight=0.5),
        ),
        "returns the place of the text": (
            "`texts[k]` is the text in place k.",
            lambda texts, *rest: texts.index(likeliest(texts, *rest)),
        ),
    },
    hints=[
        "First a score for each text, then the text with the best score.",
        "The score of text k is `weight * by_ctc[k] + (1 - weight) * by_attention[k]`.",
        "`max(range(len(texts)), key=scores.__getitem__)` is the place of the largest score.",
    ],
)


def masking(place=lambda first, count: (slice(None), slice(first, first + count)), value=lambda frames: 0.0):
    """Return a mask over the ``place``, or one that masks another, or fills in another ``value``."""

    def mask(frames, first, count):
        masked = frames.clone()
        masked[place(first, count)] = value(frames)
        return masked

    return mask


time_mask = masking()


@drawn
def drawn_frames(generator, B, T, D, first, count):
    return torch.randn(B, T, D, generator=generator), first, count


TIME_MASK = Exercise(
    name="time_mask",
    task="Return a batch of features in which a stretch of time is hidden.",
    oracle=time_mask,
    returns="(B, T, D)",
    cases=[
        Case("a stretch in the middle", drawn_frames(2, 8, 5, 2, 3)),
        Case("the first frames", drawn_frames(1, 6, 4, 0, 2)),
        Case("a stretch that runs over the end", drawn_frames(2, 6, 7, 4, 9)),
        Case("nothing", drawn_frames(2, 5, 3, 2, 0)),
        Case("as many frames as bands, as utterances", drawn_frames(6, 6, 6, 1, 2)),
        Case("random features", drawn_frames(4, 30, 40, 7, 8), times=2),
    ],
    misconceptions={
        "masks bands, not frames": (
            "The features are (B, T, D): which dimension is time?",
            masking(lambda first, count: (..., slice(first, first + count))),
        ),
        "masks whole utterances": (
            "The first dimension is the batch: every utterance gets the mask, and keeps the rest of itself.",
            masking(lambda first, count: slice(first, first + count)),
        ),
        "takes the number of frames for the place of the last": (
            "`count` says how many, not up to where: the stretch ends before `first + count`.",
            masking(lambda first, count: (slice(None), slice(first, count))),
        ),
        "hides one frame too many": (
            "A slice ends before its second number: `first + count`.",
            masking(lambda first, count: (slice(None), slice(first, first + count + 1))),
        ),
        "begins one frame late": (
            "Frames are counted from 0; the frame `first` is hidden, too.",
            masking(lambda first, count: (slice(None), slice(first + 1, first + count + 1))),
        ),
        "cuts the frames out": (
            "The time must not become shorter, or the network hears a fast voice: put zeros in their place.",
            lambda frames, first, count: torch.cat([frames[:, :first], frames[:, first + count :]], 1),
        ),
        "keeps the stretch and masks the rest": (
            "It is the other way round: this stretch becomes 0.",
            lambda frames, first, count: frames - time_mask(frames, first, count),
        ),
        "fills in the least value": (
            "In these features 0 is a middling loudness. The least value says silence, which is a message.",
            masking(value=torch.min),
        ),
    },
    hints=[
        "Begin with a copy: what you are handed belongs to somebody else.",
        "A slice `first : first + count` of the second dimension is the stretch, in all utterances at once.",
        "`masked = frames.clone()`, then set the slice to 0 and return `masked`.",
    ],
)


def rate(errors=("substitute", "delete", "insert"), below=("equal", "substitute", "delete")):
    """Return an error rate that counts some operations as errors, and divides by the number of some."""

    def error_rate(alignments):
        operations = [operation for alignment in alignments for operation, _, _ in alignment]
        return sum(map(errors.count, operations)) / sum(map(below.count, operations))

    return error_rate


error_rate = rate()


def right(word):
    return "equal", word, word


def drawn_alignments(generator):
    kinds = [right("one"), ("substitute", "two", "one"), ("delete", "six", None), ("insert", None, "nine")]
    rows = torch.randint(0, 4, (4, 5), generator=generator).tolist()
    return ([[right("zero"), *(kinds[k] for k in row[: 1 + n])] for n, row in enumerate(rows)],)


ERROR_RATE = Exercise(
    name="error_rate",
    task="Return the word error rate of some utterances from their alignments.",
    oracle=error_rate,
    returns="a number",
    cases=[
        Case("all right", given([[right("one"), right("two")]])),
        Case("one word put in place of another", given([[right("one"), ("substitute", "two", "six")]])),
        Case("a word left out", given([[("delete", "one", None), right("two")]])),
        Case("a word put in", given([[right("one"), ("insert", None, "two")]])),
        Case("a short and a long utterance", given([[("substitute", "one", "nine")], [right("two")] * 4])),
        Case(
            "more errors than words",
            given([[right("one"), ("insert", None, "six"), ("insert", None, "six")]]),
        ),
        Case("random alignments", drawn_alignments, times=4),
    ],
    misconceptions={
        "takes the mean of the utterances' rates": (
            "Then an error in a short utterance counts for more than one in a long one. Add up errors and words first, "
            "and divide once.",
            lambda alignments: sum(error_rate([one]) for one in alignments) / len(alignments),
        ),
        "divides by all rows of the alignments": (
            "A word put in is a row, and is no word that was *said*: the rate is of what was said.",
            rate(below=("equal", "substitute", "delete", "insert")),
        ),
        "divides by the words heard": (
            "A recogniser that writes more would look better: divide by the words that were *said*.",
            rate(below=("equal", "substitute", "insert")),
        ),
        "counts substitutions only": ("Words left out and words put in are errors too.", rate(errors=("substitute",))),
        "forgets the words put in": (
            "Whoever writes ten words for each one said makes errors, too: insertions count.",
            rate(errors=("substitute", "delete")),
        ),
        "forgets the words left out": (
            "Whoever writes nothing makes errors, too: deletions count.",
            rate(errors=("substitute", "insert")),
        ),
        "stops at 1": (
            "Where more words are put in than were said, the rate is above 1.",
            lambda alignments: min(error_rate(alignments), 1.0),
        ),
        "is in per cent": (
            "A fraction is asked for: half of the words wrong is 0.5.",
            lambda alignments: 100 * error_rate(alignments),
        ),
        "returns the share of right words": (
            "The errors are asked for.",
            lambda alignments: 1 - error_rate(alignments),
        ),
        "counts whole utterances": (
            "That is the share of utterances with an error. Here *words* are counted.",
            lambda alignments: sum(error_rate([one]) > 0 for one in alignments) / len(alignments),
        ),
    },
    hints=[
        "Two numbers: how many rows are errors, and how many words were said?",
        'Every row that is not "equal" is an error; every row that is not "insert" holds a word that was said.',
        "Add both up over all alignments, and divide once, at the end.",
    ],
)


def differences(errors, others, words, draws):
    return (errors[draws].sum(1) - others[draws].sum(1)) / words[draws].sum(1)


def each_by_itself(errors, others, words, draws):
    other = draws.roll(1, 0)
    first = errors[draws].sum(1) / words[draws].sum(1)
    return first - others[other].sum(1) / words[other].sum(1)


@drawn
def drawn_errors(generator, B, D):
    words = torch.randint(1, 8, (B,), generator=generator).float()
    errors, others = (torch.rand(2, B, generator=generator) * words).round()
    return errors, others, words, torch.randint(0, B, (D, B), generator=generator)


def every_once(generator):
    """Draw each utterance exactly once."""
    words = torch.tensor([1.0, 7.0, 2.0])
    return torch.tensor([1.0, 0.0, 1.0]), torch.tensor([0.0, 2.0, 0.0]), words, torch.tensor([[0, 1, 2], [2, 0, 1]])


PAIRED_DIFFERENCES = Exercise(
    name="paired_differences",
    task="Return, for each draw of utterances, by how much the error rates of two recognisers differ.",
    oracle=differences,
    returns="(D,)",
    cases=[
        Case("every utterance once", every_once),
        Case("one utterance", drawn_errors(1, 3)),
        Case("as many draws as utterances", drawn_errors(5, 5)),
        Case("random draws", drawn_errors(12, 7), times=3),
    ],
    misconceptions={
        "takes the difference the other way round": (
            "The first recogniser's rate comes first: positive means that it makes *more* errors.",
            lambda errors, others, words, draws: differences(others, errors, words, draws),
        ),
        "draws other utterances for the second recogniser": (
            "Then the luck of easy utterances no longer cancels, and that it does is why one pairs.",
            each_by_itself,
        ),
        "divides by the words of all utterances": (
            "A draw takes some utterances twice and others never: count the words that *it* holds.",
            lambda errors, others, words, draws: (errors[draws].sum(1) - others[draws].sum(1)) / words.sum(),
        ),
        "takes the mean of the utterances' rates": (
            "A word error rate is all errors over all words.",
            lambda errors, others, words, draws: ((errors - others) / words)[draws].mean(1),
        ),
        "counts errors by utterance, not by word": (
            "A rate of words divides by words.",
            lambda errors, others, words, draws: (errors - others)[draws].mean(1),
        ),
        "does not use the draws": (
            "Each row of `draws` is a test set of its own: `errors[draws]`.",
            lambda errors, others, words, draws: ((errors - others).sum() / words.sum()).repeat(len(draws)),
        ),
        "loses the sign": (
            "Negative means that the first recogniser makes fewer errors.",
            lambda *arguments: differences(*arguments).abs(),
        ),
        "is in points": ("A difference of fractions is asked for.", lambda *arguments: 100 * differences(*arguments)),
    },
    hints=[
        "`errors[draws]` is (D, B): in each row the errors of the utterances that were drawn.",
        "For each row: the sum of the errors over the sum of the words, for both recognisers, on the same draw.",
        "Both have the same words below the line, so one division does.",
    ],
)
