"""The site is built from executed notebooks, and a real browser finds it whole and offline."""

import base64
import functools
import http.server
import json
import re
import shutil
import threading
from contextlib import contextmanager

import build as site
import cv2
import nbformat
import numpy as np
import pytest
from browser import open_browser, wait_for
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from fishlib.pipeline import NOTEBOOKS
from fishlib.video import write_video

pytestmark = pytest.mark.slow
for package in ("myst_nb", "sphinx_book_theme", "sphinx_copybutton"):
    pytest.importorskip(package, reason="the site's packages are not installed ([site])")


def executed_notebook(number, video):
    """A chapter with a link, a formula, a figure with a caption, and a film."""
    picture = cv2.imencode(".png", np.full((80, 200, 3), 200, np.uint8))[1].tobytes()
    film = f'<video controls muted><source src="data:video/webm;base64,{video}"></video>'
    figure = new_output("display_data", data={"image/png": base64.b64encode(picture).decode()})
    player = new_output("display_data", data={"text/html": film, "text/plain": "<Video>"})
    other = NOTEBOOKS[number % len(NOTEBOOKS)]
    cells = [
        new_markdown_cell(
            f"# {number} · Chapter\n\nSee [the next]({other}.ipynb), [the rest](../README.md)."
        ),
        new_markdown_cell("## A formula\n\nInline $\\tilde y[t]$ and\n\n$$R \\ge c$$"),
        new_code_cell("plot_motion(motion)", execution_count=1, outputs=[figure]),
        new_markdown_cell("*Motion in `seconds`, **bold** words too.*\n\nMore text."),
        new_code_cell("show_film()", execution_count=2, outputs=[player]),
        new_markdown_cell("Not a caption."),
    ]
    if number == 5:
        cells.append(new_markdown_cell("A [dead link](44_gone.ipynb)."))
    return new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


