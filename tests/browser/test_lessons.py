"""Each lesson in a real JupyterLab and a real browser: run, moved with the keyboard, heard, in both themes.

Screenshots and the milliseconds from key to picture go to ``$COURSE_ARTIFACTS``.
"""

import json
import re
import statistics

import pytest

from ..lessons.notebooks import LONGEST_FIRST
from .lesson_page import CONTRASTS, CONTROLS, LABELLED, PICTURES, LessonPage, drawn, name_of, pictures, record
from .server import jupyterlab

pytestmark = pytest.mark.browser
MOVES = 10
SEED = "2"  # the headless runs of the gate have 0 and 1


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("jupyterlab")
    with jupyterlab(scratch / "lessons", scratch, COURSE_SEED=SEED) as server:
        yield server


@pytest.fixture(scope="module", params=LONGEST_FIRST, ids=lambda path: path.stem)
def lesson(request, lab, browser, tmp_path_factory, testrun_uid):
    """A lesson, opened and run once for all of this module's tests."""
    for_all_processes = tmp_path_factory.getbasetemp().parent
    (for_all_processes / f"{testrun_uid}.{request.param.stem}").touch(exist_ok=False)  # by one process, too
    context = browser.new_context(viewport={"width": 1200, "height": 2000}, permissions=["microphone"])
    opened = LessonPage(context.new_page(), request.param.stem)
    opened.open(lab.address(request.param.name))
    try:
        opened.run_all()
    except AssertionError as error:
        pytest.fail(str(error), pytrace=False)
    opened.page.wait_for_timeout(1000)  # for the last widgets to draw
    yield opened
    opened.page.close()
    context.close()


def test_runs_without_an_error(lesson, artifacts, measured):
    measured(f"browser, {lesson.name}", run_all_seconds=lesson.seconds, widgets=len(lesson.widgets))
    lesson.theme("light")
    lesson.screenshots(artifacts / "screenshots", "light")
    assert lesson.faults == []


def test_nothing_pops_up(lesson):
    """No news, no update, no dialogue between a learner and the lesson."""
    assert lesson.page.locator(".Toastify__toast, .jp-Dialog").all_inner_texts() == []


def test_every_control_has_a_label(lesson):
    bare = [name_of(c) for w in lesson.widgets for c in w.locator(CONTROLS).all() if not c.evaluate(LABELLED)]
    unseen = [
        w.inner_html()[:80] for w in lesson.widgets for p in w.locator(PICTURES).all() if not p.evaluate(LABELLED)
    ]
    assert bare + unseen == []


def test_every_slider_moves_its_picture(lesson, artifacts, measured):
    """With the arrow keys: the pixels change, and the time from key to picture is noted."""
    times = {}
    for number, widget in enumerate(lesson.widgets):
        for slider in widget.locator("input[type=range]").all():
            name = f"{number}: {name_of(slider)}"
            at_end = slider.evaluate("s => Number(s.value) >= Number(s.max)")
            forth, back = ("ArrowLeft", "ArrowRight") if at_end else ("ArrowRight", "ArrowLeft")
            before, count = pictures(widget), drawn(widget)
            first = lesson.move(widget, slider, forth)
            assert first is not None, f"{name} answers no arrow key"
            assert drawn(widget) > count, name
            assert pictures(widget) != before, f"{name} moves, and its picture stays as it was"
            keys = [back if n % 2 else forth for n in range(1, MOVES + 1)]
            times[name] = [first, *(lesson.move(widget, slider, key) for key in keys)]
            assert None not in times[name], f"{name} misses one key in {MOVES}"
    every = sorted(time for some in times.values() for time in some)
    if every:
        median, p95 = statistics.median(every), every[int(0.95 * (len(every) - 1))]
        measured(f"key to picture, {lesson.name}", median_ms=round(median), p95_ms=round(p95), moves=len(every))
    (artifacts / f"{lesson.name}.latency.json").write_text(json.dumps(times, indent=1), encoding="utf-8")
    assert lesson.faults == []


