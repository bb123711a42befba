"""One table of what the API offers: routes, checks of what is asked, and its OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from daemon.orchestrator.bodies import BODY_BYTES_MAX, Wrong

Handler = Callable[[Request, dict[str, Any]], Awaitable[Response]]
QUERY_VALUE_CHARS_MAX = 500
GONE = 499  # heard by nobody: the client left before its answer
Schema = dict[str, Any]
PLAIN = r"^[^\x00-\x1f\x7f]*$"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


@dataclass(frozen=True)
class Param:
    """One parameter of a path, a query or the headers, and what it may be."""

    name: str
    about: str
    kind: str = "string"
    where: str = "query"
    least: int = 0
    most: int = 500
    pattern: str | None = None
    choices: tuple[str, ...] = ()

    @property
    def schema(self) -> Schema:
        if self.kind == "integer":
            return {"type": "integer", "minimum": self.least, "maximum": self.most}
        pattern = self.pattern or PLAIN
        found: Schema = {"type": "string", "maxLength": QUERY_VALUE_CHARS_MAX, "pattern": pattern}
        return found | ({"enum": list(self.choices)} if self.choices else {})

    def taken(self, text: str) -> Any:
        """The value. Raises Wrong naming the parameter."""
        if self.kind == "integer":
            good = re.fullmatch(r"-?[0-9]{1,16}", text)
            if not good or not self.least <= int(text) <= self.most:
                said = f"{self.name} must be a whole number from {self.least} to {self.most}"
                raise Wrong(said, "invalid_value", param=self.name)
            return int(text)
        odd = len(text) > QUERY_VALUE_CHARS_MAX or not re.search(self.pattern or PLAIN, text)
        if odd or (self.choices and text not in self.choices):
            raise Wrong(f"{self.name} makes no sense", "invalid_value", param=self.name)
        return text


@dataclass(frozen=True)
class Endpoint:
    """One method on one path; `answer` is the schema of its 200."""

    method: str
    path: str
    scope: str
    about: str
    handler: Handler
    params: tuple[Param, ...] = ()
    body: Schema | None = None
    answer: Schema = field(default_factory=lambda: {"type": "object"})
    kinds: tuple[str, ...] = ("application/json",)
    refusals: tuple[int, ...] = ()

    async def __call__(self, request: Request) -> Response:
        try:
            return await self.handler(request, self.taken(request))
        except Wrong as wrong:
            return wrong.answer()
        except ClientDisconnect:
            return Response(status_code=GONE)

    def taken(self, request: Request) -> dict[str, Any]:
        """The parameters that are there, checked. One that nobody knows is refused."""
        known = {param.name for param in self.params if param.where == "query"}
        odd = [name for name in request.query_params if name not in known]
        if odd:
            raise Wrong(f"there is no parameter {odd[0][:40]!r}", "unknown_parameter", param=odd[0])
        places = {"path": request.path_params, "header": request.headers}
        found = {}
        for param in self.params:
            given = places.get(param.where, request.query_params)
            if param.name in given:
                found[param.name] = param.taken(str(given[param.name]))
        return found


def routes(endpoints: Sequence[Endpoint]) -> list[Route]:
    """A path with two methods has two routes' worth of handlers behind one."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for one in endpoints:
        by_path.setdefault(one.path, {})[one.method] = one
    return [Route(path, _Methods(found), methods=list(found)) for path, found in by_path.items()]


class _Methods:
    """Starlette calls a class-based endpoint as an ASGI application."""

    def __init__(self, found: Mapping[str, Endpoint]) -> None:
        self._found = found

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        method = "GET" if request.method == "HEAD" else request.method
        one = self._found.get(method)
        if one is None:
            answer: Response = Wrong(
                "this method is not known here", "method_not_allowed", 405
            ).answer()
            answer.headers["allow"] = ", ".join(sorted(self._found))
        else:
            answer = await one(request)
        await answer(scope, receive, send)


# The document

ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "code": {"type": ["string", "null"]},
                "param": {"type": ["string", "null"]},
            },
        }
    },
}
SAID = {
    400: "it makes no sense",
    401: "a token is needed",
    403: "host, origin or token are refused",
    404: "there is no such thing",
    405: "not with this method",
    408: "the request came too slowly",
    409: "not now, or not so",
    413: "the body is too large",
    422: "the same key was used for something else",
    429: "too often",
    502: "the model server misbehaved",
    503: "the supervisor, or a model, is not there",
    504: "the model took too long",
}
ALWAYS = (400, 401, 403, 429, 503)


def document(endpoints: Sequence[Endpoint], version: str) -> Schema:
    """OpenAPI 3.1 of exactly what is routed."""
    paths: dict[str, Schema] = {}
    for one in endpoints:
        path = one.path.replace(":path}", "}")  # the router's word for a value with slashes
        paths.setdefault(path, {})[one.method.lower()] = _operation(one, path)
    scheme = {"type": "http", "scheme": "bearer", "description": "made by: orgctl token add"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "org", "version": version, "description": "What an instance tells."},
        "paths": paths,
        "components": {"securitySchemes": {"token": scheme}, "schemas": {"Error": ERROR}},
    }


def _operation(one: Endpoint, path: str) -> Schema:
    answers: Schema = {"200": _answer("what was asked for", one.answer, one.kinds)}
    extra: tuple[int, ...] = (404,) if any(param.where == "path" for param in one.params) else ()
    extra += (408, 413) if one.body else ()
    for status in sorted({*ALWAYS, *extra, *one.refusals}):
        answers[str(status)] = _answer(SAID[status], {"$ref": "#/components/schemas/Error"})
    found: Schema = {
        "summary": one.about,
        "operationId": f"{one.method.lower()} {path}",
        "security": [{"token": []}, {}],
        "x-scope": one.scope,
        "responses": answers,
    }
    if one.params:
        found["parameters"] = [_parameter(param) for param in one.params]
    if one.body:
        found["requestBody"] = {
            "required": True,
            "description": f"at most {BODY_BYTES_MAX} bytes",
            "content": {"application/json": {"schema": one.body}},
        }
    return found


def _parameter(param: Param) -> Schema:
    return {
        "name": param.name,
        "in": param.where,
        "required": param.where == "path",
        "description": param.about,
        "schema": param.schema,
    }


def _answer(about: str, schema: Schema, kinds: Sequence[str] = ("application/json",)) -> Schema:
    shapes = {kind: schema if "json" in kind else {"type": "string"} for kind in kinds}
    return {"description": about, "content": {kind: {"schema": s} for kind, s in shapes.items()}}
