"""Widgets, the browser's side: each exported page, opened from a file with the network off, by keyboard."""

import re
import statistics
import wave

import numpy as np
import pytest

from course_utils.visuals import widgets

from ..browser.lesson_page import CONTRASTS, CONTROLS, LABELLED, PICTURES, REDRAW, drawn, pictures, record
from .samples import MAKERS, stepper

pytestmark = pytest.mark.browser
MOVES = 15


def write_sound(path, samples, rate, channels=1):
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(np.asarray(samples, dtype="<i2").tobytes())
    return path


@pytest.fixture
def show(browser, tmp_path):
    """Return a function that opens a widget's exported page; at the end, no script may have failed."""
    contexts, faults = [], []

    def show(widget, before="", **options):
        file = tmp_path / "page.html"
        widgets.to_html(widget, file)
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: faults.append(request.url) if request.url.startswith("http") else None)
        page.add_init_script(before)
        page.goto(file.as_uri())
        page.wait_for_selector("[data-drawn], .course-widget fieldset")
        return page, page.locator("[data-drawn]")

    yield show
    for context in contexts:
        context.close()
    assert faults == []


def press(page, widget, key):
    """Press a key on whatever has the focus; return the milliseconds until a changed picture is on the screen."""
    widget.evaluate(REDRAW)
    page.keyboard.press(key)
    return page.evaluate("() => window.redraw")


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "microphone"])
def test_the_slider_moves_the_picture(show, measured, name):
    page, widget = show(MAKERS[name]())
    slider = widget.locator("input[type=range]").first
    slider.focus()
    slider.press("Home")
    before = pictures(widget)
    times = [press(page, widget, "ArrowLeft" if n % 2 else "ArrowRight") for n in range(MOVES)]
    assert None not in times, "a key was missed"
    assert pictures(widget) != before
    ordered = sorted(times)
    measured(f"key to picture, {name}", median_ms=round(statistics.median(ordered)), p95_ms=round(ordered[-1]))


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_is_legible_and_every_control_named(show, name, scheme):
    page, widget = show(MAKERS[name](), color_scheme=scheme, viewport={"width": 400, "height": 800})
    assert [text for text, ratio in widget.evaluate(CONTRASTS) if ratio < 4.5] == []
    assert all(control.evaluate(LABELLED) for control in widget.locator(f"{CONTROLS}, {PICTURES}, meter").all())
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400  # nothing sticks out of a narrow page


@pytest.mark.parametrize("name", MAKERS)
def test_a_change_of_theme_is_followed(show, name):
    page, widget = show(MAKERS[name](), color_scheme="light")
    light, count = widget.screenshot(), drawn(widget)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("count => Number(document.querySelector('[data-drawn]').dataset.drawn) > count", arg=count)
    assert widget.screenshot() != light


def test_the_stepper_tells_each_step(show):
    page, widget = show(stepper(step=1))
    slider, told = widget.get_by_label("Step t"), widget.locator("[aria-live]")
    slider.focus()
    assert "x⟨1⟩ is “Sam”: row 4 of 6 is 1" in told.inner_text()
    assert "P(name) = 0.97" in told.inner_text()
    press(page, widget, "End")
    assert "x⟨3⟩ is “Zoe”, not in the vocabulary, so <UNK>: row 1 of 6 is 1. With a⟨2⟩" in told.inner_text()
    assert slider.get_attribute("aria-valuetext") == "3 of 3"
    assert widget.locator("svg").first.get_attribute("aria-label").endswith("P(name): Sam 0.97, and 0.02, Zoe 0.02")
    assert widget.locator(".step.future").count() == 0
    press(page, widget, "Home")
    assert widget.locator(".step.future").count() == 2


def test_the_steppers_units_are_read_by_keyboard_and_pointer(show):
    page, widget = show(stepper(step=3))
    picture = widget.locator("svg").first
    picture.focus()
    press(page, widget, "ArrowDown")
    unit = widget.get_by_text("Hidden unit")
    assert "Hidden unit 2 of 2: 0.00 in a⟨2⟩, 1.00 in a⟨3⟩" in unit.inner_text()
    press(page, widget, "ArrowLeft")
    assert "Hidden unit 2 of 2: −1.00 in a⟨1⟩, 0.00 in a⟨2⟩" in unit.inner_text()
    widget.locator(".now rect[fill]:has(title)").first.hover()
    assert "Hidden unit 1 of 2" in unit.inner_text()
    widget.locator(".word").first.click()
    assert widget.get_by_label("Step t").input_value() == "1"


def test_a_page_without_python_says_why_the_box_is_closed(show):
    _, widget = show(stepper())
    box = widget.get_by_label("Sentence")
    assert box.is_disabled()
    assert box.input_value() == "Sam and Zoe"
    assert widget.get_by_text("there is no Python").is_visible()


def test_the_stepper_listens_to_python(show):
    """The test plays Python's part: it changes in the page's model what Python would change."""
    _, shown = show(stepper(step=3))
    other = stepper()
    other.sentence = "Tom and Li and Sam"
    shown.evaluate(
        """(el, [data, hidden, probabilities]) => {
          const view = values => new DataView(Float32Array.from(values).buffer);
          el.model.set("data", {...data, hidden: view(hidden), probabilities: view(probabilities)});
          el.model.set("message", "a message");
          el.model.set("answered", 1);
        }""",
        [
            {name: value for name, value in other.data.items() if not isinstance(value, bytes)},
            *(np.frombuffer(other.data[name], "<f4").tolist() for name in ("hidden", "probabilities")),
        ],
    )
    assert shown.locator(".step").count() == 5
    assert shown.get_by_label("Step t").input_value() == "5"  # the last step stays the last
    assert shown.get_by_text("a message").is_visible()
    shown.evaluate("el => el.model.set('step', 2)")
    assert shown.locator(".step.now .word").text_content().startswith("and")


