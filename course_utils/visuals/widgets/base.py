"""What every widget of the course is: drawn in the browser from data sent once, and able to live without Python.

A widget is a ``name.py`` (checked data, traits) and a ``name.js`` with a function ``renderName({model, el})``. Its
module is ``base.js``, the colours, and its own file, one after the other; ``to_html`` prints the same module into a
page whose model is a dozen lines of JavaScript (``standalone.js``), with the data beside it in base64.
"""

import base64
import html
import json
import os
import uuid
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from course_utils.visuals import palette

HERE = Path(__file__).parent
COLOURS = {
    "models": palette.COLOURS,
    "gates": palette.GATES,
    "energy": palette.ENERGY,
    "probability": palette.PROBABILITY,
    "signed": palette.SIGNED,
}


def _read(*names: str) -> str:
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in names)


def script(*names: str) -> str:
    """Return base.js and the files named, with the course's colours, as one script that exports nothing."""
    return f"const PALETTE = {json.dumps(COLOURS)};\n{_read('base.js', *names)}"


def packed(values: np.ndarray) -> bytes:
    """Return the numbers as the little-endian float32 that the browser reads."""
    return np.ascontiguousarray(values, dtype="<f4").tobytes()


def _as_json(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()}


class CourseWidget(anywidget.AnyWidget):
    """A widget with a static twin, an export that needs no Python, and words for where it cannot be shown.

    Subclasses say ``scripts = ("name.js",)`` and ``render = "renderName"``, define ``static`` and ``caption``.
    """

    scripts: tuple[str, ...] = ()
    render = ""
    live = traitlets.Bool(True, help="Whether Python answers.").tag(sync=True)
    _css = _read("base.css")

    def __init_subclass__(cls, **options: Any) -> None:
        if "scripts" in cls.__dict__:  # anywidget derives a class for each widget, which must keep its own _esm
            cls._esm = f"{script(*cls.scripts)}\nexport default {{ render: {cls.render} }};\n"
        super().__init_subclass__(**options)

    def static(self) -> Any:
        """Return the static twin, a figure of the widget's present state."""
        raise NotImplementedError

    def caption(self) -> str:
        """Return in a sentence what the widget shows."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.caption()}"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | None:
        if os.environ.get("COURSE_WIDGETS") == "page":  # a lesson that becomes a page without Python
            return {"text/html": fragment(self), "text/plain": repr(self)}, {}
        return super()._repr_mimebundle_(**kwargs)


def fragment(widget: CourseWidget) -> str:
    """Return the widget as a piece of HTML that works anywhere in a page, without Python and without a network."""
    inherited = set(anywidget.AnyWidget.class_trait_names(sync=True)) | {"_esm", "_css", "_anywidget_id"}
    state = {name: getattr(widget, name) for name in widget.trait_names(sync=True) if name not in inherited}
    # "</" could end the script element, even inside a string
    data = json.dumps({**state, "live": False}, default=_as_json).replace("</", "<\\/")
    place = f"course-{uuid.uuid4().hex[:12]}"
    label = html.escape(widget.caption(), quote=True)
    return (
        f'<style>{widget._css}</style>\n<div id="{place}" role="group" aria-label="{label}"></div>\n'
        f'<script type="module">\n{script(*widget.scripts, "standalone.js")}\n'
        f'const el = document.getElementById("{place}");\n'
        f"el.model = standaloneModel(revive({data})); // a page's own script may move the widget\n"
        f"{widget.render}({{ model: el.model, el }});\n</script>\n"
    )


def to_html(widget: CourseWidget, path: str | Path | None = None, title: str | None = None) -> str:
    """Return the widget as a page that stays interactive from a file, and write it to ``path`` if there is one."""
    heading = html.escape(title or type(widget).__name__)
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{heading}</title>\n<style>{_read('page.css')}</style>\n</head>\n"
        f"<body><main>\n{fragment(widget)}</main></body>\n</html>\n"
    )
    if path is not None:
        target = Path(path)
        part = target.with_name(target.name + ".part")  # so that a stopped export leaves no half a page
        part.write_text(page, encoding="utf-8")
        part.replace(target)
    return page
