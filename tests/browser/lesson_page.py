"""A lesson, open in a browser: run it, find its widgets, press keys, and see what moves."""

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as TooLate

READY = """() => {
  const app = window.jupyterapp, panel = app && app.shell.currentWidget, session = panel?.context?.sessionContext;
  return Boolean(session?.isReady && session.session?.kernel?.status === 'idle' && panel.content.widgets.length);
}"""
STATE = """() => jupyterapp.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code').map(cell => {
  const outputs = cell.model.outputs.toJSON();
  const errors = outputs.filter(output => output.output_type === 'error').map(o => `${o.ename}: ${o.evalue}`);
  const prompt = cell.node.querySelector('.jp-InputPrompt').textContent;  // [ ], [*] while it runs, [3]
  return {id: cell.model.id, done: /\\d/.test(prompt), errors};
})"""
REDRAW = """widget => {  // how long after the next key press a changed picture is on the screen; null for never
  let pressed = null;
  widget.addEventListener('keydown', event => { pressed ??= event.timeStamp; }, {capture: true, once: true});
  window.redraw = new Promise(resolve => {
    const watch = new MutationObserver(() => {
      watch.disconnect();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - pressed)));
    });
    watch.observe(widget, {attributes: true, attributeFilter: ['data-drawn'], subtree: true});
    setTimeout(() => { watch.disconnect(); resolve(null); }, 5000);
  });
}"""
LABELLED = """control => Boolean(
  (control.getAttribute('aria-label') || '').trim() || control.getAttribute('aria-labelledby') || control.title
  || [...(control.labels || [])].some(label => label.textContent.trim()) || control.textContent.trim())"""
CONTRASTS = """widget => {  // each text of a widget with its contrast to what lies behind it, as WCAG 2 defines it
  const channels = colour => colour.match(/[\\d.]+/g).map(Number);
  const luminance = colour => channels(colour).slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = node => {
    const colour = node ? getComputedStyle(node).backgroundColor : 'rgb(255, 255, 255)';
    return (channels(colour)[3] ?? 1) > 0.5 ? colour : behind(node.parentElement);
  };
  const texts = [...widget.querySelectorAll('*')].filter(node => !node.closest('svg, canvas') && node.checkVisibility()
    && !node.disabled && [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim()));
  return texts.map(node => {
    const [a, b] = [luminance(getComputedStyle(node).color), luminance(behind(node))];
    return [node.textContent.trim().slice(0, 40), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  });
}"""
CONTROLS = "input, select, button, textarea, audio"
PICTURES = "canvas, svg"
SCROLLER = ".jp-Notebook .jp-WindowedPanel-outer"
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
OUR_ADDRESS = re.compile(r"^(https?|wss?)://127\.0\.0\.1[:/]|^(data|blob|about|chrome|devtools):")


