"""What is let in: whose token, from which page, how often and how much.

Each refusal is one JSON line `{"error": ...}` with the status that says so.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = ("/", "/health")
"""Paths that tell nothing of the data, and need no token."""
ENTITY, FEEDS = "/entities/", ("rows", "events", "recent", "live")
"""Where the live page of an entity is, which asks for a token, and what needs one."""
CLIENTS = 10_000
"""Clients whose rate is remembered, at most."""


class TooLarge(Exception):
    """A body above the limit."""


class Limits(NamedTuple):
    """What a server lets in.

    Attributes:
        token: Bearer token that requests need; None for none.
        body: Bytes of a body, at most.
        rate: Requests of a client in a second, at most, twice as many at once.
        hosts: Names by which the server is called; a page of another name that a
            browser shows cannot read it. Empty for any.
    """

    token: str | None = None
    body: int = 16 * 2**20
    rate: float = 1000.0
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """Lets in what keeps to the limits.

    Args:
        app: What is guarded.
        limits: The limits.
    """

    def __init__(self, app: App, limits: Limits) -> None:
        self.app, self.limits = app, limits
        self._budgets: dict[str, tuple[float, float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request, or refuses it (ASGI)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refuse(send, *refusal)
            return
        size, refused = 0, False

        async def counted() -> MutableMapping[str, Any]:
            # Of a body whose length was not announced.
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.limits.body:
                raise TooLarge
            return message

        async def answered(message: MutableMapping[str, Any]) -> None:
            # Whatever the application makes of a body that was cut off.
            nonlocal refused
            if size <= self.limits.body:
                await send(message)
            elif not refused:
                refused = True
                await refuse(send, *self._too_large())

        with contextlib.suppress(TooLarge):
            await self.app(scope, counted, answered)

    def _refusal(
        self, scope: Scope, headers: dict[str, str]
    ) -> tuple[int, str, dict[str, str]] | None:
        host = headers.get("host", "").rsplit(":", 1)[0].lower()
        if self.limits.hosts and host not in self.limits.hosts:
            return 421, f"this server is not called {host[:80]!r}", {}
        origin = headers.get("origin")
        if origin is not None and origin.split("://")[-1] != headers.get("host"):
            return 403, "a page of another site asked for it", {}
        if not self._in_budget((scope.get("client") or ("",))[0]):
            words = f"more than {self.limits.rate:g} requests in a second"
            return 429, words, {"retry-after": "1"}
        if self.limits.token is not None and not _is_open(scope["path"]):
            given = headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self.limits.token.encode()):
                named = {"www-authenticate": "Bearer"}
                return 401, "a bearer token is needed, and it has to be right", named
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.limits.body:
            return self._too_large()
        return None

    def _too_large(self) -> tuple[int, str, dict[str, str]]:
        # The rest of the body is not read: the connection ends.
        words = f"a body has at most {self.limits.body} bytes; send rows in parts"
        return 413, words, {"connection": "close"}

    def _in_budget(self, client: str) -> bool:
        now, most = time.monotonic(), 2 * self.limits.rate
        left, then = self._budgets.pop(client, (most, now))
        left = min(most, left + (now - then) * self.limits.rate)
        while len(self._budgets) >= CLIENTS:
            self._budgets.pop(next(iter(self._budgets)))
        self._budgets[client] = (max(0.0, left - 1), now)
        return left >= 1


async def refuse(send: Send, status: int, words: str, headers: dict[str, str]) -> None:
    """Answers with a status and one line."""
    body = json.dumps({"error": words}).encode()
    named = {"content-type": "application/json", "content-length": str(len(body))}
    each = [(k.encode(), v.encode()) for k, v in {**named, **headers}.items()]
    await send({"type": "http.response.start", "status": status, "headers": each})
    await send({"type": "http.response.body", "body": body})


def _is_open(path: str) -> bool:
    """Whether a path needs no token."""
    # Routes take a newline at the end of a path for its end.
    last = path.rstrip("\n").rsplit("/", 1)[-1]
    return path in OPEN or (path.startswith(ENTITY) and last not in FEEDS)
