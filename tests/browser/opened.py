"""A page in a tab of a real browser, and what went wrong in it."""

from __future__ import annotations

import pathlib
import time
from typing import Any

DRAWN = "#score canvas, #channels canvas, #grid canvas"
HOSTILE = (
    "</script><script>window.ran = 1</script>\"'<img src=x onerror='window.ran = 2'>"
    "\n`${window.ran = 3}`]]>--><!--&lt;"
)
"""A name that would run, were it put anywhere but into text."""


def until(tab: Any, condition: str, seconds: float = 30) -> None:
    """Waits for a condition; the page's policy refuses `wait_for_function`."""
    end = time.monotonic() + seconds
    while not tab.evaluate(condition):
        assert time.monotonic() < end, f"{condition} did not come"
        tab.wait_for_timeout(50)


class Opened:
    """A page in a tab, and what went wrong in it."""

    def __init__(
        self, browser: Any, path: pathlib.Path, ready: str = DRAWN, **context: Any
    ) -> None:
        self.context = browser.new_context(accept_downloads=True, **context)
        self.tab = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.tab.on("console", lambda m: self.errors.append(f"{m.type}: {m.text}"))
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.on("dialog", lambda dialog: self.errors.append(dialog.message))
        self.path = path
        self.tab.goto(path.as_uri())
        self.tab.wait_for_selector(ready)

    def text(self, name: str) -> str:
        """What an element shows."""
        return self.tab.inner_text(f"#{name}")

    def saved(self, name: str, folder: pathlib.Path) -> pathlib.Path:
        """What a button saves, as a file of the folder."""
        with self.tab.expect_download() as download:
            self.tab.click(f"#{name}")
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path

    def close(self) -> None:
        """Ends it; nothing may have been asked for, and nothing have gone wrong."""
        assert self.tab.evaluate("window.ran") is None
        assert self.errors == []
        loaded = [
            url for url in self.requests if not url.startswith(("data:", "blob:"))
        ]
        assert set(loaded) == {self.path.as_uri()}
        self.context.close()
