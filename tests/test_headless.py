"""Lessons executed into pages: results in, network out, and failures that say where."""

import html
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from course_utils import headless, pages, places

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
WIDGET = """\
class Widget:
    def _repr_mimebundle_(self, **options):
        import os
        place = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
        page = {"text/html": "<b>lives without Python</b>"}
        return page if os.environ["COURSE_WIDGETS"] == "page" else place
Widget()"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'


def notebook(folder: Path, *cells: str, name: str = "01_toy.ipynb") -> Path:
    """Write a notebook of code cells, and Markdown where the text begins with #."""
    made = nbformat.v4.new_notebook(metadata=KERNEL)
    kinds = {True: nbformat.v4.new_markdown_cell, False: nbformat.v4.new_code_cell}
    made.cells = [kinds[cell.startswith("#")](cell, id=f"cell-{number}") for number, cell in enumerate(cells)]
    path = folder / name
    nbformat.write(made, path)
    return path


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A toy lesson's page, its notebook, and what was told of its cells."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "wave.svg").write_text(SVG)
    text = "# Toy\nWe say $a_t < b$, so\n\n$$h = \\tanh(Wx)$$\n\n[On](02_next.ipynb) ![a wave](wave.svg)"
    path = notebook(folder, text, "import os; print('seed', os.environ['COURSE_SEED'])", WIDGET, "open('x.txt').read()")
    (folder / "x.txt").write_text("read beside the lesson")
    told = []
    page, seconds = headless.run(path, folder / "pages", seed=7, on_cell=lambda *cell: told.append(cell))
    assert page is not None
    assert page == folder / "pages" / "01_toy.html"
    assert seconds > 0
    return page.read_text(encoding="utf-8"), path, told


@pytest.mark.parametrize("result", ["seed 7", "<b>lives without Python</b>", "read beside the lesson"])
def test_the_page_holds_the_results(toy, result):
    assert result in toy[0]


def test_the_page_fetches_nothing(toy):
    assert re.findall(r"""(?:src|href)=["']?(?!data:|#)([^"'> ]+)""", toy[0]) == ["02_next.html"]
    assert "import(" not in toy[0]
    assert 'src="data:image/svg+xml;base64,' in toy[0]


def test_formulas_are_mathml(toy):
    assert toy[0].count("<math") == 2
    assert 'display="block"' in toy[0]
    assert "$$" not in toy[0]


@pytest.mark.parametrize("lesson", sorted(places.lessons_folder().glob("*.ipynb")), ids=lambda path: path.stem)
def test_no_formula_of_a_lesson_is_left_as_tex(lesson, monkeypatch):
    left, convert = [], pages.formula

    def formula(tex, display=False):
        made = convert(tex, display)
        left.extend([tex] * made.startswith("<code>"))
        return made

    monkeypatch.setattr(pages, "formula", formula)
    cells = [cell for cell in nbformat.read(lesson, as_version=4).cells if cell.cell_type == "markdown"]
    pages.page(nbformat.v4.new_notebook(cells=cells), lesson.stem)
    assert left == []


def test_the_lesson_itself_is_not_changed(toy):
    assert all(not cell.get("outputs") for cell in nbformat.read(toy[1], as_version=4).cells)


def test_progress_names_each_cell(toy):
    assert toy[2] == [(0, 4, "cell-0"), (1, 4, "cell-1"), (2, 4, "cell-2"), (3, 4, "cell-3"), (4, 4, "")]


def test_links_lead_to_pages():
    """To those of other lessons and of the glossary, and there to headings, as JupyterLab and a page call them."""
    cells = [
        "## One\n[a](02_b.ipynb) [b](02_b.ipynb#heading=The-end) [c](02_b.ipynb#cell-id=two)",
        "[d](glossary.md#lag)",
    ]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text) for text in cells])
    links = re.findall(r'href="([^"#]+[^"]*)"', pages.page(made, "toy"))
    assert links == ["02_b.html", "02_b.html#The-end", "02_b.html#cell-id=two", "glossary.html#lag"]


