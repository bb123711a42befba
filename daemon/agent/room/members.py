"""Who sits in a room: AgentModel talks and uses tools, PythonModel computes and sums up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from daemon.agent.compaction import CHARS_PER_TOKEN
from daemon.agent.ends import Limits
from daemon.agent.extraction import extract
from daemon.agent.judge import Deed, complaint, runs_tests, unproved
from daemon.agent.loop import End, Run
from daemon.agent.messages import Call, Message
from daemon.agent.offer import SMALL_TOKENS_MAX, TOKENS_MAX, Schema, declared, is_small, small_form
from daemon.agent.prompts import prompt
from daemon.agent.providers import Provider
from daemon.agent.room.mode import Mode
from daemon.agent.room.transcript import HEARD_CHARS_MAX, Entry, heard
from daemon.agent.room.voice import Interrupted, Voice
from daemon.agent.shell import parse
from daemon.agent.tools.python_run import PYTHON_RUN
from daemon.agent.tools.tool import Risk, Tool
from daemon.agent.workspace import Outside, Workspace
from ops.errors import Refused

STEPS_MAX = 12
HEARD_RATIO = 0.3  # of a model's context, for what was said in the room
NO_ANSWER = "(no answer)"
TIRED = ("stuck", "steps", "format")  # ends of one who may still be asked for a last word
SUMMARY_CHARS_MAX = 1_200
RAW_LINE_CHARS_MIN = 80  # a line of output as long as this is raw, however it got into a summary
NAME = r"^[A-Za-z]\w{0,31}$"
# A model's name, who hears its text, and who is told that it is asked for that once more.
Providers = Callable[[str, Callable[[str], None], Callable[[], None]], Provider]


class Seat(BaseModel):
    """One member as it was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(pattern=NAME)
    model: str
    context_tokens: int = 0  # of its model; 0: not known
    tool_tokens_max: int = TOKENS_MAX
    small_tool_tokens_max: int = SMALL_TOKENS_MAX
    persona: str = ""
    kind: Literal["agent", "python"] = "agent"
    mode: str = "group"


@dataclass(frozen=True)
class Wrong:
    """Why an answer goes back, and with which word; what it is kept as when it comes again."""

    kind: str
    why: str
    word: str
    stands_as: str


@dataclass
class AgentModel:
    """A persona on a model; what its tools say stays with it unless it tells."""

    seat: Seat
    providers: Providers
    workspace: Workspace
    toolbox: Callable[[], tuple[Tool, ...]] = tuple  # looked into anew at each step
    mode: Mode = field(default_factory=Mode)
    steps_max: int = STEPS_MAX
    secret = False
    rules = "room"

    @property
    def name(self) -> str:
        return self.seat.name

    def chat_mode(self, mode: str) -> None:
        """Where its next answers go: `group`, `direct:<member>`, `file:<path>`. Raises Refused."""
        self.mode = Mode.parse(mode)

    def speak(self, entries: Sequence[Entry], others: Sequence[str], voice: Voice) -> Entry:
        """One answer to what was said so far. Raises ModelFault, or Interrupted.

        What is wrong with it goes back, once for each kind of wrong.
        """
        opening = [self._system(others, self.toolbox()), *self._heard(entries)]
        before = self.workspace.fingerprint()
        known = {deed for one in entries if one.who == self.name for deed in one.deeds}
        tokens, sent_back = 0, set[str]()
        while True:
            end, run = self._run(opening, voice, may_act="tired" not in sent_back)
            tokens += run.tokens
            shown = known | self._deeds(voice, before)
            text = self._prose(end.reason, voice, run.tools)
            wrong = self._wrong(end, text, shown)
            if wrong is None or wrong.kind in sent_back:
                break
            sent_back.add(wrong.kind)
            voice.again(wrong.why)
            opening = [*run.messages, Message(role="user", content=wrong.word)]
        entry = Entry(who=self.name, text=text or NO_ANSWER, model=self.seat.model, tokens=tokens)
        if end.status != "answered":
            return entry.model_copy(update={"kind": "failed", "text": end.reason})
        kind = "said" if wrong is None else wrong.stands_as
        return entry.model_copy(update={"kind": kind, "deeds": tuple(sorted(shown))})

    def _heard(self, entries: Sequence[Entry]) -> list[Message]:
        """As much as leaves a model that takes little room for its tools and their results."""
        room = int(self.seat.context_tokens * CHARS_PER_TOKEN * HEARD_RATIO)
        return heard(entries, self.name, min(room, HEARD_CHARS_MAX) if room else HEARD_CHARS_MAX)

    def _wrong(self, end: End, text: str, shown: set[str]) -> Wrong | None:
        """What cannot stand: no end of tool calls, a call of no tool, a claim without evidence."""
        if end.status in TIRED:
            return Wrong("tired", end.reason, prompt("last_word"), "failed")
        if end.status != "answered":
            return None
        strange = [call.name for call in extract(text, None, self.seat.model).calls]
        if strange:
            why = f"there is no tool {strange[0]}"
            names = ", ".join(tool.name for tool in self.toolbox()) or "none"
            return Wrong("strange", why, prompt("strange").format(why=why, names=names), "failed")
        lacking = complaint(unproved(text, shown))
        if lacking:
            word = prompt("unproved").format(claims=lacking)
            return Wrong("unproved", f"{self.name} says {lacking}", word, "unproved")
        return None

    def _run(self, opening: Sequence[Message], voice: Voice, may_act: bool) -> tuple[End, Run]:
        tools = self.toolbox() if may_act else ()
        voice.listen(tools)
        provider = self.providers(self.seat.model, voice.hear, voice.anew)
        run = Run(
            provider,
            self.workspace,
            voice.hooks(),
            self.steps_max,
            tools=tools,
            declared=self._declared(tools),
            talks=True,
            limits=Limits(
                self.steps_max,
                context_tokens=self.seat.context_tokens,
                tool_tokens=self.seat.tool_tokens_max,
            ),
        )
        run.messages = list(opening)

        def refresh() -> None:
            run.tools = self.toolbox() if may_act else ()
            run.declared = self._declared(run.tools)

        voice.after_result = refresh  # a skill is a tool at once
        end = run.until_end()
        voice.end()
        if voice.stopped.is_set():
            raise Interrupted
        return end, run

    def _declared(self, tools: Sequence[Tool]) -> list[Schema]:
        """A small model is told of its tools in words, and only there."""
        return [] if is_small(self.seat.model) else declared(tools, self.seat.tool_tokens_max)

    def _deeds(self, voice: Voice, before: str) -> set[str]:
        """What its tools did so far."""
        risks = {tool.name: tool.risk for tool in self.toolbox()}
        well = [call for call, result in voice.results if result.ok]
        ran = [call for call in well if risks.get(call.name) is Risk.RUNS]
        wrote = any(risks.get(call.name) is Risk.WRITES for call in well)
        found = {Deed.CHANGED} if wrote or self.workspace.fingerprint() != before else set()
        found |= {Deed.RAN} if ran else set()
        found |= {Deed.TESTED} if any(map(_tests, ran)) else set()
        return {str(deed) for deed in found}

    def _prose(self, answer: str, voice: Voice, tools: Sequence[Tool]) -> str:
        """What was said between the calls, and at the end."""
        schemas = [tool.schema() for tool in tools]
        said = [*voice.replies[:-1], answer]
        texts = [extract(text, schemas, self.seat.model).content.strip() for text in said]
        return "\n\n".join(filter(None, texts))

    def _system(self, others: Sequence[str], tools: Sequence[Tool]) -> Message:
        names = ", ".join(others) or "nobody"
        parts = [prompt(self.rules).format(name=self.name, others=names), self.seat.persona]
        small = is_small(self.seat.model)
        if tools:
            form = small_form(tools, self.seat.small_tool_tokens_max)
            parts += [form, prompt("room_small")] if small else [prompt("embedded")]
        if others and not small:
            parts.append(prompt("room_tags"))
        return Message(role="system", content="\n\n".join(filter(None, parts)))

    def deliver(self, entry: Entry, asked: Mode) -> Entry:
        """The entry as its own mode wants it, else as it was `asked` for."""
        mode = self.mode if self.mode.kind != "group" else asked
        if entry.kind != "said" or mode.kind == "group":
            return entry
        if mode.kind == "file":
            return written(entry, mode.target, self.workspace)
        hears = mode.target if mode is self.mode else self.name  # the person hears everything
        return entry.model_copy(update={"to": (hears,)})


