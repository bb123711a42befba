"""The page: what people look at while org works alone; made here, readable without scripts."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from daemon.orchestrator import plans, views, words
from daemon.orchestrator.bodies import Wrong, read_bytes
from daemon.orchestrator.ensemble import Ensemble
from daemon.orchestrator.facts import ACT_SECONDS, Facts
from daemon.orchestrator.guard import COOKIE
from daemon.orchestrator.health import Health
from daemon.orchestrator.models import Models
from daemon.orchestrator.tokens import Tokens

HERE = Path(__file__).parent
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FORM_BYTES_MAX = 2**16
CARRIED = ("candidate", "to", "reason", "goal", "text", "id")
VIEWS = (
    ("/", "Now"),
    ("/candidates", "Candidates"),
    ("/fitness", "Fitness"),
    ("/releases", "Releases"),
    ("/chat", "Chat"),
    ("/logs", "Logs"),
)


@lru_cache(maxsize=1)
def templates() -> Any:
    """Made at the first page, for a process must be ready before that."""
    import jinja2

    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,  # an older supervisor may tell less
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= words.FILTERS
    return found


@lru_cache(maxsize=1)
def assets() -> dict[str, tuple[bytes, str]]:
    """Name -> bytes and kind of everything that lies in `static`; nothing else is served."""
    found = {}
    for path in sorted((HERE / "static").iterdir()):
        if path.suffix in KINDS:
            found[path.name] = (path.read_bytes(), KINDS[path.suffix])
    return found


def stamped(name: str) -> str:
    """The address of an asset, which changes with it."""
    digest = hashlib.sha256(assets()[name][0]).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


@dataclass(frozen=True)
class Page:
    health: Health
    facts: Facts
    models: Models
    tokens: Tokens

    def routes(self) -> list[Route]:
        return [
            Route("/", self.now),
            Route("/candidates", self.candidates),
            Route("/candidates/{candidate}", self.candidate),
            Route("/candidates/{candidate}/evidence", self.evidence),
            Route("/fitness", self.fitness),
            Route("/releases", self.releases),
            Route("/chat", self.chat),
            Route("/logs", self.logs),
            Route("/act/{act}", self.confirm, methods=["GET"]),
            Route("/act/{act}", self.act, methods=["POST"]),
            Route("/login", self.login, methods=["GET", "POST"]),
            Route("/static/{name}", self.asset),
        ]

    def render(self, name: str, status: int = 200, **known: Any) -> HTMLResponse:
        shown = {"views": VIEWS, "stamped": stamped, "health": self.health, "now_s": time.time()}
        text = templates().get_template(f"{name}.html").render(shown | known)
        return HTMLResponse(text, status, headers={"cache-control": "no-store"})

    async def wrong(self, request: Request, fault: Exception) -> Response:
        """What could not be shown: as a page for those who look at one, else as an error."""
        assert isinstance(fault, Wrong)
        if "text/html" not in request.headers.get("accept", ""):
            return fault.answer()
        return self.render("error", fault.status, said=fault.said, at="")

    async def asset(self, request: Request) -> Response:
        found = assets().get(request.path_params["name"])
        if found is None:
            return self.render("error", 404, said="There is no such file.", at="")
        # Its address changes with it, so it may be kept for good.
        kept = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(found[0], media_type=found[1], headers=kept)

    async def _look(self, verb: str, **asked: object) -> dict[str, Any]:
        return await self.facts.ask(verb, {k: v for k, v in asked.items() if v is not None})

    async def _newer(self, verb: str) -> dict[str, Any]:
        try:
            return await self._look(verb)
        except Wrong:
            return {}  # an older supervisor does not tell

    # The views

    async def now(self, _: Request) -> Response:
        if not self.facts.there:
            return self.render("alone", at="/")
        now = await self._look("now")
        named = (now["cycle"] or {}).get("candidate")
        newest = (await self._look("candidates", limit=1))["candidates"]
        named = named or (newest[0]["candidate"] if newest else None)
        events = (await self._look("events", limit=60))["events"]
        own = (await self._look("events", limit=400, candidate=named))["events"] if named else []
        known = views.now(now, own, events) | {"spent": await self._newer("spent")}
        return self.render("now", at="/", now=now, candidate=named, **known)

    async def candidates(self, request: Request) -> Response:
        asked = {key: request.query_params.get(key) for key in ("state", "text", "before")}
        found = await self._look(
            "candidates", limit=100, **{k: v or None for k, v in asked.items()}
        )
        states = (await self._look("states"))["states"]
        tags = {one["commit"]: one["tag"] for one in (await self._look("releases"))["releases"]}
        kept = {key: value for key, value in asked.items() if value and key != "before"}
        more = urlencode(kept | {"before": found["next"]}) if found["next"] else None
        known = views.archive(found, states)
        return self.render(
            "candidates", at="/candidates", asked=asked, more=more, tags=tags, **known
        )

    async def candidate(self, request: Request) -> Response:
        name = request.path_params["candidate"]
        one = await self._look("show", candidate=name)
        diff = await self._look("diff", candidate=name)
        events = (await self._look("events", limit=1000, candidate=name))["events"]
        known = views.candidate(one, diff, events)
        return self.render("candidate", at="/candidates", one=one, **known)

    async def evidence(self, request: Request) -> Response:
        name, path = request.path_params["candidate"], request.query_params.get("path", "")
        found = await self._look("evidence", candidate=name, path=path)
        return self.render("evidence", at="/candidates", found=found)

    async def fitness(self, _: Request) -> Response:
        states = (await self._look("states"))["states"]
        gates = (await self._look("gates"))["gates"]
        measures = (await self._newer("measures")).get("measures", [])
        cost = views.cost(await self._newer("spent"))
        known = views.fitness(states, gates, measures) | {"cost": cost}
        return self.render("fitness", at="/fitness", **known)

    async def releases(self, request: Request) -> Response:
        now = await self._look("now")
        found = await self._look("releases")
        archive = await self._look("candidates", limit=140)
        done = plans.PLANS.get(request.query_params.get("done", ""))
        said = done.done if done else None
        known = views.releases(found, archive, now, request.query_params.get("before"))
        return self.render("releases", at="/releases", now=now, said=said, **known)

    async def chat(self, _: Request) -> Response:
        names: list[str] = []
        with suppress(Wrong, LookupError, TypeError):
            status, body = await self.models.names()
            if status == 200:
                names += [str(one["id"]) for one in body["data"]]
                names += await Ensemble(self.models, self.facts).names()
        return self.render("chat", at="/chat", names=names)

    async def logs(self, request: Request) -> Response:
        name = request.query_params.get("name", "supervisor")
        found = await self._look("log", name=name)
        return self.render("logs", at="/logs", found=found, lines=views.lines(found["lines"]))

    # Acts: a page that says what will happen, and a form that carries the token

    async def confirm(self, request: Request) -> Response:
        act = request.path_params["act"]
        carried = {key: request.query_params.get(key, "")[:200] for key in CARRIED}
        now = await self._look("now")
        plan = plans.plan(act, carried, now)
        if plan is None:
            return self.render("error", 404, said="There is no such act.", at="")
        return self.render(
            "confirm", at="/releases", act=act, carried=carried, plan=plan, said=None
        )

    async def act(self, request: Request) -> Response:
        act = request.path_params["act"]
        form = await _form(request)
        secret = form.pop("token", "").strip()
        carried = {key: form.get(key, "") for key in CARRIED}
        if plans.PLANS.get(act) is None:
            return self.render("error", 404, said="There is no such act.", at="")
        try:
            await self.tokens.caller(secret, _address(request))
            await self.facts.ask(act, carried, secret, ACT_SECONDS)
        except Wrong as wrong:
            plan = plans.plan(act, carried, await self._look("now"))
            known = {"act": act, "carried": carried, "plan": plan, "said": wrong.said}
            return self.render("confirm", wrong.status, at="/releases", **known)
        return RedirectResponse(f"/releases?done={act}", 303)

    async def login(self, request: Request) -> Response:
        """The token as a cookie that scripts cannot read and other sites do not send."""
        if request.method == "GET":
            return self.render("login", at="", said=None)
        secret = (await _form(request)).get("token", "").strip()
        try:
            await self.tokens.caller(secret, _address(request))
        except Wrong as wrong:
            return self.render("login", wrong.status, at="", said=wrong.said)
        answer = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, secret, httponly=True, samesite="strict", secure=secure)
        return answer


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


async def _form(request: Request) -> dict[str, str]:
    text = (await read_bytes(request, FORM_BYTES_MAX)).decode("utf-8", "replace")
    return dict(parse_qsl(text, keep_blank_values=True))
