"""The browser tests' own eyes: pages with one fault each, and the fault is seen."""

import pytest

from .lesson_page import CONTRASTS, LABELLED, LessonPage, drawn, pictures

pytestmark = pytest.mark.browser
WIDGET = """
<div id=widget data-drawn=1 style="background: white">
  <label>step <input type=range max=9 value=0></label> <canvas width=100 height=20></canvas>
</div>
<script>
  const widget = document.querySelector('#widget'), input = widget.querySelector('input');
  input.oninput = () => { widget.querySelector('canvas').getContext('2d').fillRect(0, 0, 10 * input.value, 20);
                          widget.dataset.drawn = Number(widget.dataset.drawn) + 1; };
</script>"""


@pytest.fixture
def show(browser):
    """Return a function that shows some HTML as a lesson's page."""
    context = browser.new_context()

    def show(html: str) -> LessonPage:
        lesson = LessonPage(context.new_page(), "made up")
        lesson.page.set_content(html)
        lesson.page.wait_for_timeout(200)
        return lesson

    yield show
    context.close()


def moved(lesson: LessonPage) -> tuple[float | None, bool]:
    """Return the time of one key press and whether the picture is another one after it."""
    (widget,) = lesson.widgets
    before = pictures(widget)
    return lesson.move(widget, widget.locator("input"), "ArrowRight"), pictures(widget) != before


def test_a_good_widget(show):
    lesson = show(WIDGET)
    milliseconds, changed = moved(lesson)
    assert milliseconds is not None
    assert 0 < milliseconds < 1000
    assert changed
    assert drawn(lesson.widgets[0]) == 2
    assert all(control.evaluate(LABELLED) for control in lesson.widgets[0].locator("input").all())
    assert all(ratio > 4.5 for _, ratio in lesson.widgets[0].evaluate(CONTRASTS))
    assert lesson.faults == []


def test_a_slow_widget_is_timed(show):
    slow = "oninput = () => { const end = performance.now() + 200; while (performance.now() < end);"
    milliseconds, _ = moved(show(WIDGET.replace("oninput = () => {", slow)))
    assert milliseconds is not None
    assert milliseconds > 200


def test_a_deaf_slider_is_seen(show):
    swallow = "<script>window.addEventListener('keydown', event => event.preventDefault(), true)</script>"
    assert moved(show(WIDGET + swallow)) == (None, False)


def test_a_picture_that_stays_is_seen(show):
    milliseconds, changed = moved(show(WIDGET.replace("10 * input.value", "0")))
    assert milliseconds is not None
    assert not changed


def test_a_bare_control_is_seen(show):
    lesson = show(WIDGET.replace("<label>step ", "").replace("</label>", ""))
    assert not lesson.page.locator("input").evaluate(LABELLED)
    assert not lesson.page.locator("canvas").evaluate(LABELLED)


def test_a_faint_text_is_seen(show):
    lesson = show(WIDGET.replace("background: white", "background: #222; color: #444"))
    ((text, ratio),) = lesson.widgets[0].evaluate(CONTRASTS)
    assert text == "step"
    assert ratio < 2


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("setTimeout(() => { throw new Error('late') })", "JavaScript error: late"),
        ("Promise.reject(new Error('unheard'))", "JavaScript error: unheard"),
        ("console.error('bad state')", "console: bad state"),
        ("new Image().src = 'http://example.invalid/a.png'", "asks for http://example.invalid/a.png"),
    ],
)
def test_a_fault_of_a_script_is_seen(show, script, fault):
    lesson = show(f"<script>{script}</script>")
    assert any(fault in seen for seen in lesson.faults), lesson.faults
