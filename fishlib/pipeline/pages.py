"""The page of an executed notebook: figures of its own run, and nothing loaded from elsewhere."""

import json
import re
import shutil
from base64 import b64encode
from html import escape
from pathlib import Path

from fishlib.files import write_text

BENCHMARK_FIGURES = ("sweep.png", "tank_motion.png", "between_films.png")
"""Figures of the repository, besides its drawings, that the notebooks show and no run makes."""
STYLE = """<style>
main { max-width: 62rem; margin: auto; color: #1f2933 }
main a { color: #0069a6 !important }
.jp-InputArea-editor { border-left: 3px solid #0069a6 !important; overflow-x: auto !important }
main img, main video { max-width: 100%; height: auto; background: white }
</style></head>"""
"""The look of the site; on a phone code scrolls in its box."""
MATH = re.compile(r"\$\$(?P<block>.+?)\$\$|(?<!\$)\$(?P<inline>[^$\n]+)\$(?!\$)", re.DOTALL)


def write_page(path: Path, repository: Path) -> Path:
    """Write an executed notebook as a page that can be read offline.

    Equations become MathML, which browsers draw by themselves; links lead to the other pages of
    the run.

    Parameters
    ----------
    path : Path
        The executed notebook.
    repository : Path
        Folder with the ``figures`` that no run makes, drawings and benchmarks, and the glossary.

    Returns
    -------
    Path
        The page, beside the notebook.
    """
    import nbformat

    from fishlib.pipeline.kernel import without_progress

    words, glossary = repository / "notebooks" / "glossary.md", path.with_name("glossary.html")
    if words.exists() and not glossary.exists():  # every notebook links to it
        cell = nbformat.v4.new_markdown_cell(words.read_text(encoding="utf-8"))
        _write_html(nbformat.v4.new_notebook(cells=[cell]), glossary, repository)
    notebook = without_progress(nbformat.read(path, 4))
    leave_out_study(notebook, path.with_name("labels.json"))
    show_on_phones(notebook, path.parent / "figures")
    return _write_html(notebook, path.with_suffix(".html"), repository)


def _write_html(notebook, page: Path, repository: Path) -> Path:
    from nbconvert import HTMLExporter

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = as_in_run(cell.source, page.parent, repository)
    urls = ("mathjax_url", "require_js_url", "jquery_url", "mermaid_js_url", "widget_renderer_url")
    exporter = HTMLExporter(**dict.fromkeys(urls, ""))
    html, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": page.stem}})
    html = re.sub(r'<script[^>]*src="[^"]*"[^>]*>\s*</script>', "", html)
    return write_text(page, html.replace("</head>", STYLE, 1))


def leave_out_study(notebook, questions: Path) -> None:
    """Put a sentence in the place of the cells about the study, where a run does not show it."""
    from nbformat.v4 import new_markdown_cell

    told = json.loads(questions.read_text(encoding="utf-8")) if questions.exists() else {}
    if not (reason := told.get("without_study")):
        return
    kept: list = []
    for cell in notebook.cells:
        if "study" not in cell.metadata.get("tags", []):
            kept.append(cell)
        elif not kept or kept[-1].source != f"*{reason}*":
            kept.append(new_markdown_cell(f"*{reason}*"))
    notebook.cells = kept


def show_on_phones(notebook, figures: Path) -> None:
    """Give the figures of a notebook, in text and outputs, their variants drawn for a phone."""
    for cell in notebook.cells:
        saved = re.search(r'save_figure\("(\w+)"', cell.source)
        if cell.cell_type == "markdown":
            cell.source = with_phone_figures(cell.source, figures)
        elif saved and (figures / "phone" / f"{saved[1]}.png").exists():
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", saved[1])
            for output in cell.outputs:
                if wide := output.get("data", {}).pop("image/png", None):
                    output.data["text/html"] = _picture(figures, saved[1], wide.strip(), alt)


def with_phone_figures(text: str, figures: Path) -> str:
    """Markdown whose pictures become those of a phone on a phone, where there are such."""

    def both(image: re.Match) -> str:
        wide = figures / f"{image[2]}.png"
        if not (figures / "phone" / wide.name).exists() or not wide.exists():
            return image[0]
        return _picture(figures, image[2], b64encode(wide.read_bytes()).decode(), image[1])

    return re.sub(r"!\[([^\]]*)\]\((?:\.\./)?figures/(\w+)\.png\)", both, text)


def _picture(figures: Path, name: str, wide: str, alt: str) -> str:
    png = "data:image/png;base64,"
    narrow = b64encode((figures / "phone" / f"{name}.png").read_bytes()).decode()
    return (
        f'<picture><source media="(max-width: 600px)" srcset="{png}{narrow} 2x">'
        f'<img src="{png}{wide}" alt="{escape(alt)}"></picture>'
    )


def as_in_run(text: str, run: Path, repository: Path) -> str:
    """Markdown as it is in a run folder; a picture that this run did not make is left out."""

    def picture(match: re.Match) -> str:
        name, made = Path(match[1]).name, run / match[1]
        if name.endswith(".svg") or name in BENCHMARK_FIGURES:
            made.parent.mkdir(exist_ok=True)
            shutil.copy(repository / match[1], made)
        return match[0].replace("../figures/", "figures/") if made.exists() else ""

    text = re.sub(r"!\[[^\]]*\]\(\.\./(figures/\w+\.(?:png|svg))\)", picture, text)
    text = re.sub(r"\((\d\d_\w+)\.ipynb\)", r"(\1.html)", text)
    text = re.sub(r"(?<!!)\[([^\]]*)\]\(\.\./[^)]*\)", r"\1", text)  # it is not in the run
    text = re.sub(r"\(glossary\.md(#\w+)?\)", lambda link: f"(glossary.html{link[1] or ''})", text)
    code = re.split(r"(```.*?```|`[^`\n]*`)", text, flags=re.DOTALL)
    return "".join(part if part.startswith("`") else MATH.sub(_mathml, part) for part in code)


def _mathml(match: re.Match) -> str:
    from latex2mathml.converter import convert

    if match["block"]:
        return convert(" ".join(match["block"].split()), display="block")
    return convert(match["inline"])
