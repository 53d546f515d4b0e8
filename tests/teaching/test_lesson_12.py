"""Wrong answers to the exercises of lesson 12, as people write them, each refused for its own reason."""

import pytest
import torch

from course_utils.teaching.checks import grade

from .toys import each_wrong


def weights_swapped(by_ctc, tokens, words, weight):
    real = torch.arange(tokens.shape[1]) < (words + 1)[:, None]
    return (1 - weight) * (by_ctc / words).mean() + weight * tokens[real].mean()


def whole_texts(by_ctc, tokens, words, weight):
    real = torch.arange(tokens.shape[1]) < (words + 1)[:, None]
    return weight * by_ctc.mean() + (1 - weight) * tokens[real].mean()


def all_tokens(by_ctc, tokens, words, weight):
    return weight * (by_ctc / words).mean() + (1 - weight) * tokens.mean()


def words_only(by_ctc, tokens, words, weight):
    real = torch.arange(tokens.shape[1]) < words[:, None]
    return weight * (by_ctc / words).mean() + (1 - weight) * tokens[real].mean()


def sums(by_ctc, tokens, words, weight):
    total = sum(tokens[b, : words[b] + 1].sum() for b in range(len(tokens)))
    return weight * by_ctc.sum() + (1 - weight) * total


def mean_of_means(by_ctc, tokens, words, weight):
    means = [tokens[b, : words[b] + 1].mean() for b in range(len(tokens))]
    return weight * (by_ctc / words).mean() + (1 - weight) * torch.stack(means).mean()


def tokens_by_words(by_ctc, tokens, words, weight):
    total = sum(tokens[b, : words[b] + 1].sum() for b in range(len(tokens)))
    return weight * (by_ctc / words).mean() + (1 - weight) * total / words.sum()


def ctc_by_all_words(by_ctc, tokens, words, weight):
    real = torch.arange(tokens.shape[1]) < (words + 1)[:, None]
    return weight * by_ctc.sum() / words.sum() + (1 - weight) * tokens[real].mean()


def no_weight(by_ctc, tokens, words, weight):
    real = torch.arange(tokens.shape[1]) < (words + 1)[:, None]
    return (by_ctc / words).mean() + tokens[real].mean()


def bands(frames, first, count):
    out = frames.clone()
    out[..., first : first + count] = 0
    return out


def rows(frames, first, count):
    out = frames.clone()
    out[first : first + count] = 0
    return out


def to_count(frames, first, count):
    keep = torch.ones(frames.shape[1])
    keep[first:count] = 0
    return frames * keep[:, None]


def removes(frames, first, count):
    stay = [t for t in range(frames.shape[1]) if not first <= t < first + count]
    return frames[:, stay]


def keeps_it(frames, first, count):
    out = torch.zeros_like(frames)
    out[:, first : first + count] = frames[:, first : first + count]
    return out


def in_its_place(frames, first, count):
    frames[:, first : first + count] = 0
    return frames


def silence(frames, first, count):
    out = frames.clone()
    out[:, first : first + count] = frames.amin()
    return out


def one_too_many(frames, first, count):
    out = frames.clone()
    out[:, first : first + count + 1] = 0
    return out


def one_too_late(frames, first, count):
    out = frames.clone()
    for t in range(first, first + count):
        out[:, t + 1 : t + 2] = 0
    return out


def chosen(score, pick=max):
    def choose(texts, by_ctc, by_attention, weight):
        scores = [score(c, a, weight) for c, a in zip(by_ctc, by_attention, strict=True)]
        return texts[scores.index(pick(scores))]

    return choose


def place_of_the_best(texts, by_ctc, by_attention, weight):
    scores = weight * torch.tensor(by_ctc) + (1 - weight) * torch.tensor(by_attention)
    return int(scores.argmax())


def power(score):
    return torch.tensor(score, dtype=torch.float64).exp().item()


def rate(errors=("substitute", "delete", "insert"), below=("equal", "substitute", "delete")):
    def over(alignments):
        kinds = [row[0] for alignment in alignments for row in alignment]
        return sum(kind in errors for kind in kinds) / sum(kind in below for kind in kinds)

    return over


def averaged(alignments):
    rates = [rate()([alignment]) for alignment in alignments]
    return sum(rates) / len(rates)


def wrong_utterances(alignments):
    return sum(any(row[0] != "equal" for row in alignment) for alignment in alignments) / len(alignments)


def minus(errors, others, words, draws):
    return others[draws].sum(1) / words[draws].sum(1) - errors[draws].sum(1) / words[draws].sum(1)


def all_words(errors, others, words, draws):
    return (errors - others)[draws].sum(1) / words.sum()


def mean_rates(errors, others, words, draws):
    return (errors / words)[draws].mean(1) - (others / words)[draws].mean(1)


def per_utterance(errors, others, words, draws):
    return (errors[draws] - others[draws]).mean(1)


def distance(errors, others, words, draws):
    return ((errors - others)[draws].sum(1) / words[draws].sum(1)).abs()


def in_points(errors, others, words, draws):
    return 100 * (errors - others)[draws].sum(1) / words[draws].sum(1)


