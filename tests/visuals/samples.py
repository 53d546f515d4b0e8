"""One widget of each kind with small data that a person can follow, for the tests of this folder."""

import math

import torch

from course_utils.algorithms import (
    attention,
    beam,
    ctc,
    decoding,
    features,
    hmm,
    language_model,
    recurrent,
    sampling,
    seq2seq,
)
from course_utils.algorithms.gradients import clip_by_norm, jacobian_products
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


W_AA, DRIVE = [[0.6, 0.8], [-0.8, 0.6]], [[0.2 * (-1) ** t, 0.1] for t in range(61)]  # a rotation: radius 1


def gradient_products(radius: float, length: int, nonlinearity: str) -> torch.Tensor:
    """What the lesson hands to the widget, from the same numbers as the browser's: float32, then computed in double."""
    apply = {"linear": lambda z: z, "tanh": torch.tanh, "relu": torch.relu}[nonlinearity]
    W, h, states = torch.tensor(W_AA).double() * radius, torch.zeros(2).double(), []
    for drive in torch.tensor(DRIVE[: length + 1]).double():
        h = apply(W @ h + drive)
        states.append(h)
    return jacobian_products(torch.stack(states)[None], W, nonlinearity)[0]


def flow(**options) -> widgets.GradientFlow:
    return widgets.GradientFlow(W_AA, DRIVE, gradient_products, **options)


TONES = 0.3 * (torch.sin(torch.arange(4000.0) / 3) + torch.sin(torch.arange(4000.0) ** 2 / 5000))  # and a sweep


def log_mels(window: int, hop: int, mels: int, emphasis: float) -> torch.Tensor:
    """What the lesson hands to the workbench, in double precision as the browser computes."""
    sound = sampling.preemphasis(TONES.double(), emphasis)
    return features.log_mel(sound, 8000, 512, window, hop, mels)


def workbench(**options) -> widgets.FeatureWorkbench:
    return widgets.FeatureWorkbench(TONES, 8000, log_mels, **options)


CANDIDATES = [0.8, -0.4, 0.6, -1.0]
TARGET = [0.0, 0.0, 0.0, 0.664]  # tanh(0.8), at the last step alone


def unit_states(gates: list[list[float]]) -> tuple[list[float], list[float]]:
    c, outputs, cells = 0.0, [], []
    for g, (f, i, o) in zip(CANDIDATES, gates, strict=True):
        c = f * c + i * g
        cells.append(c)
        outputs.append(o * math.tanh(c))
    return outputs, cells


def gates_by_hand(target=TARGET, **options) -> widgets.GatesByHand:
    return widgets.GatesByHand(CANDIDATES, unit_states, target=target, **options)


def gate_map(**options) -> widgets.GateMap:
    """Ten steps of three units: the gate opens unit by unit, the cell rises from -1 to 1."""
    rising = torch.linspace(0, 1, 10)
    maps = {"Input gate": rising[:, None] ** torch.arange(1, 4), "Cell": (2 * rising - 1)[:, None] * torch.ones(3)}
    return widgets.GateMap(torch.linspace(-1, 1, 10)[:, None] * torch.arange(4), maps, 0.03, **options)


SIX = {  # the word "six": a hiss, a vowel, a hiss
    "initial": [1.0, 0.0, 0.0],
    "transition": [[0.5, 0.5, 0.0], [0.0, 0.75, 0.25], [0.0, 0.0, 1.0]],
    "emission": [[0.75, 0.25], [0.25, 0.75], [0.75, 0.25]],
    "final": [0.0, 0.0, 1.0],
}


def trellis_numbers(transition, heard) -> dict:
    """What the lesson hands to the trellis: the package's own numbers."""
    tables = {name: torch.tensor(table).double().log() for name, table in SIX.items() if name != "transition"}
    emission = hmm.Discrete(tables["emission"])
    model = hmm.HMM(tables["initial"], torch.as_tensor(transition).double().log(), emission, tables["final"])
    seen = emission.log_likelihood(torch.tensor([heard]))
    best = [hmm.all_paths(hmm.HMM(*_open(model)), seen[0, : t + 1]) for t in range(len(heard))]
    ends = [[scores[paths[:, -1] == j].max() for j in range(3)] for paths, scores in best]
    found, (paths, _) = hmm.posteriors(model, seen), hmm.viterbi(model, seen)
    forward, likelihood = hmm.forward(model, seen)
    return {
        "forward": forward[0].exp(),
        "Viterbi": torch.tensor(ends).exp(),
        "posterior": found.log_states[0].exp(),
        "path": paths[0],
        "likelihood": likelihood.exp(),
    }


