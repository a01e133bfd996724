"""A reader's hand: JupyterLab runs notebook 02 to its end, and a slider changes its figure."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from browser import open_browser, wait_for

from fishlib.pipeline import notebook_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
NAME = "02_labeling.ipynb"
ERRORS = "return document.querySelectorAll('[data-mime-type*=\"jupyter.error\"]').length"
EXPLORER = (
    "const box = document.querySelector('.jp-OutputArea .widget-hslider');"
    "const image = box && box.closest('.jp-OutputArea').querySelector('img');"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """Address of a JupyterLab in a folder that holds a copy of the notebook, on little film."""
    source = notebook_folder() / NAME
    if not source.exists():
        pytest.skip(f"{NAME} is not in the repository")
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.read(source, as_version=4)
    cell = next(c for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    cell.source = cell.source.replace("minutes = 0 ", "minutes = 3 ")
    assert "minutes = 3 " in cell.source
    for each in (c for c in notebook.cells if c.cell_type == "code"):
        each.outputs = []
    nbformat.write(notebook, folder / NAME)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    yield from _serve(folder, port, token)


def _serve(folder, port, token):
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"]
    command += [f"--port={port}", f"--IdentityProvider.token={token}", "--allow-root"]
    command += [f"--ServerApp.root_dir={folder}", "--LabApp.news_url="]
    settings = {"JUPYTER_CONFIG_DIR": str(folder / ".config"), "HOME": str(folder)}
    settings |= {"FISHLIB_CACHE": str(folder / ".cache")}
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen(
            command, env=os.environ | settings, cwd=folder, stdout=log, stderr=log
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_up(f"{address}/api/status?token={token}", server, folder / "server.log")
        yield address, token
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_up(address, server, log, seconds=600):
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.poll() is None:
        try:
            return json.load(urllib.request.urlopen(address, timeout=5))
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(f"JupyterLab did not come up:\n{log.read_text(errors='replace')[-2000:]}")


def run_all_cells(browser):
    from selenium.webdriver.common.by import By

    browser.find_element(By.XPATH, "//li[.//div[text()='Run']]").click()
    wait_for(browser, "return document.querySelector(\"[data-command='runmenu:run-all']\")").click()


def test_notebook_runs_and_a_slider_changes_its_figure(browser, lab):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    address, token = lab
    browser.get(f"{address}/lab/tree/{NAME}?reset&token={token}")
    wait_for(browser, "return document.body.innerText.includes('Idle')")
    run_all_cells(browser)
    wait_for(browser, f"{EXPLORER} return image && image.src.length > 1000")
    wait_for(browser, "return document.body.innerText.includes('Idle')")
    assert browser.execute_script(ERRORS) == 0
    before = browser.execute_script(f"{EXPLORER} return image.src")
    handle = browser.find_element(By.CSS_SELECTOR, ".widget-hslider .noUi-handle")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", handle)
    handle.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    old = json.dumps(before)
    wait_for(browser, f"{EXPLORER} return image && image.src !== {old}")
