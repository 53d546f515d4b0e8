"""A course on recurrent networks and speech recognition: the small package behind its lessons.

Five rooms, whose imports point down: ``algorithms`` (what the course teaches), ``data`` (what it learns from),
``visuals`` (what it shows), ``experiments`` (what lessons train) and ``teaching`` (how it teaches). A lesson takes
modules by name, ``from course_utils import ctc, plots``, and each is loaded when first used, so that
``import course_utils`` stays light: no torch, no matplotlib.

Letters for dimensions, everywhere: ``B`` batch, ``T`` input time, ``U`` target length, ``S`` extended states,
``C`` classes, ``H`` hidden, ``D`` features. Batch comes first; ``blank`` is 0.
"""

from importlib import import_module

TYPE_CHECKING = False  # as typing's, whose import would cost more than this whole file
if TYPE_CHECKING:
    from course_utils import doctor, evaluation, places, recogniser, training
    from course_utils.algorithms import (
        alignment,
        arpa,
        attention,
        batched_decoding,
        beam,
        cepstra,
        ctc,
        ctc_recursion,
        decoding,
        encoders,
        features,
        fusion,
        gradients,
        hard_attention,
        hmm,
        language_model,
        lexicon,
        metrics,
        recurrent,
        resynthesis,
        sampling,
        seq2seq,
        teacher_forcing,
    )
    from course_utils.data import (
        audio,
        augmentation,
        chinese,
        corpora,
        download,
        isolated,
        pairs,
        tasks,
        text,
        transcribed,
    )
    from course_utils.experiments import (
        captions,
        clinic,
        home_commands,
        judging,
        listening,
        looking,
        readers,
        several,
        side_by_side,
        three_ways,
        translating,
    )
    from course_utils.teaching import checks, lesson, progress, recognisers_table
    from course_utils.teaching.checks import check, hint, solution
    from course_utils.teaching.lesson import claim, setup, show_source
    from course_utils.visuals import players, plots, widgets

__version__ = "0.1.0"

_ROOMS = {
    "algorithms": [
        "recurrent",
        "gradients",
        "sampling",
        "features",
        "cepstra",
        "resynthesis",
        "hmm",
        "attention",
        "hard_attention",
        "encoders",
        "seq2seq",
        "teacher_forcing",
        "beam",
        "ctc",
        "ctc_recursion",
        "alignment",
        "fusion",
        "decoding",
        "batched_decoding",
        "language_model",
        "arpa",
        "lexicon",
        "metrics",
    ],
    "data": [
        "text",
        "audio",
        "augmentation",
        "chinese",
        "corpora",
        "download",
        "isolated",
        "pairs",
        "tasks",
        "transcribed",
    ],
    "experiments": [
        "readers",
        "looking",
        "listening",
        "side_by_side",
        "home_commands",
        "three_ways",
        "judging",
        "translating",
        "clinic",
        "several",
        "captions",
    ],
    "visuals": ["plots", "players", "widgets"],
    "teaching": ["lesson", "checks", "progress", "recognisers_table"],
}
_MODULES = {module: f"course_utils.{room}.{module}" for room, modules in _ROOMS.items() for module in modules}
_MODULES.update(
    {
        module: "course_utils." + module
        for module in [
            "doctor",
            "evaluation",
            "places",
            "recogniser",
            "training",
            *_ROOMS,
        ]
    }
)
_NAMES = {
    "setup": "lesson",
    "claim": "lesson",
    "show_source": "lesson",
    "check": "checks",
    "hint": "checks",
    "solution": "checks",
}


def __getattr__(name):
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name in _NAMES:
        return getattr(import_module(_MODULES[_NAMES[name]]), name)
    raise AttributeError("course_utils has no {!r}; it has: {}".format(name, ", ".join(__dir__())))


def __dir__():
    return sorted([*_MODULES, *_NAMES])
