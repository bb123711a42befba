"""Trying providers out: what answers, how fast, and what it can; one JSON object to who asks."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daemon.broker.chunks import joined, text_chars
from daemon.broker.faults import Fault
from daemon.broker.metering import CHARS_PER_TOKEN
from daemon.broker.refusals import TOOLS
from daemon.broker.upstream import Upstream
from daemon.core.pieces import sound
from daemon.state.settings import PROVIDERS, Model, Settings, load
from ops.errors import Exit, Refused, Trouble
from ops.layout import Layout

MAIN = "default"
TRIAL_SECONDS = 180.0
SPEAK_TRIES_MAX = 3
REPLY_TOKENS_MAX = 64
CALL_TOKENS_MAX = 160
HELLO = "Count from one to twenty in words."
WEATHER = "What is the weather in Oslo? Use the tool."
IN_WORDS = """\
You have one tool, weather(city). Call it by writing one JSON object in a fenced block, and nothing
after it:
```json
{"name": "TOOL", "arguments": {"NAME": "VALUE"}}
```
What is the weather in Oslo? Use the tool."""
REFUSALS = (TOOLS, "model_bad_request", "model_refused", "model_failed")  # of tools, so it seems
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
Json = dict[str, Any]


def main(argv: list[str]) -> int:
    flags = _flags(argv)
    try:
        print(json.dumps(asyncio.run(_answer(flags))))
    except Trouble as trouble:
        print(json.dumps(trouble.as_json() | {"code": int(trouble.code)}))
        return int(trouble.code)
    return 0


def _flags(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="daemon.broker.trial")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--name", default=MAIN)
    parser.add_argument("--model", default="")
    parser.add_argument("--base-url", default="")
    parser.add_argument("verb", choices=("list", "test", "models"))
    return parser.parse_args(argv)


async def _answer(flags: argparse.Namespace) -> Json:
    settings, state = load(flags.home), Layout(flags.home).state
    if flags.verb == "list":
        return {"providers": listed(settings, state)}
    if flags.verb == "models":
        return await offered(settings, state)
    model = chosen(settings, flags.name, flags.model, flags.base_url)
    return {"name": flags.name, **await Trial(Upstream.open(model, state)).run()}


def listed(settings: Settings, state: Path) -> list[Json]:
    """The configured ones first, then the kinds that could be configured."""
    configured = {MAIN: settings.model, **settings.providers}
    rows = [_row(name, one, state, used=True) for name, one in configured.items()]
    kinds = [kind for kind in PROVIDERS if kind not in configured and kind != "recorded"]
    return rows + [_row(kind, _of_kind(kind), state, used=False) for kind in kinds]


def _row(name: str, one: Model, state: Path, used: bool) -> Json:
    upstream = Upstream.open(one, state)
    return {
        "name": name,
        "provider": one.provider,
        "base": one.base,
        "model": one.name,
        "key": upstream.key is not None,
        "configured": used,
        "session": one.session,
    }


def _of_kind(kind: str) -> Model:
    values: Json = {"provider": kind}
    return Model(**values)


def chosen(settings: Settings, name: str, model: str, base: str) -> Model:
    """A configured provider, or a kind of one, with what was said otherwise. Raises Refused."""
    if name == MAIN:
        found = settings.model
    elif name in settings.providers:
        found = settings.providers[name]
    elif name in PROVIDERS:
        found = _of_kind(name)
    else:
        known = ", ".join(dict.fromkeys([MAIN, *settings.providers, *PROVIDERS]))
        raise Refused(f"no provider {name}", f"there are: {known}", Exit.ABSENT)
    values = found.model_dump() | ({"name": model} if model else {})
    try:
        return Model(**values | ({"base": base} if base else {}))
    except ValidationError as error:
        raise Refused(f"{name}: {error.errors()[0]['msg']}", "say it otherwise") from error


async def offered(settings: Settings, state: Path) -> Json:
    """The models of every configured provider, and what kept one from telling."""
    models: list[Json] = []
    problems: list[str] = []
    for name, one in {MAIN: settings.model, **settings.providers}.items():
        try:
            names = await Upstream.open(one, state).models()
        except Fault as fault:
            problems.append(f"{name}: {fault.said}")
            continue
        prefix = "" if name == MAIN else f"{name}/"
        models += [{"id": f"{prefix}{found}", "provider": name} for found in names]
    return {"models": models, "problems": problems}


@dataclass
class Trial:
    """One provider, tried with two short questions."""

    upstream: Upstream

    async def run(self) -> Json:
        """What was found; `ok` False with the reason when it did not answer."""
        found: Json = {
            "provider": self.upstream.model.provider,
            "base": self.upstream.model.base,
            "ok": False,
        }
        try:
            async with asyncio.timeout(TRIAL_SECONDS):
                found |= await self._look()
                found |= await self._speak(found["model"])
                found |= await self._call(found["model"])
                return found | {"ok": True}
        except Fault as fault:
            return found | {"error_code": fault.code, "reason": fault.said}
        except TimeoutError:
            return found | {"error_code": "model_timeout", "reason": f"over {TRIAL_SECONDS:g} s"}
        finally:
            await self.upstream.retire()

    async def _look(self) -> Json:
        began = time.monotonic()
        names = await self.upstream.models()
        latency = _ms(began)
        model = self.upstream.model.name or (names[0] if names else "")
        if not model:
            raise Fault("model_not_offered", "it offers no model")
        context = await self.upstream.context(model)
        return {
            "model": model,
            "models": len(names),
            "latency_ms": latency,
            "context_tokens": context,
        }

    async def _speak(self, model: str) -> Json:
        """Asked again when it says nothing: a small model does so at times."""
        for _ in range(SPEAK_TRIES_MAX):
            if (found := await self._spoken(model)) is not None:
                return found
        raise Fault("model_rubbish", f"it answered nothing, asked {SPEAK_TRIES_MAX} times")

    async def _spoken(self, model: str) -> Json | None:
        """First word, speed, and whether it comes in pieces; None when no word came."""
        began, first, pieces, chars = time.monotonic(), None, 0, 0
        usage: Mapping[str, Any] | None = None
        async for chunk in self.upstream.chunks(_asked(model, HELLO, REPLY_TOKENS_MAX)):
            said = text_chars(chunk)
            if said and first is None:
                first = time.monotonic()
            pieces, chars = pieces + bool(said), chars + said
            usage = chunk.get("usage") or usage
        if first is None:
            return None
        tokens = int((usage or {}).get("completion_tokens") or chars / CHARS_PER_TOKEN)
        spent = max(time.monotonic() - first, 1e-6)
        return {
            "first_token_ms": round((first - began) * 1000, 1),
            "tokens_per_s": round(tokens / spent, 1),
            "streaming": pieces > 1,
            "usage": "counted" if usage else "estimated",
        }

    async def _call(self, model: str) -> Json:
        """How it calls a tool: its reply is read by who may read calls in text."""
        try:
            try:
                message = await self._message(_asked(model, WEATHER) | {"tools": [TOOL]})
            except Fault as fault:
                if fault.code != TOOLS:
                    raise
                message = await self._message(_asked(model, IN_WORDS))
        except Fault as fault:
            if fault.code not in REFUSALS:
                raise
            return {"tools": "refused", "said": sound(fault.said)}
        declared = [call["function"]["name"] for call in message.get("tool_calls") or ()]
        return {
            "tools": "declared" if "weather" in declared else "text",
            "said": sound(message["content"]),
        }

    async def _message(self, asked: Json) -> Json:
        chunks = [chunk async for chunk in self.upstream.chunks(asked)]
        return dict(joined(chunks)["choices"][0]["message"])


def _asked(model: str, text: str, tokens_max: int = CALL_TOKENS_MAX) -> Json:
    messages = [{"role": "user", "content": text}]
    return {"model": model, "messages": messages, "max_tokens": tokens_max}


def _ms(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)