@pytest.fixture(scope="module")
def chapters(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chapters")
    frames = np.random.default_rng(0).integers(0, 255, (30, 48, 64), dtype=np.uint8)
    video = base64.b64encode(write_video(folder / "film.webm", frames).read_bytes()).decode()
    for number, name in enumerate(NOTEBOOKS, start=1):
        nbformat.write(executed_notebook(number, video), folder / f"{name}.ipynb")
    return folder


@pytest.fixture(scope="module")
def built(chapters, tmp_path_factory):
    page, warnings = site.build_site(tmp_path_factory.mktemp("site") / "html", chapters)
    ours = [line for line in warnings if not line.startswith("index.md")]  # figures of real runs
    return page.parent, ours


def test_pages_are_there_and_the_dead_link_is_the_one_warning(built):
    folder, (warning,) = built
    assert "44_gone" in warning
    pages = ["index", "search", "notebooks/glossary", "reference", "tests/benchmarks/ANIMALS"]
    pages += [f"notebooks/{name}" for name in NOTEBOOKS]
    assert all((folder / f"{page}.html").is_file() for page in pages)


def test_captions_become_alternative_texts(built):
    folder, _ = built
    page = (folder / "notebooks" / f"{NOTEBOOKS[0]}.html").read_text(encoding="utf-8")
    assert 'alt="Motion in seconds, bold words too."' in page


def test_nothing_is_asked_of_the_network(built):
    folder, _ = built
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(?:https?:)?//', text), page


def test_no_page_names_a_path_of_this_machine(built, chapters):
    folder, _ = built
    for page in folder.rglob("*.html"):
        assert str(chapters) not in page.read_text(encoding="utf-8")


def test_missing_notebook_is_named(chapters, tmp_path):
    some = shutil.copytree(chapters, tmp_path / "some")
    (some / f"{NOTEBOOKS[4]}.ipynb").unlink()
    with pytest.raises(FileNotFoundError, match="holds no 05_evaluation"):
        site.build_site(tmp_path / "html", some)
    assert not (tmp_path / "html").exists()


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The site of the notebooks that the repository shows."""
    page, warnings = site.build_site(tmp_path_factory.mktemp("repository") / "html")
    return page.parent, warnings


def test_repository_notebooks_build_without_a_warning(repository):
    assert repository[1] == []


def test_the_reference_has_a_page_for_every_file(repository):
    pages = {path.stem for path in (repository[0] / "api").glob("*.html")}
    assert {"fishlib.motion", "fishlib.evaluation.verdict", "fishlib.figures.skill"} <= pages
    motion = (repository[0] / "api" / "fishlib.motion.html").read_text(encoding="utf-8")
    assert "Mean absolute change of brightness" in motion


@contextmanager
def served(folder):
    """A folder, served on this machine."""

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Silent, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def address(built):
    with served(built[0]) as address:
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.mark.parametrize("page", ["index", *(f"notebooks/{name}" for name in NOTEBOOKS)])
def test_page_loads_whole_in_a_browser(browser, address, page):
    browser.get(f"{address}/{page}.html")
    pictures = browser.execute_script(
        "return Array.from(document.querySelectorAll('.bd-article img'))"
        ".map(i => i.complete && i.naturalWidth > 0)"
    )
    assert all(pictures)
    assert len(pictures) == (2 if page == "index" else 1)
    severe = [e["message"] for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    assert [message for message in severe if "/figures/" not in message] == []
    asked = [json.loads(e["message"])["message"] for e in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in asked if e["method"].endswith("WillBeSent")]
    assert [url for url in asked if not url.startswith((address, "data:", "chrome", "blob:"))] == []


PAGES = ["index", "reference", "notebooks/glossary", "api/fishlib", "api/fishlib.questions"]
PAGES += ["tests/benchmarks/FORECASTERS", *(f"notebooks/{name}" for name in NOTEBOOKS)]
CUT = """
const cut = [], wide = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth > wide + 1) cut.push("the page");
for (const each of document.querySelectorAll(".bd-article *")) {
  if (each.getBoundingClientRect().right <= wide + 1) continue;
  let box = each;
  while (box && !["auto", "scroll"].includes(getComputedStyle(box).overflowX)) {
    box = box.parentElement;
  }
  if (!box) cut.push(each.textContent.slice(0, 60));
}
for (const code of document.querySelectorAll(".bd-article .highlight-ipython3 pre")) {
  if (wide > 1000 && code.scrollWidth > code.clientWidth + 1) cut.push(code.textContent);
}
return cut;
"""


@pytest.fixture(params=[390, 1280])
def width(request, browser):
    """Pixels of the window: a phone's, which no real window can be, or a desk's."""
    view = {"width": request.param, "height": 900, "deviceScaleFactor": 1}
    view["mobile"] = request.param < 600
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", view)
    yield request.param
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_nothing_is_cut_on_a_phone_or_a_desk(repository, browser, width):
    with served(repository[0]) as address:
        browser.get_log("browser")
        for page in PAGES:
            browser.get(f"{address}/{page}.html")
            assert browser.execute_script(CUT) == [], page
        assert [e for e in browser.get_log("browser") if e["level"] == "SEVERE"] == []


def test_figures_stay_white_in_the_dark(browser, address):
    browser.get(f"{address}/index.html")
    browser.execute_script("document.documentElement.dataset.theme = 'dark'")
    look = "return getComputedStyle(document.querySelector('.bd-article img')).filter"
    assert browser.execute_script(look) == "none"


def test_links_resolve(browser, address):
    import requests

    for page in ("index", f"notebooks/{NOTEBOOKS[0]}"):
        browser.get(f"{address}/{page}.html")
        links = browser.execute_script("return Array.from(document.links).map(a => a.href)")
        inside = {link.split("#")[0] for link in links if link.startswith(address)}
        assert len(inside) >= len(NOTEBOOKS)
        assert [link for link in inside if requests.get(link, timeout=600).status_code != 200] == []


def test_formulas_are_set(browser, address):
    browser.get(f"{address}/notebooks/{NOTEBOOKS[0]}.html")
    wait_for(browser, "return document.querySelectorAll('mjx-container svg').length == 2")


def test_film_plays(browser, address):
    browser.get(f"{address}/notebooks/{NOTEBOOKS[0]}.html")
    browser.execute_script("document.querySelector('video').play()")
    wait_for(browser, "return document.querySelector('video').currentTime > 0.2")
    assert browser.execute_script("return document.querySelector('video').videoWidth") == 64


def test_search_finds_the_chapters(browser, address):
    browser.get(f"{address}/search.html?q=formula")
    wait_for(browser, "return document.querySelectorAll('#search-results li').length >= 5")
