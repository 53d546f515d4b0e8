"""Widgets, Python's side: what they refuse, what they send, what they answer, and the page they export."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from course_utils.visuals import plots, widgets
from course_utils.visuals.widgets import base

from .samples import BEST, LABELS, MAKERS, TRANSCRIPTS, VOCABULARY, compute, explorer, posteriors, stepper

CLASSES = [
    widgets.FeatureWorkbench,
    widgets.RecurrentStepper,
    widgets.UtteranceExplorer,
    widgets.SelfTest,
    widgets.Microphone,
]


@pytest.fixture(params=MAKERS)
def widget(request):
    return MAKERS[request.param]()


def numbers(data: bytes) -> np.ndarray:
    return np.frombuffer(data, dtype="<f4")


def test_the_stepper_sends_what_the_network_did():
    data = stepper(step=2).data
    assert data["tokens"] == ["Sam", "and", "Zoe"]
    assert data["entries"] == ["sam", "and", "<UNK>"]
    assert data["rows"] == [4, 2, 1]
    assert data["size"] == len(VOCABULARY)
    np.testing.assert_array_equal(numbers(data["hidden"]), [1, -1, -1, 0, -1, 1])
    np.testing.assert_allclose(numbers(data["probabilities"]), [0.97, 0.02, 0.02], rtol=1e-6)


def test_the_stepper_answers_a_new_sentence():
    widget = stepper(step=3)
    widget.sentence = "Tom Li"
    assert (widget.data["rows"], widget.message, widget.answered) == ([5, 3], "", 1)
    assert widget.step == 2  # the new sentence has no third


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        (" ", "The sentence is empty: type at least one word."),
        ("a " * 21, "The sentence has 21 words and the picture has room for 20: leave some out."),
        ("crash", "The network could not read this sentence (RuntimeError: out of memory)."),
    ],
)
def test_a_sentence_that_cannot_be_shown_is_explained(sentence, message):
    widget = stepper()
    before = widget.data
    widget.sentence = sentence
    assert (widget.message, widget.answered) == (message, 1)
    assert widget.data == before  # the picture stays
    widget.sentence = "Sam"
    assert (widget.message, widget.answered, widget.data["tokens"]) == ("", 2, ["Sam"])


def test_the_explorer_sends_what_it_was_given():
    data = explorer(time=0.5).data
    assert len(numbers(data["samples"])) == 8000
    np.testing.assert_allclose(numbers(data["probabilities"]).reshape(8, 3), posteriors(), rtol=1e-6)
    assert numbers(data["features"]).reshape(100, 10)[50, 0] == 1
    assert data["labels"] == ["blank", "one", "two"]  # the dot by its name
    assert data["transcripts"] == TRANSCRIPTS
    assert (data["feature_seconds"], data["frame_seconds"]) == (0.01, 0.125)  # they span the second of sound


def test_the_self_test_answers():
    widget = widgets.SelfTest()
    assert widget.findings == {"widgets": "not tried", "sound": "not tried", "microphone": "nothing recorded yet"}
    widget.waves, widget.heard, widget.samples = 7, "no", np.zeros(4000, dtype="<f4").tobytes()
    assert widget.echo == "✓ Python answers: 7 × 7 = 49."
    assert widget.findings == {"widgets": "alive", "sound": "not heard", "microphone": "0.50 s recorded"}


def test_the_microphone_gives_a_tensor():
    widget = widgets.Microphone(seconds=3, sample_rate=16_000)
    assert widget.recording is None
    sound = np.linspace(-1, 1, 100, dtype="<f4")
    widget.samples = sound.tobytes()
    assert isinstance(widget.recording, torch.Tensor)
    assert widget.recording.dtype == torch.float32
    np.testing.assert_array_equal(widget.recording, sound)
    assert repr(widget) == "Microphone: 0.01 s recorded"


def test_static_twin(widget):
    picture = widget.static()
    assert isinstance(picture, Figure) or isinstance(picture.get_figure(), Figure)
    assert plots.alt_text(picture)


def test_the_static_twin_is_at_the_same_step():
    top = stepper(step=2).static().axes[0]
    np.testing.assert_allclose([bar.get_height() for bar in top.patches], [0.97, 0.02], rtol=1e-6)
    assert "after 2 of 3 tokens" in plots.alt_text(top)
    assert "one and two" in plots.alt_text(explorer().static())


def test_words_stand_where_a_widget_cannot(widget):
    bundle, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == repr(widget)
    assert repr(widget).startswith(type(widget).__name__ + ": ")
    assert "P(name): Sam 0.97, and 0.02, Zoe 0.02" in repr(stepper())


def test_a_lesson_printed_as_a_page_holds_the_page_instead(widget, monkeypatch):
    monkeypatch.setenv("COURSE_WIDGETS", "page")
    bundle, _ = widget._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert widget.render in bundle["text/html"]


def test_the_export_needs_nothing_else(widget, tmp_path):
    path = tmp_path / "page.html"
    page = widgets.to_html(widget, path, title="A <page>")
    assert path.read_text(encoding="utf-8") == page
    assert list(tmp_path.iterdir()) == [path]
    assert "<title>A &lt;page&gt;</title>" in page
    assert not re.search(r"\b(src|href)=|@import|url\((?!#|data:)|\bfetch\(", page)
    assert set(re.findall(r"https?://[\w./]+", page)) <= {"http://www.w3.org/2000/svg", "https://"}


def test_text_cannot_leave_its_place_in_the_page():
    text = "Sam </script><b>bold</b>"
    page = widgets.fragment(widgets.RecurrentStepper(compute, text))
    assert page.count("</script>") == 1
    assert "<b>" not in page.partition("<script")[0]


@pytest.mark.parametrize("kind", CLASSES)
def test_the_module_is_one_script_with_one_export(kind):
    source = kind._esm
    assert source.count("export ") == 1
    assert f"export default {{ render: {kind.render} }};" in source
    assert f"function {kind.render}({{ model, el }})" in source
    assert "import " not in re.sub(r"//.*", "", source)
    assert all(colour in source for colour in base.COLOURS["signed"])


splits: Any = str.split


def stepped(**changes) -> widgets.StepperData:
    good: dict[str, Any] = {
        "tokens": ["a"],
        "inputs": [1],
        "vocabulary": ["x", "y"],
        "hidden": [[0.5]],
        "probabilities": [0.5],
    }
    return widgets.StepperData(**{**good, **changes})


def explored(**changes) -> widgets.UtteranceExplorer:
    good: dict[str, Any] = {"samples": [0.0] * 800, "sample_rate": 8000, "features": [[0.0]] * 10, "labels": LABELS}
    good["probabilities"] = posteriors()
    return widgets.UtteranceExplorer(**{**good, **changes})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: stepped(tokens=[]), "tokens should be a list of at least one string"),
        (lambda: stepped(tokens="Sam"), "tokens is the one string 'Sam'"),
        (lambda: stepped(inputs=[1, 1]), "tokens 1, inputs 2, hidden states 1, probabilities 1"),
        (lambda: stepped(inputs=[2]), "input 2 is no index of a vocabulary of 2: 0 to 1"),
        (lambda: stepped(inputs=[0.5]), "input 0.5 is no index"),
        (lambda: stepped(hidden=[[float("nan")]]), "hidden[0, 0] is nan"),
        (lambda: stepped(hidden=torch.zeros(1, 1, 4)), "hidden has shape (1, 1, 4) and should have (T, H)"),
        (lambda: stepped(probabilities=[1.5]), "probabilities runs from 1.5 to 1.5"),
        (lambda: stepper(step=4), "step 4 is outside the sentence's steps, 1 to 3"),
        (lambda: stepper(max_tokens=2), "has 3 words and the picture has room for 2"),
        (lambda: widgets.RecurrentStepper(compute, ""), "The sentence is empty"),
        (lambda: widgets.RecurrentStepper(splits, "a"), "compute must return StepperData, and returned list"),
        (lambda: explored(samples=[]), "samples has shape (0,)"),
        (lambda: explored(samples=[2.0] * 800), "samples reach 2, and must lie in [-1, 1]"),
        (lambda: explored(sample_rate=-1), "sample_rate is -1"),
        (lambda: explored(features=[0.0] * 10), "features has shape (10,) and should have (T, D)"),
        (lambda: explored(probabilities=-posteriors()), "probabilities runs from -0.9 to -0.05"),
        (lambda: explored(labels=["a"]), "columns of probabilities 3, labels 1"),
        (lambda: explored(transcripts=["a"]), "frames of probabilities 8, transcripts 1"),
        (
            lambda: explored(frame_seconds=0.08),
            "8 frames of probabilities, 0.08 s each, last 0.64 s, and the sound 0.10",
        ),
        (lambda: explored(time=3.0), "time 3.0 is outside the sound, 0 to 0.10 s"),
        (lambda: widgets.Microphone(seconds=0), "seconds is 0 and must be a number above 0"),
        (lambda: widgets.Microphone(sample_rate=100), "sample_rate is 100"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_the_data_of_a_planted_path_is_found_again():
    found = numbers(explorer().data["probabilities"]).reshape(8, 3).argmax(1)
    assert found.tolist() == BEST