def _open(model: hmm.HMM):
    return model.log_initial, model.log_transition  # where a sequence ends is judged in its last frame alone


def trellis(**options) -> widgets.Trellis:
    tables = [SIX[name] for name in ("initial", "transition", "emission", "final")]
    return widgets.Trellis(["s", "i", "ks"], ["noise", "tone"], [0, 1, 1, 0, 0], *tables, trellis_numbers, **options)


AB = [[0.5, 0.3, 0.2], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]  # blank, a, b in four frames


def ctc_lattice(probabilities, labels: list[int]) -> widgets.Lattice:
    """What the lesson hands to the trellis."""
    log_probs = torch.as_tensor(probabilities).double().log()[None]
    given = log_probs, torch.tensor([labels], dtype=torch.long), [log_probs.shape[1]], [len(labels)]
    found = ctc.forward_variables(*given)[0], ctc.backward_variables(*given)[0], ctc.occupancy(*given)[0]
    return widgets.Lattice(*found, -float(ctc.ctc_loss(*given, reduction="sum")))


def ctc_trellis(**options) -> widgets.CtcTrellis:
    return widgets.CtcTrellis(AB, ["ε", "a", "b"], "ab", ctc_lattice, **options)


LETTERS = [[0.0, -1.2, -0.4], [-2.0, -1.6, -0.4], [-0.3, -1.9, -2.2]]  # log P(column after row); 0: beginning, end


class LetterModel(language_model.LanguageModel):
    """The table as the package asks it."""

    def __init__(self, table, symbols="εab"):
        self.table, self.symbols = table, symbols

    def start(self) -> int:
        return 0

    def score(self, state: int, token: str) -> tuple[int, float]:
        label = self.symbols.index(token)
        return label, self.table[state][label]

    def finish(self, state: int) -> float:
        return self.table[state][0]


def fused(probabilities, beam, alpha, beta):
    """What the lesson hands to the tree."""
    log_probs = torch.as_tensor(probabilities, dtype=torch.float64).log()
    model = LetterModel(LETTERS)
    return decoding.prefix_beam_search(log_probs, beam, model, alpha, beta, tokens="εab")


def prefix_tree(**options) -> widgets.PrefixTree:
    sounds = {"ab": AB, "Greedy is wrong": [[0.5, 0.4, 0.1], [0.5, 0.4, 0.1], [0.3, 0.3, 0.4]]}
    return widgets.PrefixTree(sounds, "εab", LETTERS, fused, **options)


