"""The protocol for small models: the goal and one file in, the whole file out, tests decide."""

from __future__ import annotations

import re
from dataclasses import dataclass

from daemon.agent.loop import End, Hooks, Interrupted
from daemon.agent.messages import Call, Message
from daemon.agent.prompts import prompt
from daemon.agent.providers import ModelFault, Provider
from daemon.agent.providers.treatments import treatment
from daemon.agent.tools.run_tests import RUN_TESTS
from daemon.agent.tools.tool import Result
from daemon.agent.workspace import Outside, Workspace

FENCED = re.compile(r"^```[\w+-]*[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
SAID_CHARS_MAX = 3_000
SHOWN_CHARS_MAX = 2_000


@dataclass
class Rewrite:
    """A few rounds on one file."""

    provider: Provider
    workspace: Workspace
    hooks: Hooks
    rounds_max: int
    turns: int = 0
    tokens: int = 0

    def until_end(self, goal: str, module: str | None) -> End:
        try:
            path = module or self._named_in(goal)
            return self._rounds(goal, path, self.workspace.read(path))
        except Outside as refused:
            return End("failed", str(refused))
        except ModelFault as fault:
            return End(treatment(fault.code).status, fault.said)

    def _named_in(self, goal: str) -> str:
        """The one file that the goal names. Raises Outside when there is no such one."""
        named = [path for path in self.workspace.files() if path in goal]
        if len(named) != 1:
            text = "the goal names no file" if not named else f"the goal names {len(named)} files"
            raise Outside(f"{text}; say which one to rewrite with --module")
        return named[0]

    def _rounds(self, goal: str, path: str, before: str) -> End:
        task = prompt("rewrite_task").format(goal=goal, module=path, text=before)
        now = RUN_TESTS.call({}, self.workspace)
        if not now.ok:  # what is wanted, shown: worth more to a small model than words
            task += "\n\n" + prompt("rewrite_failing").format(said=now.text[-SAID_CHARS_MAX:])
        opening = [
            Message(role="system", content=prompt("rewrite")),
            Message(role="user", content=task),
        ]
        messages = list(opening)
        for _ in range(self.rounds_max):
            if self.hooks.stopped():
                return End("stopped", "somebody ended it")
            if self.hooks.late():
                return End("time", "the time is up")
            messages += [Message(role="user", content=one) for one in self.hooks.told()]
            try:
                text = self._ask(messages)
            except Interrupted:
                continue
            wrong = self._try(path, before, text)
            if wrong is None:
                return End("done", f"rewrote {path}; the tests passed")
            # Only the last try is shown: a small model copies what it reads, its own errors too.
            messages = [*opening, messages[-1], Message(role="user", content=wrong)]
        if self.hooks.late():
            return End("time", "the time is up")
        return End("failed", f"the tests still fail after {self.rounds_max} rounds")

    def _ask(self, messages: list[Message]) -> str:
        self.turns += 1
        reply = self.provider.reply(messages, [])
        self.tokens += reply.usage.prompt_tokens + reply.usage.completion_tokens
        messages.append(Message(role="assistant", content=reply.content))
        self.hooks.turn(self.turns, reply.content[:SHOWN_CHARS_MAX])
        return reply.content

    def _try(self, path: str, before: str, reply: str) -> str | None:
        """Put the new file in place and test it; what the model must hear, or None."""
        text = fenced(reply)
        if text is None:
            return prompt("rewrite_unfenced")
        if text.strip() == before.strip():
            return prompt("rewrite_same")
        self.workspace.write(path, text)
        self.hooks.step(self.turns, f"rewrite {path}")
        call = Call(id="", name=RUN_TESTS.name, arguments="{}")
        self.hooks.call(self.turns, call)
        result: Result = RUN_TESTS.call({}, self.workspace)
        self.hooks.result(self.turns, call, result)
        if result.ok:
            return None
        return prompt("rewrite_failed").format(said=result.text[-SAID_CHARS_MAX:])


def fenced(reply: str) -> str | None:
    """The longest fenced block: small models sometimes add a short example after it."""
    blocks = FENCED.findall(reply)
    return max(blocks, key=len) if blocks else None
