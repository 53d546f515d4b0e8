"""Chinese characters that show on every machine: a small font that comes along, and the sound beside each character.

Neither matplotlib's fonts nor those of many a Linux have Chinese characters; what stands there instead is a row of
empty boxes. A font of the hundred characters that the course writes weighs less than a photograph's thumbnail, so it
comes along: to the browser inside the page, to matplotlib as a file. Pinyin, the sound in Latin letters, stands above
each character all the same, for those who cannot read it.
"""

import base64
import html
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from matplotlib.font_manager import FontProperties

FONT = Path(__file__).parent / "fonts" / "hanzi.ttf"


@cache
def font_face() -> str:
    """Return the CSS that brings the font along, under the name "Course Hanzi"."""
    data = base64.b64encode(FONT.read_bytes()).decode()
    return f'@font-face {{ font-family: "Course Hanzi"; src: url(data:font/ttf;base64,{data}) format("truetype"); }}\n'


def matplotlib_font(size: float) -> FontProperties:
    """Return the font for a figure's text; it has Chinese characters and nothing else."""
    return FontProperties(fname=str(FONT), size=size)


class Table:
    """Texts in Chinese, one a row, each character under its pinyin: shown as HTML, printed as plain text.

    Args:
        rows: (label, characters), or (label, characters, those that it should have been): characters that differ
            from the third are underlined.
        pinyin: a character's sound; what has none is written as it is.
    """

    def __init__(self, rows: Sequence[tuple[str, ...]], pinyin: Mapping[str, str]):
        if not rows or any(len(row) not in (2, 3) for row in rows):
            raise ValueError("a table has rows (label, characters) or (label, characters, truth); there are none such")
        self.rows, self.pinyin = [tuple(row) for row in rows], pinyin

    def __repr__(self) -> str:
        return "\n".join(f"{row[0]}: {row[1]}  {' '.join(self.pinyin.get(c, c) for c in row[1])}" for row in self.rows)

    def _repr_html_(self) -> str:
        left = '<td style="text-align: left; white-space: nowrap; padding: 2px 14px 2px 0">'  # JupyterLab has right
        lines = "".join(
            f"<tr>{left}{html.escape(row[0])}</td>{left}{self._text(*row[1:])}</td></tr>" for row in self.rows
        )
        return (
            f"<style>{font_face()}"
            ".course-hanzi .place { display: inline-block; min-width: 36px; text-align: center; }"
            '.course-hanzi ruby { font: 22px "Course Hanzi", sans-serif; ruby-align: center; }'
            ".course-hanzi rt { font: 11px system-ui, sans-serif; }"
            ".course-hanzi .wrong { border-bottom: 3px solid var(--jp-warn-color0, #a84300); }</style>"
            f'<table class="course-hanzi"><tbody>{lines}</tbody></table>'
        )

    def _text(self, written: str, truth: str | None = None) -> str:
        shown = []
        for place, one in enumerate(written):
            wrong = truth is not None and truth[place : place + 1] != one
            mark = ' wrong" title="not what it should be"' if wrong else '"'
            sound = html.escape(self.pinyin.get(one, ""))
            shown.append(f'<span class="place{mark}><ruby lang="zh">{html.escape(one)}<rt>{sound}</rt></ruby></span>')
        return "".join(shown)
