"""The CTC trellis: what it refuses and draws, and the browser's numbers against the algorithms room's."""

import math
import re
import statistics

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from course_utils.algorithms import alignment, ctc, decoding
from course_utils.visuals import plots, widgets
from course_utils.visuals.plots.ctc import PROBABILITY_MAP

from ..browser.lesson_page import drawn, pictures
from .samples import AB, ctc_lattice, ctc_trellis
from .test_widget_pages import press, show

__all__ = ["show"]  # a fixture
DRAG = """async ([canvas, count]) => {  // the milliseconds between pictures while a bar is dragged, frame by frame
  const widget = canvas.closest('[data-drawn]'), box = canvas.getBoundingClientRect(), times = [];
  const at = (type, y) => canvas.dispatchEvent(new PointerEvent(type, {clientX: box.left + 150, clientY: box.top + y,
    pointerId: 1, bubbles: true}));
  canvas.setPointerCapture = () => {};
  at('pointerdown', 40);
  for (let n = 0; n < count; n++) {
    const begin = performance.now(), before = widget.dataset.drawn;
    at('pointermove', 26 + 20 * Math.abs(Math.sin(n / 7)));
    while (widget.dataset.drawn === before) await new Promise(requestAnimationFrame);
    times.push(performance.now() - begin);
  }
  at('pointerup', 40);
  return times;
}"""

LATTICE = {"alphas": ctc.forward_variables, "betas": ctc.backward_variables, "occupancy": ctc.occupancy}


def axes_of(figure: Figure):
    return figure.axes


def pencil(value: float) -> str:
    return f"{value:.{3 if value < 0.0995 else 2}f}" if value else "0"


def test_the_twin_writes_each_number():
    figure = ctc_trellis(view="Posterior").static()
    occupancy = ctc_lattice(AB, [1, 2]).posterior
    texts = [text.get_text() for text in axes_of(figure)[1].texts]
    assert texts[5:10] == [
        f"{share:.{3 if share < 0.0995 else 2}f}" if share else "0" for share in occupancy[1].tolist()
    ]
    assert len(axes_of(figure)[0].patches) == 4 * 3
    assert "state 2, a: " in plots.alt_text(figure)


def test_without_a_posterior_moves_join_what_can_be_reached():
    alphas = ctc_lattice(AB, [1, 2]).alphas.exp()
    bars, trellis = axes_of(plots.ctc_trellis(AB, "εab", "ab", alphas))
    assert not bars.collections
    assert {line.get_markerfacecolor() for line in trellis.lines if line.get_marker() == "o"} == {PROBABILITY_MAP(0.0)}
    joined = {tuple(line.get_xydata().flatten()) for line in trellis.lines if len(line.get_xdata()) == 2}
    assert (1, 1, 2, 3) in joined  # the skip from a to b
    assert not any(start[:2] == (1, 2) for start in joined)  # nobody stands in the second blank after one frame


def test_the_twin_shows_what_the_widget_shows():
    alphas = ctc_lattice(AB, [1, 2]).alphas.exp()
    texts = [text.get_text() for text in axes_of(ctc_trellis().static())[1].texts]
    assert texts[:2] == [f"{alpha:.2f}" for alpha in alphas[0, :2].tolist()]
    assert ctc_trellis().caption().endswith(f"{alphas[-1, -2:].sum():.3g}")


