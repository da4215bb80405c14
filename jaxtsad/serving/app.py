"""The routes of a server (Starlette), and running it (uvicorn)."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import functools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote

import anyio.to_thread
import prometheus_client
import uvicorn
from starlette.applications import Starlette
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from jaxtsad import __version__, interactive
from jaxtsad.serving.limits import Guard, Limits
from jaxtsad.serving.service import Service, Taken, Unknown

WAITING = 256
"""Messages that wait for a reader of the live feed; a slower one is cut off."""
READERS = 100
HEARTBEAT = 5.0
MOST_ALARMS = 1000
GRACE = 5
"""Seconds that requests in progress have to end in, when the server is told to."""


class Unsaved(Exception):
    """Rows could not be written down: nothing is acknowledged."""


class EntityName(PathConvertor):
    """A name in a path, which may hold any sign, newlines, too."""

    regex = "(?s:.*)"


register_url_convertor("entity", EntityName())


class Server:
    """Routes over a service whose every call is made by one thread at a time."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.ending = False
        self._turn = asyncio.Lock()
        self._saving = asyncio.Lock()
        self._version = self._saved = 0
        self._failing = False
        self._untold: collections.deque[tuple[int, Taken]] = collections.deque()
        self._readers: dict[asyncio.Queue[str | None], str | None] = {}
        self._figures = prometheus_client.CollectorRegistry()
        counter = functools.partial(
            prometheus_client.Counter, registry=self._figures, namespace="jaxtsad"
        )
        self._rows = counter("rows", "Rows by kind", ["kind"])
        self._alarms = counter("alarms", "Alarms that opened")
        self._requests = counter("requests", "Requests by status", ["status"])
        self._seconds = prometheus_client.Histogram(
            "scoring_seconds",
            "Seconds to score the rows of a request",
            registry=self._figures,
            namespace="jaxtsad",
        )
        readers = prometheus_client.Gauge(
            "live_readers",
            "Readers of the live feed",
            registry=self._figures,
            namespace="jaxtsad",
        )
        readers.set_function(lambda: len(self._readers))

    def app(self, limits: Limits) -> Guard:
        """The application (ASGI)."""
        routes = [
            Route("/", self.page),
            Route("/health", self.health),
            Route("/metrics", self.metrics),
            Route("/entities", self.entities),
        ]
        for prefix in ("", "/entities/{entity:entity}"):
            routes += [
                Route(f"{prefix}/rows", self.rows, methods=["POST"]),
                Route(f"{prefix}/events", self.events),
                Route(f"{prefix}/recent", self.recent),
                Route(f"{prefix}/live", self.live),
            ]
        routes.append(Route("/entities/{entity:entity}", self.page))

        @contextlib.asynccontextmanager
        async def life(app: Starlette) -> AsyncIterator[None]:
            yield
            async with self._turn:
                await _in_thread(self.service.close)

        return Guard(
            Starlette(
                routes=routes,
                lifespan=life,
                exception_handlers={
                    Unknown: functools.partial(_failed, status=404),
                    Unsaved: functools.partial(_failed, status=503),
                    ValueError: functools.partial(_failed, status=422),
                },
            ),
            limits,
        )

    async def rows(self, request: Request) -> Response:
        """Takes rows: CSV with a header, JSON lines, or a JSON list of rows."""
        entity = request.path_params.get("entity")
        lines = _lines(await request.body())
        if self._failing:
            await self._save(self._version)  # No more is taken before.
        async with self._turn:
            with self._seconds.time():
                taken = await _in_thread(self.service.take, lines, entity)
            self._version += 1
            version = self._version
            self._untold.append((version, taken))
        await self._save(version)
        for kind, number in taken.counts.items():
            self._rows.labels(kind).inc(number)
        self._alarms.inc(sum(a["alarm"] == "opened" for a in taken.alarms))
        counted = taken.counts["rows"]
        good = counted > taken.counts["malformed"]
        status = 200 if good or not counted else 422
        self._requests.labels(status).inc()
        return JSONResponse(
            {
                **taken.counts,
                "scores": [step.score for step in taken.steps],
                "flags": [step.flag for step in taken.steps],
                "alarms": taken.alarms,
                "notes": taken.notes,
            },
            status,
        )

    async def events(self, request: Request) -> Response:
        """Alarms after number `since`, at most `most` of them."""
        since = _whole(request, "since", 0)
        most = min(_whole(request, "most", MOST_ALARMS), MOST_ALARMS)
        entity = request.path_params.get("entity")
        return JSONResponse({"alarms": self.service.since(since, entity, most)})

    async def recent(self, request: Request) -> Response:
        """The last steps of an entity, with its event rules; none before rows came."""
        entity = request.path_params.get("entity")
        steps = self.service.recent.get(entity)
        if steps is None and entity not in (None, *self.service.entities):
            raise Unknown(f"no rows came of {entity!r}")
        rules = None if steps is None else self.service.rules(entity)
        return JSONResponse(
            {
                "channels": self.service.channels,
                "threshold": None if rules is None else rules.opens,
                "rules": None if rules is None else dataclasses.asdict(rules),
                "steps": [step._asdict() for step in [*(steps or ())]],
            }
        )

    async def health(self, request: Request) -> Response:
        """Whether the server is there."""
        del request
        about = {"status": "ok", "version": __version__, "steps": self.service.steps}
        return JSONResponse(about)

    async def metrics(self, request: Request) -> Response:
        """Figures for Prometheus."""
        del request
        text = prometheus_client.generate_latest(self._figures).decode()
        return PlainTextResponse(text, media_type=prometheus_client.CONTENT_TYPE_LATEST)

    async def entities(self, request: Request) -> Response:
        """Names of the entities."""
        del request
        return JSONResponse({"entities": self.service.entities})

    async def page(self, request: Request) -> Response:
        """The live page."""
        entity = request.path_params.get("entity")
        base = "" if entity is None else f"/entities/{quote(entity, safe='')}"
        page, policy = interactive.live(entity or "Live", self.service.channels, base)
        headers = {
            "content-security-policy": f"{policy}; frame-ancestors 'none'",
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-store",
        }
        return HTMLResponse(page.text, headers=headers)

    async def live(self, request: Request) -> Response:
        """Steps and alarms as they come (server-sent events)."""
        if len(self._readers) >= READERS:
            return JSONResponse({"error": f"{READERS} readers are there already"}, 503)
        queue: asyncio.Queue[str | None] = asyncio.Queue(WAITING)
        self._readers[queue] = request.path_params.get("entity")

        async def messages() -> AsyncIterator[str]:
            try:
                yield "retry: 2000\n\n"
                while not self.ending:
                    try:
                        text = await asyncio.wait_for(queue.get(), HEARTBEAT)
                    except TimeoutError:
                        text = ": here\n\n"
                    if text is None:
                        return
                    yield text
            finally:
                self._readers.pop(queue, None)

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(
            messages(), media_type="text/event-stream", headers=headers
        )

    def end(self) -> None:
        """Ends the live feeds, which would keep the server open."""
        self.ending = True
        for queue in self._readers:
            _put(queue, None)

    def _tell(self, taken: Taken) -> None:
        """Tells readers of an entity what came; who does not keep up is cut off."""
        if not taken.steps and not taken.alarms:
            return
        content = {
            "steps": [step._asdict() for step in taken.steps],
            "alarms": taken.alarms,
        }
        text = f"data: {json.dumps(content)}\n\n"
        for queue, entity in list(self._readers.items()):
            if entity == taken.entity and not _put(queue, text):
                del self._readers[queue]
                queue.get_nowait()
                _put(queue, None)

    async def _save(self, version: int) -> None:
        """Returns once a version is saved, one save for all before, and readers know.

        Raises:
            Unsaved: If it cannot be written.
        """
        async with self._saving:
            if self._saved >= version:
                return
            async with self._turn:
                reached = self._version
                try:
                    await _in_thread(self.service.save)
                except ValueError as error:
                    self._failing = True
                    raise Unsaved(str(error)) from None
            self._failing, self._saved = False, reached
            while self._untold and self._untold[0][0] <= reached:
                self._tell(self._untold.popleft()[1])


