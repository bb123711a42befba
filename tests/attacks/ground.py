"""An org under attack: a running instance of its own, hostile candidates, users all the while."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.cell_docker import engine_environment
from ops.history import MAIN, History
from ops.records import RefChange
from tests.journeys import service
from tests.journeys.instance import KEPT_TESTS, Answered, Home, running, slim_org
from tests.load import Load
from tests.model_server import say, scripted_model

CELLS = os.environ.get("ORG_ATTACK_CELLS", "bubblewrap")  # whose walls are tried
# Both can be said by a candidate: what it hides from linters must fail elsewhere.
UNSEEN = "# ruff: noqa\n# mypy: ignore-errors\n"
SETTINGS = f"""
[probation]
seconds = 60.0

[author]
tokens_max = 1500

[cells]
backend = "{CELLS}"
memory_bytes = 1073741824
file_bytes = 33554432
disk_bytes = 268435456
processes = 200
"""
KEY = "canary-key-0123456789"


@dataclass
class Ground:
    """The instance and hands to plant commits in its repo, as an import would have left them."""

    home: Home
    model: Any  # of tests.model_server: `.replies` to give, `.asked` so far

    @property
    def history(self) -> History:
        return History(self.home.path / "repo.git")

    def plant(self, changes: Mapping[str, str | bytes | None], name: str = "attack") -> str:
        """A commit on main with these files changed (None: removed), under cand/<name>."""
        history = self.history
        base = history.find(MAIN) or ""
        rows = {one.path: (one.mode, one.oid) for one in history.listing(base)}
        blobs = {}
        for path, text in changes.items():
            if text is None:
                del rows[path]
                continue
            data = text.encode() if isinstance(text, str) else text
            oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            blobs[oid] = data
            rows[path] = (rows.get(path, ("100644", ""))[0], oid)
        history.write_blobs(blobs)
        tree = history.write_tree((mode, oid, path) for path, (mode, oid) in sorted(rows.items()))
        commit = history.commit(tree, [base], f"{name}\n", int(time.time()))
        ref = f"refs/heads/cand/{name}"
        history.move([RefChange(ref, commit, history.find(ref))])
        return commit

    def judged(
        self, changes: Mapping[str, str | bytes | None], gate: str | None = None
    ) -> dict[str, Any]:
        """The scorecard of such a commit, from the real jury in the real instance."""
        only = ("--gate", gate) if gate else ()
        answered = self.home.orgctl("fitness", self.plant(changes), "--json", *only)
        assert answered.code in (0, 1), answered
        return answered.json

    def refused(
        self, changes: Mapping[str, str | bytes | None], gate: str | None = None
    ) -> dict[str, Any]:
        """The first gate that said no; that one did is asserted."""
        card = self.judged(changes, gate)
        assert card["passed"] is False, card
        return dict(next(gate for gate in card["gates"] if not gate["passed"]))

    def source(self, path: str) -> str:
        history = self.history
        return (history.read(history.find(MAIN) or "", path) or b"").decode()

    def hostile(self, path: str, text: str) -> dict[str, str | bytes | None]:
        """A module of main with this at its end, which no linter looks at."""
        return {path: UNSEEN + self.source(path) + "\n\n" + text}

    def evolved(
        self,
        *commands: str,
        between: Sequence[dict[str, Any]] = (),
        goal: str = "be different",
        **writes: str,
    ) -> dict[str, Any]:
        """One cycle whose author runs these shell commands in its cell; gives its outcome."""
        replies = [say("", sh={"command": command, "timeout_s": 60}) for command in commands]
        replies[1:1] = between
        replies += [say("", write_file={"path": p, "content": t}) for p, t in writes.items()]
        proof = say("", run_tests={"paths": [KEPT_TESTS[1]]})  # else it is not believed to be done
        self.model.replies[:] = [*replies, proof, *[say("", done={"summary": "did it"})] * 4]
        self.model.asked.clear()
        self.model.headers.clear()
        asked = ("--goal", goal, "--protocol", "agent")
        answered = self.home.orgctl("evolve", "--wait", "--json", *asked)
        assert answered.code in (0, 1), answered
        return answered.json

    def said_to_author(self) -> str:
        """Everything that the author's tools answered, as its model was told it."""
        return "\n".join(str(one["messages"]) for one in self.model.asked[-1:])


@contextlib.contextmanager
def under_attack(folder: Path, extra: str = "") -> Iterator[Ground]:
    """An instance of slim org with a scripted model, in an environment that is hostile too."""
    evil = folder / "evil"
    evil.mkdir(parents=True)
    mark = f"open({str(folder / 'fired')!r}, 'a').write('x')\n"
    for name in ("sitecustomize.py", "usercustomize.py", "pytest.py", "json.py", "evil.py"):
        (evil / name).write_text(mark)
    environment = {
        "OPENAI_API_KEY": KEY,
        "PYTHONPATH": str(evil),
        "PYTHONSTARTUP": str(evil / "evil.py"),
        "PYTHONINSPECT": "1",
        "PYTEST_ADDOPTS": "--collect-only",
        "PYTEST_PLUGINS": "evil",
        "GIT_DIR": str(folder),
        "GIT_EXTERNAL_DIFF": f"touch {folder}/fired",
        **engine_environment(),
    }
    home = Home(folder / "home", environment=environment)
    with scripted_model([]) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        settings = f'[model]\nbase = "{base}"\n{SETTINGS}{extra}'
        with running(home, slim_org(folder / "repo"), settings) as up:
            yield Ground(up, model)
    assert not (folder / "fired").exists(), "something of the environment was run"


@contextlib.contextmanager
def neighbour(folder: Path) -> Iterator[Home]:
    """Another instance on the same machine, where healthy candidates are judged meanwhile."""
    home = Home(folder / "home")
    with running(home, service.make(folder / "service")) as up:
        yield up


@contextlib.contextmanager
def judged_beside(beside: Home) -> Iterator[None]:
    """During what happens inside, a healthy candidate of the neighbour's is judged healthy."""
    verdicts: list[Answered] = []
    judge = threading.Thread(
        target=lambda: verdicts.append(beside.orgctl("fitness", "main", "--json"))
    )
    judge.start()
    try:
        yield
    finally:
        judge.join()
    assert verdicts and verdicts[0].code == 0, verdicts


@contextlib.contextmanager
def unharmed(ground: Ground, users: Load) -> Iterator[None]:
    """During what happens inside, current stays the process it is, and its users lose nothing."""
    served, lost = users.answered, (users.failed, users.refused, users.cut)
    before = ground.home.ask("status")["slots"]["current"]
    yield
    users.wait_for(more=3)
    assert users.answered > served
    assert (users.failed, users.refused, users.cut) == lost, users.faults
    after = ground.home.ask("status")["slots"]["current"]
    assert after["state"] == "serving"
    assert after["pid"] == before["pid"] or after["commit"] != before["commit"]
