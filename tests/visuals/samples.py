"""One widget of each kind with small data that a person can follow, for the tests of this folder."""

import torch

from course_utils.visuals import widgets

VOCABULARY = ["<PAD>", "<UNK>", "and", "li", "sam", "tom"]
LABELS = ["·", "one", "two"]
BEST = [0, 1, 1, 0, 0, 2, 0, 0]
TRANSCRIPTS = ["", "one", "one", "one", "one", "one two", "one two", "one two"]


def compute(sentence: str) -> widgets.StepperData:
    """A network of two units: the first says whether the token is a name, the second counts."""
    tokens = sentence.split()
    if "crash" in tokens:
        raise RuntimeError("out of memory")
    rows = [VOCABULARY.index(token.lower()) if token.lower() in VOCABULARY else 1 for token in tokens]
    names = torch.tensor([float(row > 2) for row in rows])
    hidden = torch.stack([2 * names - 1, torch.linspace(-1, 1, len(rows))], dim=1).requires_grad_()
    return widgets.StepperData(tokens, rows, VOCABULARY, hidden, 0.02 + 0.95 * names)


def stepper(**options) -> widgets.RecurrentStepper:
    return widgets.RecurrentStepper(compute, "Sam and Zoe", **options)


def posteriors() -> torch.Tensor:
    frames = torch.full((8, 3), 0.05)
    frames[range(8), BEST] = 0.9
    return frames


def explorer(**options) -> widgets.UtteranceExplorer:
    """A second of sound, 440 Hz that swells and fades."""
    time = torch.arange(8000) / 8000
    sound = 0.5 * torch.sin(2 * torch.pi * 440 * time) * torch.sin(torch.pi * time)
    features = torch.sin(torch.pi * torch.arange(100) / 100)[:, None] * torch.linspace(1, 0, 10)
    return widgets.UtteranceExplorer(sound, 8000, features, posteriors(), LABELS, transcripts=TRANSCRIPTS, **options)


MAKERS = {
    "stepper": stepper,
    "explorer": explorer,
    "self-test": widgets.SelfTest,
    "microphone": widgets.Microphone,
}