def test_the_explorer_reads_a_moment(show):
    _, widget = show(MAKERS["explorer"]())
    slider = widget.get_by_label("Time")
    slider.evaluate("(slider) => { slider.value = 0.2; slider.dispatchEvent(new Event('input')); }")
    assert widget.get_by_text("Frame 2 of 8: likeliest “one”, probability 0.90.").is_visible()
    assert widget.get_by_text("So far: one", exact=True).is_visible()
    canvas = widget.locator("canvas")
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] - 8, "y": 20})
    assert widget.get_by_text("So far: one two", exact=True).is_visible()
    assert float(slider.input_value()) > 0.97


def test_the_explorer_plays_and_stops(show):
    page, widget = show(MAKERS["explorer"]())
    play, slider = widget.get_by_role("button", name="Play"), widget.get_by_label("Time")
    play.press("Enter")
    page.wait_for_function("() => document.querySelector('input[type=range]').value > 0.2")
    assert widget.get_attribute("data-playing") == "true"
    widget.get_by_role("button", name="Stop").press("Enter")
    page.wait_for_selector("[data-drawn]:not([data-playing])")
    stopped = float(slider.input_value())
    assert 0.2 <= stopped < 0.99
    widget.get_by_role("button", name="Play").press("Enter")  # from where it stopped, to the end
    page.wait_for_selector("[data-playing]")
    page.wait_for_selector("[data-drawn]:not([data-playing])")
    assert float(slider.input_value()) > 0.9


def test_the_self_test_asks_about_sound(show):
    page, widget = show(MAKERS["self-test"]())
    widget.get_by_role("button", name="tone").click()
    page.wait_for_function("() => window.courseSound?.context.currentTime > 0.1")
    widget.get_by_role("button", name="No").press("Enter")
    assert widget.get_by_text("Look at the volume").is_visible()
    widget.get_by_role("button", name="Yes").press("Enter")
    assert widget.get_by_text("✓ Sound works.").is_visible()
    assert widget.get_by_role("button", name="Yes").get_attribute("aria-pressed") == "true"


def test_the_microphone_records(show):
    page, widget = show(widgets.Microphone(seconds=1), permissions=["microphone"])
    heard = widget.get_by_text(re.compile(r"1\.00 s at 8,000 Hz, at most 0\.\d+ of full scale"))
    record(widget, widget.get_by_role("button", name="Record 1 s"), heard)
    heard = np.array(widget.evaluate("el => Array.from(new Float32Array(el.model.get('samples').buffer))"))
    assert len(heard) == 8000
    assert 0.2 < abs(heard).max() < 0.5
    assert abs(np.fft.rfft(heard)).argmax() == pytest.approx(440, abs=3)  # hertz, as it lasts a second
    play = widget.get_by_role("button", name="Play it back")
    assert play.is_enabled()
    play.press("Enter")
    page.wait_for_function("() => window.courseSound?.context.currentTime > 0.1")


REFUSE = "navigator.mediaDevices.getUserMedia = () => Promise.reject({});"


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (REFUSE.format("new DOMException('', 'NotAllowedError')"), "allow it"),
        (REFUSE.format("new DOMException('', 'NotFoundError')"), "connect one"),
        (REFUSE.format("new Error('odd')"), "did not start (odd)"),
        ("Object.defineProperty(window, 'isSecureContext', {value: false})", "https:// or localhost"),
        ("Object.defineProperty(navigator, 'userAgent', {value: 'x Code/1.9'});" + REFUSE.format("1"), "VS Code keeps"),
    ],
)
def test_a_microphone_out_of_reach_is_explained(show, block, message):
    _, widget = show(widgets.Microphone(), before=block)
    widget.get_by_role("button", name="Record").press("Enter")
    alert = widget.get_by_role("alert")
    alert.filter(has_text=message).wait_for()
    assert "choose a sound file below" in alert.inner_text()
    assert widget.get_by_role("button", name="Record").is_enabled()


def test_a_file_instead_of_the_microphone(show, tmp_path):
    # half a second in two channels that cancel each other
    sound = write_sound(tmp_path / "steps.wav", [8000, -8000] * 8000, 16_000, channels=2)
    nothing = tmp_path / "letter.txt"
    nothing.write_text("Dear reader", encoding="utf-8")
    _, widget = show(widgets.Microphone())
    box = widget.get_by_label("or a sound file")
    box.set_input_files(nothing)
    widget.get_by_role("alert").filter(has_text="letter.txt is no sound file").wait_for()
    box.set_input_files(sound)
    widget.get_by_text("0.50 s at 8,000 Hz, at most 0.00 of full scale").wait_for()
    assert "silence" in widget.get_by_role("alert").inner_text()


def test_an_outcome_hears_the_prediction_made_on_its_page(show, tmp_path):
    question = widgets.Prediction("radius", "Which radius keeps the gradient?", ["0.5", "1", "1.5"])
    page, _ = show(question)
    outcome = widgets.fragment(widgets.Outcome(question, "1"))
    page.evaluate("html => document.body.append(document.createRange().createContextualFragment(html))", outcome)
    told = page.locator(".course-outcome")
    assert "not predicted anything" in told.inner_text()
    page.get_by_label("0.5").focus()
    page.keyboard.press("Space")
    assert told.inner_text().split("\n")[::2] == ["You predicted: 0.5", "This run says: 1"]
    page.keyboard.press("ArrowDown")
    assert "This run says: 1 ✓" in told.inner_text()
    assert "Kept" in page.get_by_role("status").inner_text()
