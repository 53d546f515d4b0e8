"""The prefix tree: what it refuses and draws, and the browser's search against the algorithms room's."""

import math
import re
import statistics

import numpy as np
import pytest
import torch

from course_utils.algorithms import decoding
from course_utils.visuals import plots, widgets

from ..browser.lesson_page import drawn, pictures
from .samples import AB, LETTERS, LetterModel, fused, prefix_tree
from .test_widget_pages import press, show

__all__ = ["show"]  # a fixture


def test_the_twin_draws_each_prefix_once():
    ax = prefix_tree(alpha=0.5).static()
    found = fused(AB, 4, 0.5, 0.0)
    texts = ["".join("εab"[label] for label in one.labels) for one in found]
    nodes = {text[:cut] for text in texts for cut in range(len(text) + 1)}
    letters = [text.get_text() for text in ax.texts if not text.get_text()[0].isdigit()]
    assert sorted(letters) == sorted(node[-1:] or "∅" for node in nodes)
    assert f"{math.exp(found[0].acoustic):.3f}" in [text.get_text() for text in ax.texts]
    assert f"best first: {texts[0]} " in plots.alt_text(ax)


def test_no_two_leaves_of_the_figure_share_a_place():
    prefixes = [(text, 0.1, -1.0) for text in ("ab", "a", "abc", "b", "", "abd", "ba")]
    ax = plots.prefix_tree(prefixes)
    points = [np.asarray(line.get_xydata()) for line in ax.lines]
    places = [tuple(point[0]) for point in points if len(point) == 1]
    assert len(set(places)) == len(places) == 7