@dataclass
class LessonPage:
    page: Page
    name: str
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self):
        """Collect what must not happen: errors of scripts, and requests that leave this machine."""
        self.page.on("pageerror", lambda error: self.faults.append(f"JavaScript error: {error}"))
        self.page.on("console", self._console)
        self.page.on("request", self._request)

    def _console(self, message):
        if message.type == "error":
            self.faults.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _request(self, request):
        if not OUR_ADDRESS.match(request.url):
            self.faults.append(f"asks for {request.url[:100]}")

    def open(self, address: str) -> None:
        self.page.goto(address)
        self.page.wait_for_function(READY, timeout=60_000)
        self.command("application:toggle-left-area")  # the file list, which would take a quarter of each picture

    def command(self, name: str, **arguments) -> None:
        """Start one of JupyterLab's commands without waiting for its end."""
        self.page.evaluate("([name, given]) => void jupyterapp.commands.execute(name, given)", [name, arguments])

    def run_all(self, limit: float = 300) -> None:
        """Run every cell and note the seconds; a cell's error or the limit is an AssertionError."""
        begin = time.monotonic()
        self.command("notebook:run-all-cells")
        while True:
            cells = self.page.evaluate(STATE)
            errors = [f"{cell['id']}: {error}" for cell in cells for error in cell["errors"]]
            assert not errors, f"{self.name}: {errors}"
            if all(cell["done"] for cell in cells):
                self.seconds = round(time.monotonic() - begin, 1)
                return
            waiting = [cell["id"] for cell in cells if not cell["done"]]
            assert time.monotonic() - begin < limit, f"{self.name}: after {limit} s {waiting} have not run"
            time.sleep(0.25)

    def theme(self, name: str) -> None:
        self.command("apputils:change-theme", theme=THEMES[name])
        light = "true" if name == "light" else "false"
        self.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached", timeout=20_000)
        self.page.wait_for_timeout(500)

    @property
    def widgets(self) -> list[Locator]:
        found = self.page.locator("[data-drawn]:not([data-drawn] [data-drawn])")
        return found.all()

    def move(self, widget: Locator, control: Locator, key: str) -> float | None:
        """Press a key on a control; return the milliseconds until the widget has redrawn, None if it does not."""
        control.focus()
        widget.evaluate(REDRAW)
        self.page.keyboard.press(key)
        return self.page.evaluate("() => window.redraw")

    def wait_for_redraw(self, widget: Locator, count: int, seconds: float = 10) -> None:
        """Wait until a widget has drawn more than ``count`` pictures, and for the last of a quick row of them."""
        until = time.monotonic() + seconds
        while drawn(widget) <= count:
            assert time.monotonic() < until, f"{self.name}: no new picture within {seconds} s"
            time.sleep(0.05)
        self.page.wait_for_timeout(300)

    def wait_for_sound(self, sound: Locator, seconds: float = 10) -> None:
        """Wait until an audio element has played some of its sound, or all of it."""
        until = time.monotonic() + seconds
        while not sound.evaluate("audio => audio.currentTime > 0.05 && !audio.error"):
            assert time.monotonic() < until, f"{self.name}: {name_of(sound)} does not play"
            time.sleep(0.05)

    def reload(self) -> None:
        """Open the same lesson again, as it was saved, with the kernel that still runs."""
        self.page.wait_for_function("() => !jupyterapp.shell.currentWidget.context.model.dirty", timeout=10_000)
        self.page.goto(self.page.url)
        self.page.wait_for_function(READY, timeout=60_000)
        self.page.wait_for_timeout(2000)  # for the widgets to come back from the kernel

    def screenshots(self, folder: Path, theme: str) -> None:
        """Keep the whole lesson as pictures, one below the other."""
        folder.mkdir(parents=True, exist_ok=True)
        self.page.set_viewport_size({"width": 1200, "height": 2000})
        scroller = self.page.locator(SCROLLER).first
        height, shown = scroller.evaluate("node => [node.scrollHeight, node.clientHeight]")
        for number, top in enumerate(range(0, height, shown), start=1):
            scroller.evaluate("(node, top) => { node.scrollTop = top; }", top)
            self.page.wait_for_timeout(100)
            self.page.screenshot(path=folder / f"{self.name}.{theme}.{number}.png")
        scroller.evaluate("node => { node.scrollTop = 0; }")


def record(widget: Locator, button: Locator, heard: Locator, seconds: float = 40) -> None:
    """Press record with the keyboard and wait for what was heard; the panel's own words if nothing was.

    A machine so busy that the browser's audio thread gets no turn looks mute: the panel says so, and one presses a
    second time, as a learner would.
    """
    alert = widget.get_by_role("alert").filter(has_text=re.compile(r"\S"))
    for _ in range(2):
        button.press("Enter")
        try:
            heard.or_(alert).first.wait_for(timeout=1000 * seconds)
        except TooLate as error:
            raise AssertionError(f"neither sound nor an explanation: {widget.inner_text()!r}") from error
        if heard.is_visible():
            return
    raise AssertionError(f"the microphone stays mute: {widget.inner_text()!r}")


def pictures(widget: Locator) -> list[bytes]:
    """Return the pixels of a widget's pictures, or of all but its controls where it draws with plain elements."""
    drawn = widget.locator(PICTURES).all()
    if drawn:
        return [picture.screenshot(animations="disabled") for picture in drawn if picture.is_visible()]
    return [widget.screenshot(animations="disabled", mask=widget.locator(CONTROLS).all())]


def drawn(widget: Locator) -> int:
    return int(widget.get_attribute("data-drawn") or 0)


def name_of(control: Locator) -> str:
    return control.evaluate(
        """c => c.getAttribute('aria-label') || c.labels?.[0]?.textContent.trim() || c.textContent.trim()
        || c.outerHTML.slice(0, 60)"""
    )