def _tests(call: Call) -> bool:
    """Whether the call ran tests."""
    value = call.value()
    line = value.get("command") if isinstance(value, dict) else None
    if not isinstance(line, str):
        return call.name == "run_tests"
    return any(runs_tests(one) for one in parse(line).commands)


def written(entry: Entry, path: str, workspace: Workspace) -> Entry:
    """The answer as a file in the workspace, and nowhere else."""
    try:
        workspace.write(path, entry.text.rstrip("\n") + "\n")
    except Outside as refused:
        return entry.model_copy(update={"kind": "failed", "text": str(refused)})
    lines = len(entry.text.splitlines())
    return entry.model_copy(update={"kind": "file", "text": f"wrote {path}: {lines} lines"})


class PythonModel(AgentModel):
    """Answers by running Python; the raw output is its own, the room gets a summary."""

    secret = True
    rules = "room_python"

    def __init__(
        self,
        seat: Seat,
        providers: Providers,
        workspace: Workspace,
        toolbox: Callable[[], tuple[Tool, ...]],
    ) -> None:
        """Raises Refused where python_run is not offered."""
        super().__init__(
            seat,
            providers,
            workspace,
            lambda: tuple(tool for tool in toolbox() if tool is PYTHON_RUN),
        )
        if not self.toolbox():
            text = f"{seat.name} computes with python_run, which is not offered here"
            raise Refused(text, "allow python_run, or leave out python: before its model")

    def _prose(self, answer: str, voice: Voice, tools: Sequence[Tool]) -> str:
        """The summary, bounded, without long lines copied from the output."""
        text = super()._prose(answer, voice, tools)
        raw = "\n".join(result.text for _, result in voice.results)
        long = {line for line in raw.splitlines() if len(line) >= RAW_LINE_CHARS_MIN}
        lines = ["[raw output kept]" if line in long else line for line in text.splitlines()]
        short = "\n".join(lines)
        return short if len(short) <= SUMMARY_CHARS_MAX else short[:SUMMARY_CHARS_MAX] + "…"


def member(
    seat: Seat, providers: Providers, workspace: Workspace, toolbox: Callable[[], tuple[Tool, ...]]
) -> AgentModel:
    """Raises Refused for one that cannot be what it shall be."""
    if seat.kind == "python":
        made: AgentModel = PythonModel(seat, providers, workspace, toolbox)
    else:
        made = AgentModel(seat, providers, workspace, toolbox)
    made.chat_mode(seat.mode)
    return made
