"""The command that serves a detector over HTTP."""

from __future__ import annotations

import argparse
import importlib.util
import ipaddress
import os
import pathlib
import sys

from jaxtsad.cli import recordings

TOKEN = "JAXTSAD_TOKEN"
NEEDED = ("starlette", "uvicorn", "prometheus_client")


def serve(options: argparse.Namespace) -> None:
    """Serves until the process is told to end."""
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        raise ValueError(f"serving needs {lacking[0]}: pip install 'jaxtsad[serve]'")
    from jaxtsad.serving import app, limits, service
    from jaxtsad.training import memory

    memory.keep()
    for name, least in (("body", 1), ("rate", 0.001), ("port", 1)):
        if getattr(options, name) < least:
            value = getattr(options, name)
            raise ValueError(f"--{name}={value:g} must be at least {least:g}")
    token = _token(options.token_file)
    local = _is_local(options.host)
    if not local and token is None:
        raise ValueError(
            f"--host={options.host} can be reached by others: set a token by "
            f"--token-file or {TOKEN}"
        )
    names = limits.Limits().hosts if local else ()
    made = service.Service(
        recordings.load(options.model),
        options.state,
        time_column=options.time_column,
        time_format=options.time_format,
    )
    allowed = limits.Limits(token, options.body, options.rate, names)

    def ready() -> None:
        line = f"http://{options.host}:{options.port} takes rows at /rows"
        print(line, file=sys.stderr, flush=True)

    try:
        app.serve(made, allowed, options.host, options.port, ready)
    except SystemExit:
        raise ValueError(f"cannot listen on {options.host}:{options.port}") from None


def _token(path: str | None) -> str | None:
    token = os.environ.get(TOKEN)
    if path is not None:
        token = pathlib.Path(path).read_text(encoding="utf-8").strip()
    if token is not None and (len(token) < 8 or not token.isascii()):
        raise ValueError("a token has at least 8 letters, ASCII alone")
    return token


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
