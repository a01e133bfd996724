"""Shared inputs of the tests: the mirror of the published files and the real footage."""

import os
import signal
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
if "FISHLIB_PUBLISHED" not in os.environ and (SHARED / "published").is_dir():
    os.environ["FISHLIB_PUBLISHED"] = str(SHARED / "published")

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it


@pytest.fixture(scope="session")
def published():
    """The module ``fishlib.published``, where its files can be had."""
    from fishlib import published

    if published.study().reason:
        pytest.skip("the study's published files are neither mirrored nor downloadable here")
    return published


@pytest.fixture(scope="session")
def footage():
    """The folder of real recordings beside the project."""
    folder = SHARED / "footage"
    if not folder.is_dir():
        pytest.skip("the real footage is not beside this checkout (../shared/footage)")
    return folder