def test_posteriors_over_training_are_drawn_in_turn():
    late = [[0.1, 0.9], [0.9, 0.1], [0.9, 0.1]]
    figure = plots.posteriors_over_training({0: [[0.4, 0.6]] * 3, 100: late}, ["·", "one"], 0.04)
    assert [ax.get_ylabel() for ax in axes_of(figure)] == ["0 updates", "100 updates"]
    assert [text.get_text() for text in axes_of(figure)[1].texts] == ["one"]
    np.testing.assert_allclose(axes_of(figure)[1].lines[0].get_ydata(), [0.9, 0.1, 0.1])
    assert "after 100 updates 67 per cent blank" in plots.alt_text(figure)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ctc_trellis(view="Sideways"), "view is 'Sideways'"),
        (lambda: ctc_trellis(frame=0), "frame is 0; it runs from 1 to 12"),
        (lambda: ctc_trellis(beam=7), "beam is 7; it runs from 1 to 6"),
        (lambda: ctc_trellis(path="abz"), "'abz' has the symbol 'z'"),
        (lambda: ctc_trellis(presets={"p": (AB, "aε")}), "'aε' has the symbol 'ε'"),
        (lambda: ctc_trellis(presets={"p": (AB, "abababa")}), "has 7 symbols; the picture has room for 6"),
        (lambda: ctc_trellis(presets={"p": ([[0.5, 0.5, 0.5]], "a")}), "frame 1 add up to 1.5"),
        (lambda: ctc_trellis(presets={"p": ([[0.5, 0.5]], "a")}), "shape (1, 2)"),
        (lambda: ctc_trellis(presets={"p": ([[math.nan, 1, 0]], "a")}), "is nan"),
        (lambda: ctc_trellis(presets={"p": ([[-1.0, 1, 1]], "a")}), "from -1 to 1"),
        (lambda: widgets.CtcTrellis(AB, ["ε", "one", "b"], "b", ctc_lattice), "'one' has 3 characters"),
        (lambda: widgets.CtcTrellis(AB, ["ε", "a", "a"], "a", ctc_lattice), "each once"),
        (lambda: plots.ctc_trellis(AB, "εab", "ab", np.zeros((4, 3)), np.zeros((4, 3))), "states 5"),
        (lambda: plots.posteriors_over_training({}, ["a"], 0.1), "there are no snapshots"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def random_case(generator: torch.Generator) -> tuple[torch.Tensor, list[int]]:
    def draw(low, high):
        return int(torch.randint(low, high, (), generator=generator))

    T, C = draw(1, 9), draw(2, 5)
    log_probs = (2 * torch.randn(T, C, generator=generator, dtype=torch.float64)).log_softmax(1)
    if draw(0, 4) == 0:
        log_probs[draw(0, T), draw(0, C)] = -torch.inf
    return log_probs, [draw(1, C) for _ in range(draw(0, 5))]


@pytest.mark.browser
def test_the_browser_computes_what_the_package_computes(show):
    """On random cases: repeats, empty targets, targets that do not fit, log-probabilities of -inf."""
    _, widget = show(ctc_trellis())
    generator = torch.manual_seed(10)
    cases = [random_case(generator) for _ in range(120)]
    asked = [[log_probs.tolist(), target, 1 + k % 8] for k, (log_probs, target) in enumerate(cases)]
    answers = widget.evaluate("(el, cases) => cases.map(one => el.ctcOf(...one))", asked)
    unfit = 0
    for (log_probs, target), (_, _, beam), found in zip(cases, asked, answers, strict=True):
        given = log_probs[None], torch.tensor([target], dtype=torch.long), [len(log_probs)], [len(target)]
        same_lattice(found, log_probs, given)
        same_decodings(found, log_probs, beam)
        assert found["count"] == ctc.count_alignments(target, len(log_probs))
        if found["total"] == -math.inf:
            unfit += 1
            assert found["best"]["path"] == []
        else:
            path, score = alignment.forced_align(log_probs, target)
            assert found["best"] == {"path": path.tolist(), "score": pytest.approx(score, abs=1e-9)}
    assert 10 < unfit < 90  # both kinds were tried


def same_lattice(found, log_probs, given):
    for name, of in LATTICE.items():
        np.testing.assert_allclose(found[name], of(*given)[0], atol=1e-9, err_msg=name)
    logits = log_probs.clone().requires_grad_()
    assert found["total"] == pytest.approx(-float(ctc.ctc_loss(*given, reduction="sum")), abs=1e-9)
    loss = ctc.ctc_loss(logits.log_softmax(1)[None], *given[1:], reduction="sum")
    if loss.isfinite() and log_probs.isfinite().all():
        loss.backward()
        assert logits.grad is not None
        np.testing.assert_allclose(found["pull"], -logits.grad, atol=1e-9)
        np.testing.assert_allclose(found["posterior"], log_probs.exp() - logits.grad, atol=1e-9)


def same_decodings(found, log_probs, beam):
    assert found["greedy"] == decoding.greedy(log_probs[None])[0]
    prefixes = decoding.prefix_beam_search(log_probs, beam)
    assert [tuple(prefix["labels"]) for prefix in found["prefixes"]] == [prefix.labels for prefix in prefixes]
    np.testing.assert_allclose([p["total"] for p in found["prefixes"]], [p.acoustic for p in prefixes], atol=1e-9)
    paths = decoding.beam_search(log_probs, beam)
    assert [tuple(path["labels"]) for path in found["paths"]] == [path.labels for path in paths]
    np.testing.assert_allclose([path["score"] for path in found["paths"]], [path.score for path in paths], atol=1e-9)


@pytest.mark.browser
def test_a_dragged_bar_moves_everything(show, measured):
    page, widget = show(ctc_trellis(), viewport={"width": 800, "height": 1000})
    before = widget.evaluate("el => [el.ctc.lattice.total, el.ctc.prefixes.at(-1)[0].total, el.ctc.lattice.pull[0][0]]")
    image, told = pictures(widget), widget.locator("p[role=status]").inner_text()
    canvas = widget.locator("canvas")
    times = page.evaluate(DRAG, [canvas.element_handle(), 60])
    after = widget.evaluate("el => [el.ctc.lattice.total, el.ctc.prefixes.at(-1)[0].total, el.ctc.lattice.pull[0][0]]")
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert pictures(widget) != image
    assert widget.locator("p[role=status]").inner_text() != told
    sent = np.array(widget.evaluate("el => el.model.get('probabilities')"))
    np.testing.assert_allclose(sent.sum(1), 1, atol=1e-9)
    np.testing.assert_allclose(sent[0, 1] / sent[0, 2], 0.3 / 0.2)  # the others keep their proportions
    measured(
        "drag to picture, CTC trellis", median_ms=round(statistics.median(times), 1), p95_ms=round(sorted(times)[56])
    )


@pytest.mark.browser
def test_targets_and_paths_are_typed(show):
    _, widget = show(ctc_trellis())
    status, target, path = (
        widget.locator("p[role=status]"),
        widget.get_by_role("textbox", name="Target"),
        widget.get_by_role("textbox", name="A path of yours"),
    )
    assert f"{ctc.count_alignments([1, 2], 4)} alignments" in status.inner_text()
    path.fill("ab-b")
    widget.get_by_text("collapses to “abb”: not one of the target's").wait_for()
    path.fill("aεbb")
    widget.get_by_text(f"probability {0.3 * 0.25 * 0.25 * 0.6:.3f} and collapses to “ab”: an alignment").wait_for()
    assert widget.evaluate("el => el.ctc.path") == [1, 2, 3, 3]
    path.fill("a")
    widget.get_by_text("Your path has 1 of 4 symbols so far").wait_for()
    target.fill("aab!")
    widget.get_by_text("“aab” in 4 frames: 1 alignment,").wait_for()
    target.fill("Aaab")
    widget.get_by_text(
        "“aaab” needs at least 6 frames, and there are 4: no alignment, the loss is infinite."
    ).wait_for()
    assert widget.get_by_role("button", name="Gradient step").is_disabled()
    target.fill("")
    widget.get_by_text("nothing in 4 frames").wait_for()
    assert widget.evaluate("el => [el.model.get('target'), el.model.get('path')]") == ["", "a"]


@pytest.mark.browser
def test_the_recursion_is_told_at_each_state(show):
    page, widget = show(ctc_trellis(frame=3, state=4))
    told, state = widget.locator("[aria-live]"), widget.get_by_label("State s")
    alphas = ctc_lattice(AB, [1, 2]).alphas.exp()
    ways = " + ".join(pencil(float(alphas[1, s])) for s in (3, 2, 1))
    assert told.inner_text().startswith(
        f"α₃(4) = ({ways}) · 0.25 = {alphas[2, 3]:.2f}. A skip past the blank is allowed"
    )
    state.focus()
    press(page, widget, "ArrowRight")
    assert "No skip: it would leave out a label." in told.inner_text()
    widget.get_by_role("textbox", name="Target").fill("aa")
    widget.get_by_text("“aa” in 4 frames").wait_for()
    state.focus()
    press(page, widget, "ArrowLeft")
    assert "No skip: without the blank, a and a would merge." in told.inner_text()


@pytest.mark.browser
def test_every_control_works_from_the_keyboard(show):
    peaky = [[0.9, 0.05, 0.05]] * 3
    page, widget = show(ctc_trellis(presets={"Mostly blank": (peaky, "b")}))
    for label, key in [
        ("Symbol", "End"),
        ("Its probability", "ArrowRight"),
        ("Beam", "ArrowRight"),
        ("Frame t", "End"),
    ]:
        before = pictures(widget)
        widget.get_by_label(label, exact=True).focus()
        press(page, widget, key)
        assert pictures(widget) != before, label
    for name in ("Backward β", "Posterior", "Gradient step", "Mostly blank"):
        before = pictures(widget)
        button = widget.get_by_role("button", name=name)
        button.focus()
        press(page, widget, "Enter")
        assert pictures(widget) != before, name
    assert widget.get_by_role("textbox", name="Target").input_value() == "b"
    assert widget.get_by_label("Frame t").get_attribute("max") == "3"
    loss = widget.evaluate("el => el.ctc.lattice.total")
    widget.get_by_role("button", name="Gradient step").focus()
    press(page, widget, "Enter")
    assert widget.evaluate("el => el.ctc.lattice.total") > loss
    before = pictures(widget)
    widget.get_by_label("logarithms").focus()
    press(page, widget, "Space")
    assert pictures(widget) != before


@pytest.mark.browser
def test_the_trellis_listens_to_python(show):
    page, widget = show(ctc_trellis())
    count = drawn(widget)
    widget.evaluate("el => { el.model.set('target', 'ba'); el.model.set('path', 'bbεa'); el.model.set('frame', 2); }")
    page.wait_for_function("count => Number(document.querySelector('[data-drawn]').dataset.drawn) > count", arg=count)
    assert widget.get_by_role("textbox", name="Target").input_value() == "ba"
    assert widget.get_by_label("Frame t").input_value() == "2"
    assert widget.evaluate("el => el.ctc.path") == [1, 1, 2, 3]


@pytest.mark.browser
def test_impossible_frames_are_survived(show):
    page, widget = show(ctc_trellis())
    chance = widget.get_by_label("Its probability")
    for key in ("End", "Home"):
        chance.focus()
        press(page, widget, key)
        assert widget.evaluate("el => el.ctc.probabilities[0][0]") == (1 if key == "End" else 0)
        assert "NaN" not in widget.inner_text()


@pytest.mark.browser
def test_gradient_steps_grow_peaks(show):
    """Eight frames that are all alike: the pull alone makes two of them name the labels, and the others stay blank."""
    _, widget = show(ctc_trellis(presets={"Only blanks": ([[0.8, 0.1, 0.1]] * 8, "ab")}))
    widget.get_by_role("button", name="Only blanks").click()
    widget.get_by_text("“ab” in 8 frames").wait_for()
    for _ in range(20):
        widget.get_by_role("button", name="Gradient step").click()
    found = np.array(widget.evaluate("el => el.model.get('probabilities')"))
    assert (found[:, 1:].max(0) > 0.8).all()
    assert (found[:, 0] > 0.45).sum() == 6
