"""The live page: scores as they come, the threshold, and alarms."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

HERE = pathlib.Path(__file__).parent


class Page(NamedTuple):
    """A page and the headers it goes with."""

    html: str
    headers: dict[str, str]


def page(channels: Sequence[str], entity: str | None) -> Page:
    """The live page of an entity, which asks for nothing but this server.

    Args:
        channels: Names of the channels.
        entity: Whose; None of a detector of one series.
    """
    script = (HERE / "live.js").read_text()
    style = (HERE / "live.css").read_text()
    about = {"channels": list(channels), "entity": entity}
    # A name may hold what would end the element.
    content = json.dumps(about).replace("<", "\\u003c")
    title = html.escape(entity or "Live")
    text = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
<h1>{title}</h1>
<p id="status" role="status">Waiting for rows</p>
<form id="token" hidden><label>Token <input type="password" autocomplete="off"></label>
<button>Use it</button></form>
<figure><figcaption>Score, last steps; the dashed line is the threshold</figcaption>
<canvas id="score" role="img" aria-label="Score of the last steps"></canvas></figure>
<figure><figcaption><label>Channel <select id="channel"></select></label></figcaption>
<canvas id="values" role="img" aria-label="Channel of the last steps"></canvas></figure>
<table><caption>Alarms, the newest first</caption><thead><tr><th>Number<th>Alarm
<th>Start<th>Severity</thead><tbody id="alarms"></tbody></table>
<script type="application/json" id="about">{content}</script>
<script>{script}</script>
"""
    policy = (
        f"default-src 'none'; connect-src 'self'; script-src {_hash(script)}; "
        f"style-src {_hash(style)}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }
    return Page(text, headers)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