def drawn_apart(errors, others, words, draws):
    apart = draws.roll(1, 0)
    return errors[draws].sum(1) / words[draws].sum(1) - others[apart].sum(1) / words[apart].sum(1)


def does_not_draw(errors, others, words, draws):
    return ((errors.sum() - others.sum()) / words.sum()).expand(len(draws))


WRONG = {
    "both_losses": [
        (weights_swapped, "gives CTC the weight of attention"),
        (whole_texts, "leaves CTC's losses as those of whole texts"),
        (all_tokens, "counts the padding"),
        (words_only, "forgets the token that ends the text"),
        (mean_of_means, "takes the decoder's mean utterance by utterance"),
        (tokens_by_words, "divides the tokens' losses by the words"),
        (ctc_by_all_words, "divides all of CTC's losses by all words"),
        (no_weight, "adds the two without a weight"),
        (sums, "adds up where a mean is asked for"),
        (lambda by_ctc, tokens, words, weight: None, None),
        (lambda by_ctc, tokens, words, weight: by_ctc * float("nan"), None),
    ],
    "time_mask": [
        (bands, "masks bands, not frames"),
        (rows, "masks whole utterances"),
        (to_count, "takes the number of frames for the place of the last"),
        (removes, "cuts the frames out"),
        (keeps_it, "keeps the stretch and masks the rest"),
        (silence, "fills in the least value"),
        (in_its_place, None),
        (one_too_many, "hides one frame too many"),
        (one_too_late, "begins one frame late"),
        (lambda frames, first, count: frames[0], None),
    ],
    "likeliest_text": [
        (chosen(lambda c, a, w: w * c + (1 - w) * a, min), "takes the smallest score"),
        (chosen(lambda c, a, w: (1 - w) * c + w * a), "gives CTC the weight of attention"),
        (
            chosen(lambda c, a, w: w * power(c) + (1 - w) * power(a)),
            "adds probabilities in place of their logarithms",
        ),
        (chosen(lambda c, a, w: c + a), "does not use the weight"),
        (chosen(lambda c, a, w: c + (1 - w) * a), "gives CTC its whole score"),
        (chosen(lambda c, a, w: w * c + a), "gives attention its whole score"),
        (place_of_the_best, "returns the place of the text"),
        (chosen(lambda c, a, w: max(w * c, (1 - w) * a)), None),
        (lambda texts, by_ctc, by_attention, weight: texts.pop(0), None),
        (lambda texts, by_ctc, by_attention, weight: 0, None),
    ],
    "error_rate": [
        (averaged, "takes the mean of the utterances' rates"),
        (rate(below=("equal", "substitute", "delete", "insert")), "divides by all rows of the alignments"),
        (rate(below=("equal", "substitute", "insert")), "divides by the words heard"),
        (rate(errors=("substitute",)), "counts substitutions only"),
        (rate(errors=("substitute", "delete")), "forgets the words put in"),
        (rate(errors=("substitute", "insert")), "forgets the words left out"),
        (lambda alignments: min(rate()(alignments), 1.0), "stops at 1"),
        (lambda alignments: 100 * rate()(alignments), "is in per cent"),
        (lambda alignments: 1 - rate()(alignments), "returns the share of right words"),
        (wrong_utterances, "counts whole utterances"),
        (lambda alignments: float("nan"), None),
        (lambda alignments: alignments, None),
    ],
    "paired_differences": [
        (minus, "takes the difference the other way round"),
        (all_words, "divides by the words of all utterances"),
        (mean_rates, "takes the mean of the utterances' rates"),
        (per_utterance, "counts errors by utterance, not by word"),
        (distance, "loses the sign"),
        (drawn_apart, "draws other utterances for the second recogniser"),
        (does_not_draw, "does not use the draws"),
        (in_points, "is in points"),
        (lambda errors, others, words, draws: draws, None),
    ],
}


@pytest.mark.parametrize(("exercise", "answer", "diagnosis"), each_wrong(WRONG))
def test_wrong_answers_are_refused_with_their_reason(exercise, answer, diagnosis):
    report = grade(exercise, answer)
    assert report.status == "failed"
    assert report.misconception == diagnosis


def one_row_at_a_time(errors, others, words, draws):
    found = [float(errors[row].sum() - others[row].sum()) / float(words[row].sum()) for row in draws]
    return torch.tensor(found)


def loss_by_loops(by_ctc, tokens, words, weight):
    some = [tokens[b, u] for b in range(len(tokens)) for u in range(int(words[b]) + 1)]
    per_word = [loss / count for loss, count in zip(by_ctc, words, strict=True)]
    return weight * torch.stack(per_word).mean() + (1 - weight) * torch.stack(some).mean()


def multiplied(frames, first, count):
    t = torch.arange(frames.shape[1])
    return frames * ((t < first) | (t >= first + count))[:, None]


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("both_losses", loss_by_loops),
        ("time_mask", multiplied),
        ("likeliest_text", chosen(lambda c, a, w: w * c + (1 - w) * a)),
        ("error_rate", rate()),
        ("paired_differences", one_row_at_a_time),
    ],
)
def test_right_answers_pass_however_they_are_written(exercise, answer):
    assert grade(exercise, answer).status == "passed"
