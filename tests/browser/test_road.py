"""From a lesson to the glossary and back, by clicks: opened as text to read, at the term, and at the heading."""

import pytest

from .lesson_page import LessonPage
from .server import jupyterlab

pytestmark = pytest.mark.browser
SHOWN = "() => jupyterapp.shell.currentWidget.title.label"
TOP = """anchor => {  // how far below the window's top edge a heading is, in the tab that is shown
  const found = jupyterapp.shell.currentWidget.node.querySelector(`[data-jupyter-id="${CSS.escape(anchor)}"]`);
  return found ? found.getBoundingClientRect().top : null;
}"""
VIEWER = ".jp-MarkdownViewer"


@pytest.fixture(scope="module")
def lesson(browser, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("road")
    with jupyterlab(scratch / "lessons", scratch) as lab:
        context = browser.new_context(viewport={"width": 1000, "height": 800})
        opened = LessonPage(context.new_page(), "02")
        opened.open(lab.address("02_vanishing_and_exploding_gradients.ipynb"))
        yield opened
        context.close()


def comes_to(lesson, title: str, anchor: str) -> None:
    """Wait until a tab is shown, and in it a heading near the top."""
    lesson.page.wait_for_function(f"title => ({SHOWN})() === title", arg=title, timeout=20_000)
    lesson.page.wait_for_function(
        f"anchor => {{ const top = ({TOP})(anchor); return top > 0 && top < 400; }}", arg=anchor
    )


def test_a_term_leads_to_its_entry(lesson):
    lesson.page.get_by_role("link", name="spectral radius").click()
    comes_to(lesson, "glossary.md", "spectral-radius")


def test_an_entry_leads_to_its_lesson(lesson):
    lesson.command("docmanager:open", path="glossary.md")
    lesson.page.locator(VIEWER).get_by_role("link", name="Lesson 02, One step, and many").first.click()
    comes_to(lesson, "02_vanishing_and_exploding_gradients.ipynb", "One-step,-and-many")


def test_a_document_opens_as_text_to_read(lesson):
    """Also from the list of files, where JupyterLab would open an editor."""
    lesson.command("docmanager:open", path="bibliography.md")
    lesson.page.locator(VIEWER).get_by_role("heading", name="Bibliography").wait_for(timeout=20_000)
    assert lesson.faults == []