def test_the_caption_tells_the_best():
    assert prefix_tree(frame=2).caption() == "the prefix tree of a beam search after 2 frames: the best of 4 is 'a'"
    assert prefix_tree(preset=1).caption().endswith("is 'a'")
    assert prefix_tree(preset=1).frame == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: prefix_tree(frame=0), "frame is 0; it runs from 1 to 32"),
        (lambda: prefix_tree(beam=9), "beam is 9; it runs from 1 to 8"),
        (lambda: prefix_tree(alpha=-0.1), "alpha is -0.1; it runs from 0 to 2"),
        (lambda: prefix_tree(beta=math.nan), "beta is nan"),
        (lambda: prefix_tree(preset=2), "preset is 2; there are 2 sounds"),
        (lambda: widgets.PrefixTree({}, "εab", LETTERS, fused), "there are no sounds"),
        (lambda: widgets.PrefixTree({"a": AB}, "εaa", LETTERS, fused), "each once"),
        (lambda: widgets.PrefixTree({"a": AB}, ["ε", "one", "b"], LETTERS, fused), "'one' has 3 characters"),
        (lambda: widgets.PrefixTree({"a": [[0.5, 0.5]]}, "εab", LETTERS, fused), "shape (1, 2)"),
        (lambda: widgets.PrefixTree({"a": [[0.5, 0.5, 0.5]]}, "εab", LETTERS, fused), "frame 1 add up to 1.5"),
        (lambda: widgets.PrefixTree({"a": AB}, "εab", [[0.0]], fused), "bigram has the shape (1, 1)"),
        (lambda: widgets.PrefixTree({"a": AB}, "εab", [[0.1] * 3] * 3, fused), "the maximum 0.1"),
        (lambda: plots.prefix_tree([]), "there are no prefixes"),
        (lambda: plots.prefix_tree([("a", 0.1, 0.0), ("a", 0.2, 0.0)]), "one text comes twice"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def random_case(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, list]:
    """Frames, a bigram, and settings: beam, alpha, beta."""
    T, C = (int(torch.randint(low, high, (), generator=generator)) for low, high in ((1, 10), (2, 6)))
    log_probs = (2 * torch.randn(T, C, generator=generator, dtype=torch.float64)).log_softmax(1)
    bigram = torch.randn(C, C, generator=generator, dtype=torch.float64).log_softmax(1)
    beam, alpha, beta = torch.rand(3, generator=generator).tolist()
    return log_probs, bigram, [1 + int(8 * beam), 0.0 if alpha < 0.2 else 2 * alpha, 2 * beta - 0.5]


@pytest.mark.browser
def test_the_browser_searches_as_the_package_does(show):
    """After every frame: the same prefixes in the same order, with their masses and scores."""
    _, widget = show(prefix_tree())
    generator = torch.manual_seed(11)
    cases = [random_case(generator) for _ in range(80)]
    asked = [[log_probs.tolist(), bigram.tolist(), *settings] for log_probs, bigram, settings in cases]
    answers = widget.evaluate("(el, cases) => cases.map(one => el.searchOf(...one))", asked)
    for (log_probs, bigram, (beam, alpha, beta)), found in zip(cases, answers, strict=True):
        tokens = "εabcde"[: len(bigram)]
        model = LetterModel(bigram.tolist(), tokens)
        for t, kept in enumerate(found, 1):
            wanted = decoding.prefix_beam_search(log_probs[:t], beam, model, alpha, beta, tokens=tokens)
            assert [tuple(one["labels"]) for one in kept] == [one.labels for one in wanted]
            for name, field in [("total", "acoustic"), ("spoken", "language"), ("ended", "score")]:
                theirs = [getattr(one, field) for one in wanted]
                np.testing.assert_allclose([one[name] for one in kept], theirs, atol=1e-9, err_msg=name)


@pytest.mark.browser
def test_impossible_letters_are_survived(show):
    table = [[0.0, -math.inf, -0.5], [-1.0, -math.inf, -math.inf], [-0.5, -1.0, -math.inf]]
    sounds = {"sure": [[0.0, 1.0, 0.0], [0.5, 0.0, 0.5]], "ab": AB}
    tree = widgets.PrefixTree(sounds, "εab", table, lambda *settings: [], alpha=0.0)
    page, widget = show(tree)
    assert "NaN" not in widget.inner_text()
    alpha = widget.get_by_label("Weight α")
    alpha.focus()
    press(page, widget, "End")  # no prefix is left in the first frame
    assert "nothing that the language model allows" in widget.inner_text()
    assert "NaN" not in widget.inner_text()


@pytest.mark.browser
def test_every_control_works_from_the_keyboard(show, measured):
    page, widget = show(prefix_tree(), viewport={"width": 800, "height": 900})
    times = []
    for label, key in [
        ("Frame t", "ArrowLeft"),
        ("Beam", "ArrowRight"),
        ("Weight α", "End"),
        ("Length term β", "End"),
        ("Beam", "Home"),
    ]:
        before = pictures(widget)
        widget.get_by_label(label).focus()
        times.append(press(page, widget, key))
        assert pictures(widget) != before, label
    assert widget.get_by_label("Frame t").get_attribute("aria-valuetext") == "3 of 4"
    before = pictures(widget)
    other = widget.get_by_role("button", name="Greedy is wrong")
    other.focus()
    press(page, widget, "Enter")
    assert pictures(widget) != before
    assert other.get_attribute("aria-pressed") == "true"
    assert widget.get_by_label("Frame t").get_attribute("max") == "3"
    measured("key to picture, prefix tree", median_ms=round(statistics.median(times)), most_ms=round(max(times)))


@pytest.mark.browser
def test_transcripts_are_told_and_what_falls(show):
    page, widget = show(prefix_tree(preset=1))
    assert "greedy “b”, the search “a”" in widget.locator("[aria-live]").inner_text()
    rows = widget.locator("table tr").all_inner_texts()
    best = fused([[0.5, 0.4, 0.1], [0.5, 0.4, 0.1], [0.3, 0.3, 0.4]], 4, 0.0, 0.0)[0]
    assert rows[1].split("\t")[0] == "a"
    assert rows[1].split("\t")[-1] == f"{best.score:.2f}".replace("-", "−")
    widget.get_by_label("Beam").focus()
    for _ in range(3):
        press(page, widget, "ArrowLeft")
    assert len(widget.locator("table tr").all()) == 2
    assert "Pushed out: " in widget.locator("[aria-live]").inner_text()


@pytest.mark.browser
def test_the_tree_plays_and_listens_to_python(show):
    page, widget = show(prefix_tree())
    count = drawn(widget)
    widget.get_by_role("button", name="Run through the frames").click()
    page.wait_for_function("() => document.querySelector('[data-drawn] input').value === '4'")
    widget.get_by_role("button", name="Run through the frames").wait_for()
    assert drawn(widget) >= count + 4
    widget.evaluate("el => { el.model.set('alpha', 1.5); el.model.set('preset', 1); el.model.set('frame', 2); }")
    widget.get_by_text("After frame 2").wait_for()
    assert widget.get_by_label("Weight α").input_value() == "1.5"
