"""An executed lesson as one HTML page that asks the network for nothing: formulas as MathML, pictures inside."""

import re

from jinja2 import DictLoader, pass_context
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat.v4 import new_markdown_cell, new_notebook

NAME = "course.html.j2"
# JupyterLab's own page, without what it would fetch: RequireJS, MathJax, Mermaid, ipywidgets' renderer. Code and
# formulas that are wider than the window scroll, where nbconvert would cut them.
TEMPLATE = """{% extends 'lab/index.html.j2' %}
{% block html_head_css %}{{ super() }}
<style>
.jp-Cell .jp-InputArea-editor { overflow-x: auto; }
.formula { display: block; overflow: auto hidden; }
.formula math { width: max-content; margin: auto; padding: 0.2em 0; }
</style>
{% endblock %}
{% block html_head_js %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
"""
PREFERRED = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/latex", "text/plain"]


def page(notebook, title: str, folder: str = "") -> str:
    """Return an executed notebook as a page; pictures that its text shows are read from FOLDER."""
    exporter = _Exporter(extra_loaders=[DictLoader({NAME: TEMPLATE})], template_file=NAME, embed_images=True)
    body, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": title, "path": folder}})
    # to each other's pages, and there to headings, which a notebook wants told as such
    return re.sub(r'href="([\w-]+)\.(?:ipynb|md)(?:(#)heading=|(?=[#"]))', r'href="\1.html\2', body)


def document(text: str, title: str) -> str:
    """Return a text in Markdown, such as the glossary, as a page like those of the lessons."""
    return page(new_notebook(cells=[new_markdown_cell(text)]), title)


def formula(tex: str, display: bool = False) -> str:
    """Return a formula as MathML; as code where it can't be converted."""
    # the converter knows these two by other names
    known = re.sub(r"(\\(?:begin|end)\{)aligned\}", r"\1align*}", tex.strip())
    known = known.replace(r"\arg\max", r"\operatorname{argmax}")
    try:
        made = convert(known, display="block" if display else "inline")
    except Exception:  # it raises many kinds; a formula in TeX is better than no page
        made = ""
    if not made or "<mi>\\" in made or "<mi>&</mi>" in made:  # a command that it passed over
        return f"<code>{IPythonRenderer(escape=False).escape_html(tex)}</code>"
    return made


class _Renderer(IPythonRenderer):
    def inline_math(self, body: str) -> str:
        return formula(body)

    def block_math(self, body: str) -> str:
        return f'<span class="formula">{formula(body, display=True)}</span>'

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")


class _Exporter(HTMLExporter):
    @property
    def default_config(self):
        settings = super().default_config
        settings.NbConvertBase.display_data_priority = PREFERRED  # a widget's page, not its place in JupyterLab
        settings.CoalesceStreamsPreprocessor.enabled = True  # of a progress bar, its last state
        return settings

    @pass_context
    def markdown2html(self, context, source: str) -> str:
        """Return Markdown as HTML, as nbconvert does, and its formulas as MathML."""
        renderer = _Renderer(
            escape=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            embed_images=self.embed_images,
            path=context["resources"]["metadata"]["path"],
            anchor_link_text=self.anchor_link_text,
        )
        return MarkdownWithMath(renderer=renderer).render(source)
