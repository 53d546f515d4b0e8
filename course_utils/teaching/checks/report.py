"""The verdict on an answer, and how it looks: plain text, and the same as HTML for the notebook."""

import html
import re
from dataclasses import dataclass
from typing import Literal

Status = Literal["unanswered", "passed", "failed"]

MARKS = {"unanswered": "○", "passed": "✓", "failed": "✗"}
# JupyterLab's own colours follow its theme; the fallbacks are legible on white and on black paper.
EDGES = {
    "unanswered": "var(--jp-warn-color1, #b26a00)",
    "passed": "var(--jp-success-color1, #2e7d32)",
    "failed": "var(--jp-error-color1, #c62828)",
}
BLOCK = (
    "border-left:4px solid {edge};padding:.4em .9em;margin:.3em 0;max-width:60em;line-height:1.5;"
    "font-family:var(--jp-content-font-family, sans-serif);color:var(--jp-content-font-color1, inherit)"
)
LABEL = "text-align:left;vertical-align:top;white-space:nowrap;font-weight:600;padding:.1em 1.2em .1em 0"
CELL = "text-align:left;padding:.1em 0;"
VERBATIM = {"input", "expected", "yours", "error", "printed"}  # rows of values and of what the machine said
CODE = "font-family:var(--jp-code-font-family, monospace);font-size:.95em;white-space:pre-wrap"


@dataclass(frozen=True)
class Report:
    """What a check found.

    Args:
        headline: one sentence.
        rows: what explains it, as (label, text); `code` stands in backticks.
        misconception: the name of the mistake that explains every failing case, if one does.
    """

    exercise: str
    status: Status
    headline: str
    rows: tuple[tuple[str, str], ...] = ()
    misconception: str | None = None

    @property
    def message(self) -> str:
        """The report as plain text."""
        width = max((len(label) for label, _ in self.rows), default=0)
        indent = "\n" + " " * (width + 4)
        lines = [f"  {label:<{width}}  {text.replace(chr(10), indent)}" for label, text in self.rows]
        return "\n".join([f"{MARKS[self.status]} {self.exercise}: {self.headline}", *lines])

    def __str__(self) -> str:
        return self.message

    def to_html(self, footer: str = "") -> str:
        """Return the report, and a last line, as one HTML element that fits the light theme and the dark one."""
        rows = "".join(
            f'<tr style="background:none"><th scope="row" style="{LABEL}">{html.escape(label)}</th>'
            f'<td style="{CELL}{CODE if label.split()[0] in VERBATIM else ""}">{_spans(text)}</td></tr>'
            for label, text in self.rows
        )
        table = f'<table style="border:none;margin:.3em 0 0;font-size:inherit">{rows}</table>' if rows else ""
        foot = f'<div style="margin-top:.3em">{_spans(footer)}</div>' if footer else ""
        mark = f'<span style="color:{EDGES[self.status]};font-weight:700">{MARKS[self.status]}</span>'
        return (
            f'<div role="group" aria-label="check of {html.escape(self.exercise)}: {self.status}" '
            f'data-check="{self.status}" style="{BLOCK.format(edge=EDGES[self.status])}">'
            f"<div>{mark} <strong>{html.escape(self.exercise)}</strong>: {_spans(self.headline)}</div>{table}"
            f"{foot}</div>"
        )


def _spans(text: str) -> str:
    escaped = html.escape(text).replace("\n", "<br>")
    return re.sub(r"`([^`]+)`", rf'<code style="{CODE}">\1</code>', escaped)
