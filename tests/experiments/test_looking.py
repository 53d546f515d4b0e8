"""Nothing but a look: its questions have answers, the right keys answer them, and noise is told from bias."""

import torch

from course_utils.algorithms import attention
from course_utils.experiments import looking


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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


def test_looks_are_learned():
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
