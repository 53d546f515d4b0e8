"""What the lesson on attention trains without sound: the batches, the models, and the numbers that it reports."""

import torch

from course_utils.algorithms import attention
from course_utils.experiments import looking


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_batch_holds_letters_and_digits():
    batch = looking.text_batch(["three one", "four"], ["31", "4"])
    assert looking.LETTERS.decode(batch.inputs[1, :4]) == list("four")
    assert batch.lengths.tolist() == [9, 4]
    assert batch.targets.tolist() == [[6, 4, looking.EOS], [7, looking.EOS, 0]]
    assert batch.target_lengths.tolist() == [3, 2]


def test_batches_are_new_strings_of_one_length_nearly():
    batches = looking.text_batches(generator(), count=20, size=8)
    assert [len(batch.inputs) for batch in batches] == [8] * 20
    lengths = torch.cat([batch.target_lengths for batch in batches]) - 1
    assert (lengths.min(), lengths.max()) == (1, 7)
    wide = [batch.lengths.max() - batch.lengths.min() for batch in batches]
    assert sum(wide) / len(wide) < 10
    again = looking.text_batches(generator(), count=20, size=8)
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(batches, again, strict=True))


def test_the_model_that_looks_back_is_the_smaller_one():
    without, looks = looking.text_model(64), looking.text_model(48, attention.scaled_dot)
    sizes = [sum(w.numel() for w in model.parameters()) for model in (without, looks)]
    assert sizes[1] < sizes[0]
    batch = looking.text_batch(["one two"], ["12"])
    assert looking.text_loss(looks, batch).isfinite()
    assert 0 <= looking.whole_strings(looks, 2, seed=0, count=4) <= 1


def test_a_question_has_its_answer_in_the_table():
    asked, names, numbers, answer = looking.lookup_batch(50, generator())
    here = names == asked[:, None]
    assert here.sum(1).eq(1).all()
    assert torch.equal(numbers[here], answer)


def test_a_model_with_the_right_keys_answers():
    """Planted: a name's query is its key, ten times as long, and a number's value is its own score."""
    model = looking.Lookup(size=20)
    with torch.no_grad():
        model.key.weight.copy_(torch.eye(20))
        model.query.weight.copy_(100 * torch.eye(20))
        model.value.weight.copy_(torch.eye(10, 20))
        model.output.weight.copy_(torch.eye(10, 20))
        *table, answer = looking.lookup_batch(64, generator())
        context, _ = attention.attend(*model(*table))
    assert torch.equal(model.output(context[:, 0]).argmax(1), answer)
    assert (model.losses(context, answer) < 2).all()


def test_looks_are_learnt():
    def loss(model, batch):
        *table, answer = batch
        return model.losses(attention.attend(*model(*table))[0], answer).mean()

    for hard in (False, True):
        curve = looking.learn_to_look(loss, seed=0, hard=hard)
        assert curve.shape == (6,)
        assert curve[-1] > (0.8 if hard else 0.95)  # trained softly, a drawn look still errs now and then


def test_noise_and_bias_of_planted_estimates():
    truth = torch.tensor([3.0, 4.0])
    around = truth + torch.tensor([[5.0, 0.0], [-5.0, 0.0]])
    assert looking.noise_and_bias(around, truth) == (1.0, 0.0)
    assert looking.noise_and_bias(around + torch.tensor([0.0, 10.0]), truth) == (1.0, 2.0)