def unit_loss(w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The loss of one sigmoid unit after 50 steps from 0.5, wanted at 0.7."""
    a = torch.full_like(w, 0.5)
    for _ in range(50):
        a = torch.sigmoid(w * a + b)
    return (a - 0.7) ** 2


def descend(w: float, b: float, rate: float, limit: float, updates: int = 60) -> torch.Tensor:
    """Updates by autograd, clipped by norm as the package does it."""
    place = torch.tensor([w, b], dtype=torch.float64, requires_grad=True)
    path = [place.detach().clone()]
    for _ in range(updates):
        place.grad = None
        unit_loss(place[0], place[1]).backward()
        clip_by_norm(place, limit)
        with torch.no_grad():
            place -= rate * place.grad  # ty: ignore
        path.append(place.detach().clone())
    return torch.stack(path)


def cliff(**options) -> widgets.Cliff:
    w, b = torch.linspace(4, 6, 21), torch.linspace(-3, -1, 21)
    losses = unit_loss(w.expand(21, 21), b[:, None].expand(21, 21))
    return widgets.Cliff(w, b, losses, descend, **options)


def softmax(scores) -> torch.Tensor:
    """What the lesson hands to the map: the package's own softmax."""
    return attention.masked_softmax(torch.as_tensor(scores))


LOOKS = [[4.0, 1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 3.0, 1.0, 0.0], [0.0, 0.0, 0.5, 1.0, 5.0]]  # three tokens, five frames


def attention_map(**options) -> widgets.AttentionMap:
    """Half a second of sound that climbs."""
    return widgets.AttentionMap(TONES, 8000, torch.eye(10), LOOKS, ["one", "two", "<eos>"], softmax, **options)


DECODER_TOKENS = ["<PAD>", "<sos>", "<eos>", "a", "b"]


def small_decoder() -> tuple[seq2seq.Decoder, torch.Tensor]:
    """A decoder that nobody trained, sharp enough that greedy and beam part, and its state for two inputs."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        decoder, starts = seq2seq.Decoder(5, 3, 4, 4, recurrent.GRU), torch.randn(2, 4)
    with torch.no_grad():
        decoder.output.weight *= 4
        decoder.output.bias[:2] = -20  # neither padding nor <sos> is ever written
    return decoder, starts


def next_tokens(source: int, written: list[int]) -> torch.Tensor:
    """What the lesson hands to the stepper: the decoder's distributions."""
    decoder, starts = small_decoder()
    state = seq2seq.DecoderState(starts[source : source + 1])
    return decoder(torch.tensor([[1, *written]]), state)[0][0].detach().softmax(-1)


def kept_drafts(source: int, width: int) -> list[list[tuple[int, float, int]]]:
    """And the package's beam search, step by step."""
    decoder, starts = small_decoder()
    drafts, columns = beam.first_drafts(seq2seq.DecoderState(starts[source : source + 1]), width), []
    with torch.no_grad():
        while len(columns) < 6 and not drafts.ended.all():
            drafts = beam.advance(decoder.step, drafts, 1, 2)
            kept = zip(
                drafts.tokens[0, :, -1].tolist(), drafts.log_probs[0].tolist(), drafts.parents[0].tolist(), strict=True
            )
            columns.append([draft for draft in kept if draft[1] > -100])
    return columns


def decoder_stepper(**options) -> widgets.DecoderStepper:
    decoder, starts = small_decoder()
    asked = ["first", "second"], starts, decoder.state_dict(), DECODER_TOKENS, next_tokens, kept_drafts
    return widgets.DecoderStepper(*asked, hidden=[0, 1], longest=6, **options)


HEARD = [
    ("equal", ("one", 0.05, 0.2), ("one", 0.05, 0.2)),
    ("substitute", ("two", 0.2, 0.3), ("nine", 0.2, 0.32)),
    ("delete", ("six", 0.3, 0.4), None),
    ("insert", None, ("eight", 0.4, 0.48)),
]


def captions(**options) -> widgets.Captions:
    """Half a second of sound in which three words are said, and one of them is heard."""
    return widgets.Captions(TONES, 8000, HEARD, **options)


CHINESE = ["<PAD>", "<sos>", "<eos>", "我", "爱", "茶"]
SOUNDS = {"我": "wǒ", "爱": "ài", "茶": "chá"}


def small_translators() -> tuple[list[seq2seq.Decoder], seq2seq.DecoderState]:
    """Two decoders that nobody trained, and what they start from for two sentences."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        decoders = [seq2seq.Decoder(6, 3, 4, 5, recurrent.GRU, attention.scaled_dot) for _ in range(2)]
        start = seq2seq.DecoderState(torch.randn(2, 4), torch.randn(2, 3, 4), torch.randn(2, 3, 5))
    for decoder in decoders:
        with torch.no_grad():
            decoder.output.weight *= 6
            decoder.output.bias[2] -= 4  # not at once
            decoder.output.bias[:2] = -20  # neither padding nor <sos> is ever written
    return decoders, start


@torch.no_grad()
def forced_steps(model: int, source: int, forced: dict[int, int]) -> tuple[list[int], list[float]]:
    """What the lesson hands to the widget: the package's decoder, step by step."""
    decoders, start = small_translators()
    state, last, written, shares = start.select(torch.tensor([source])), 1, [], []
    state = seq2seq.DecoderState(state.hidden, state.keys, state.values, None, torch.zeros(1, 3))
    while len(written) < 6 and last != 2:
        log_probs, _, state = decoders[model].step(torch.tensor([last]), state)
        last = forced.get(len(written), int(log_probs[0].argmax()))
        written.append(last)
        shares.append(float(log_probs[0, last].exp()))
    return written, shares


def forced_translator(**options) -> widgets.ForcedTranslator:
    decoders, start = small_translators()
    assert start.keys is not None
    assert start.values is not None
    memories = [(start.hidden[k], start.keys[k], start.values[k]) for k in range(2)]
    trained = {name: (one.state_dict(), memories) for name, one in zip(["ratio 1", "ratio 0"], decoders, strict=True)}
    texts = ["I love tea", "tea loves me"], [[3, 4, 5], [5, 4, 3]]
    return widgets.ForcedTranslator(trained, *texts, CHINESE, SOUNDS, forced_steps, longest=6, **options)


MAKERS = {
    "attention-map": attention_map,
    "captions": captions,
    "cliff": cliff,
    "ctc-trellis": ctc_trellis,
    "prefix-tree": prefix_tree,
    "decoder-stepper": decoder_stepper,
    "forced-translator": forced_translator,
    "gates-by-hand": gates_by_hand,
    "gate-map": gate_map,
    "workbench": workbench,
    "gradient-flow": flow,
    "stepper": stepper,
    "trellis": trellis,
    "explorer": explorer,
    "self-test": widgets.SelfTest,
    "microphone": widgets.Microphone,
}
