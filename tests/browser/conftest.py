"""One browser for all tests of pages; they are skipped where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    api = pytest.importorskip(
        "playwright.sync_api",
        reason="playwright of jaxtsad[browser] is not installed",
    )
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium is installed")
    with api.sync_playwright() as driver:
        made = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"], headless=True
        )
        yield made
        made.close()