def test_the_anchors_of_a_page_are_those_of_jupyterlab():
    page = pages.document(
        "# Glossary\n\n### spectral radius\n\n**谱半径** · [it](02_b.ipynb#heading=One,-two)", "glossary"
    )
    assert 'id="spectral-radius"' in page
    assert "谱半径" in page
    assert 'href="02_b.html#One,-two"' in page
    cell = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("text", id="two")])
    assert 'id="cell-id=two"' in pages.page(cell, "toy")


def test_the_pages_that_lessons_lead_to_are_written(tmp_path, monkeypatch):
    (tmp_path / "glossary.md").write_text("# Glossary", encoding="utf-8")
    monkeypatch.setattr(places, "lessons_folder", lambda: tmp_path)
    headless.write_documents(tmp_path)
    assert "Glossary" in (tmp_path / "glossary.html").read_text(encoding="utf-8")


def test_a_progress_bar_is_shown_as_it_ended():
    texts = ["\r  0%|  | 0/2\r 50%|#", " | 1/2", "\r100%|##| 2/2\ndone\n"]
    outputs = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in texts]
    page = pages.page(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=outputs)]), "toy")
    assert "100%|##| 2/2\ndone" in page
    assert "0/2" not in page
    assert "1/2" not in page


def test_what_is_wider_than_the_window_scrolls():
    """Code, and a formula on lines of its own."""
    page = pages.document("$$a$$", "toy")
    assert re.search(r"\.jp-InputArea-editor \{ overflow-x: auto", page)
    assert re.search(r"\.formula \{[^}]* overflow: auto", page)
    assert '<span class="formula"><math' in page


@pytest.mark.parametrize("tex", [r"\unheardof{a} < b", r"\begin{nowhere} a & b \end{nowhere}"])
def test_a_formula_beyond_the_converter_stays_readable(tex):
    assert pages.formula(tex) == f"<code>{html.escape(tex, quote=False)}</code>"


def test_a_formula_that_breaks_the_converter_stays_readable(monkeypatch):
    def break_down(*_, **__):
        raise IndexError("deep inside")

    monkeypatch.setattr(pages, "convert", break_down)
    assert pages.formula("a < b") == "<code>a &lt; b</code>"


@pytest.mark.parametrize("environment", ["pmatrix", "aligned"])
def test_environments_are_mathml(environment):
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_markdown_cell(rf"\begin{{{environment}}}a & b \\ c & d\end{{{environment}}}")]
    assert "<mtable" in pages.page(made, "toy")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0", r"01_toy, cell cell-1: ZeroDivisionError: division by zero"),
        ("import os; os._exit(1)", r"01_toy, cell cell-1: Python itself ended"),
        ("import time; time.sleep(30)", r"01_toy, cell cell-1: not done after 1 s"),
    ],
)
def test_a_failure_names_the_cell(tmp_path, monkeypatch, code, said):
    monkeypatch.setattr(headless, "LIMIT", 1 if "sleep" in code else 60)
    with pytest.raises(headless.LessonFailed, match=said):
        headless.run(notebook(tmp_path, "x = 1", code), tmp_path / "pages")
    assert not list((tmp_path / "pages").iterdir())


@pytest.mark.parametrize("content", ["", "no notebook", "[]", '{"cells": 3}'])
def test_what_is_no_notebook(tmp_path, content):
    path = tmp_path / "01_toy.ipynb"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"01_toy\.ipynb is not a notebook, or is damaged"):
        headless.run(path, tmp_path, html=False)


def test_a_place_for_pages_that_can_not_be_is_found_out_first(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        headless.run(tmp_path / "never_read.ipynb", tmp_path / "file")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal for one process")
def test_ctrl_c_leaves_no_kernel_and_no_page(tmp_path):
    notebook(tmp_path, "import pathlib, time; pathlib.Path('started').touch(); time.sleep(60)", name="slow.ipynb")
    command = [sys.executable, "-m", "course_utils.cli", "run", "slow.ipynb"]
    run = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 30
    while not (tmp_path / "started").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    kernels = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=30)[1]
    assert run.returncode == 130
    assert said.splitlines()[-1] == "course: stopped; nothing is half written"
    assert "Traceback" not in said
    assert kernels
    assert psutil.wait_procs(kernels, timeout=5)[1] == []
    assert not list((tmp_path / "pages").iterdir())