def serve(
    service: Service, limits: Limits, host: str, port: int, ready: Callable[[], None]
) -> None:
    """Serves until the process is told to end; the state is then saved.

    Args:
        service: What is served.
        limits: What is let in.
        host: Address to listen on.
        port: Its port.
        ready: Called once the server listens.

    Raises:
        SystemExit: If the address cannot be bound.
    """
    server = Server(service)
    config = uvicorn.Config(
        server.app(limits),
        host=host,
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 * 1024,
    )

    class Ending(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            ready()

        def handle_exit(self, sig: int, frame: Any) -> None:
            # A second signal does not wait for requests in progress.
            del sig, frame
            self.force_exit, self.should_exit = self.should_exit, True
            server.end()

    Ending(config).run()


def _put(queue: asyncio.Queue[str | None], text: str | None) -> bool:
    try:
        queue.put_nowait(text)
    except asyncio.QueueFull:
        return False
    return True


async def _in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    return await anyio.to_thread.run_sync(function, *arguments)


def _lines(body: bytes) -> list[bytes]:
    """Lines of a body; of a JSON list of rows each row as a line."""
    start = body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"[":
        with contextlib.suppress(ValueError, RecursionError):
            rows = json.loads(body)
            if rows and all(isinstance(row, dict | list) for row in rows):
                return [json.dumps(row).encode() for row in rows]
    return body.splitlines()


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdigit() or len(text) > 18:
        raise ValueError(f"{name}={text[:40]!r} must be a whole number from 0 on")
    return int(text)


async def _failed(request: Request, error: Exception, *, status: int) -> Response:
    del request
    text = " ".join(str(error.args[0] if error.args else error).split())
    return JSONResponse({"error": text}, status)