def test_every_text_box_is_read(lesson):
    """Words are typed as a learner types them; the picture is another one afterwards."""
    for widget in lesson.widgets:
        for box in widget.locator("input[type=text], textarea").all():
            before, count = pictures(widget), drawn(widget)
            box.click()
            lesson.page.keyboard.press("ControlOrMeta+a")
            lesson.page.keyboard.type("Mary and Tom meet Ann on Friday.")
            lesson.page.keyboard.press("Enter")
            lesson.wait_for_redraw(widget, count)
            assert pictures(widget) != before, f"{name_of(box)} changes nothing"
    assert lesson.faults == []


def test_every_prediction_is_kept(lesson):
    """Chosen with the keyboard, it stands beside the result, and is still there when the lesson is run again."""
    for question in lesson.page.locator(".course-prediction").all():
        choice = question.locator("input[type=radio]").first
        choice.focus()
        lesson.page.keyboard.press("Space")
        question.get_by_text("Kept: it stands beside the result below.").wait_for(timeout=5000)
    chosen = lesson.page.locator(".course-prediction input:checked").evaluate_all("all => all.map(one => one.value)")
    told = lesson.page.locator(".course-outcome p:first-child").all_inner_texts()
    assert told == [f"You predicted: {choice}" for choice in chosen]
    assert lesson.faults == []


def test_every_sound_plays(lesson):
    """Each audio element, started from the keyboard: its position advances."""
    for sound in lesson.page.locator(".jp-OutputArea audio").all():
        sound.scroll_into_view_if_needed()
        sound.focus()
        lesson.page.keyboard.press("Space")
        lesson.wait_for_sound(sound)
        sound.evaluate("audio => audio.pause()")
    assert lesson.faults == []


def test_every_microphone_listens(lesson, microphone):
    """It records what the browser's made-up microphone plays, and takes a file instead; neither is silence."""
    for widget in lesson.widgets:
        for button in widget.get_by_role("button", name=re.compile("record", re.IGNORECASE)).all():
            before = pictures(widget)
            heard = widget.get_by_text(re.compile(r"[1-9]\.\d+ s at \d+,\d+ Hz, at most 0\.[1-9]"))
            record(widget, button, heard)
            assert pictures(widget) != before
            count = drawn(widget)
            widget.locator("input[type=file]").set_input_files(microphone)
            lesson.wait_for_redraw(widget, count)
            assert heard.is_visible()
            assert not widget.locator("[role=alert]").inner_text()
    assert lesson.faults == []


def test_every_play_button_plays(lesson):
    """Pressed with the keyboard: the sound runs, a cursor with it if there is one; a second press ends both."""
    for widget in lesson.widgets:
        for button in widget.get_by_role("button", name=re.compile("play|listen", re.IGNORECASE)).element_handles():
            if button.is_disabled():
                continue
            count = drawn(widget)
            button.press("Enter")
            lesson.page.wait_for_function("() => window.courseSound?.context.currentTime > 0.1", timeout=10_000)
            if widget.get_attribute("data-playing"):
                lesson.wait_for_redraw(widget, count + 2)
            if "Stop" in (button.text_content() or ""):
                button.press("Enter")
            lesson.page.wait_for_function("() => window.courseSound.context.state === 'closed'", timeout=10_000)
    assert lesson.faults == []


def test_reopens_in_the_dark_with_its_results(lesson, artifacts):
    """Saved, then opened again in the dark theme beside the same kernel: widgets live, everything legible."""
    before = [pictures(widget) for widget in lesson.widgets]
    lesson.command("docmanager:save")
    lesson.theme("dark")
    lesson.reload()
    lesson.screenshots(artifacts / "screenshots", "dark")
    assert len(lesson.widgets) == len(before)
    for widget, light in zip(lesson.widgets, before, strict=True):
        assert pictures(widget) != light, "the picture takes no colour from the theme"
        faint = [text for text, ratio in widget.evaluate(CONTRASTS) if ratio < 4.5]
        assert not faint, f"hard to read in the dark: {faint}"
        for slider in widget.locator("input[type=range]").all()[:1]:
            moves = [lesson.move(widget, slider, key) for key in ("ArrowLeft", "ArrowRight")]
            assert any(moves), f"{name_of(slider)} is dead after the lesson was opened again"
    lesson.theme("light")
    assert lesson.faults == []
