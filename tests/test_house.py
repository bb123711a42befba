"""The house keeps its floors: who may import whom, how long things are, what they may be called."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("ops", "vm", "fitness", "daemon")
# room -> rooms of the house that it may import, besides itself; the longest name that fits rules
FLOORS: dict[str, tuple[str, ...]] = {
    "ops": (),
    "vm": ("ops",),
    "fitness": ("ops",),
    "daemon": (),
    "daemon.core": ("fitness.verdict",),
    "daemon.state": ("daemon.core", "ops"),
    "daemon.broker": ("daemon.core", "daemon.state", "ops"),
    "daemon.agent": ("daemon.core", "daemon.state", "ops"),
    "daemon.plan": ("daemon.agent", "daemon.core", "daemon.state", "ops"),
    "daemon.swarm": ("daemon.agent", "daemon.core", "daemon.state", "ops"),
    "daemon.orchestrator": (
        "daemon.agent",
        "daemon.plan",
        "daemon.swarm",
        "daemon.core",
        "daemon.state",
        "ops",
    ),
    "daemon.supervisor": ("daemon.core", "daemon.state", "fitness", "ops"),
}
CORE_ALONE = frozenset({"socket", "subprocess", "sqlite3", "asyncio", "httpx", "os", "shutil"})
MODULE_LINES_MAX = 300
KEEPER, KEEPER_LINES_MAX = ROOT / "daemon/supervisor/keeper.py", 100
FUNCTION_LINES_MAX = 50
PARAMETERS_MAX = 5
VERBS = "ops/orgctl/"  # each parameter of a verb is an option of it
DOORS = (
    "fitness/jury.py",
    "daemon/agent/loop.py",
    "daemon/agent/room/process.py",
    "daemon/agent/room/room.py",
    "daemon/agent/team/work.py",
    "daemon/orchestrator/app.py",
    "ops/boot.py",
)
USAGE_DOOR = "ops/orgctl/__init__.py"  # typer's own usage errors have no public base class
NEVER_NAMED = ("Manager", "Helper", "Util", "Context", "Base")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def modules() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor_of(module: str) -> str:
    fitting = [floor for floor in FLOORS if module == floor or module.startswith(f"{floor}.")]
    return max(fitting, key=len)


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module named by an import, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def may(floor: str, wanted: str) -> bool:
    allowed = (floor, *FLOORS[floor])
    inside = any(wanted == name or wanted.startswith(f"{name}.") for name in allowed)
    above = any(name.startswith(f"{wanted}.") for name in allowed)  # `from daemon import core`
    return inside or above


def breaches(check: Callable[[Path], Iterable[object]], paths: Iterable[Path]) -> list[str]:
    """What is wrong, file by file; the tests are few so that a renamed module loses none."""
    return [f"{path.relative_to(ROOT)}: {wrong}" for path in paths for wrong in check(path)]


def test_a_module_imports_only_what_its_floor_may() -> None:
    """The floor table holds, also for imports inside functions."""

    def check(path: Path) -> Iterable[str]:
        floor = floor_of(name_of(path))
        names = imported(ast.parse(path.read_bytes()))
        return [name for name in names if name.split(".")[0] in ROOMS and not may(floor, name)]

    assert breaches(check, modules()) == []


def test_the_table_bites() -> None:
    """What must not be is refused by it: agents at gates, the supervisor at agents."""
    assert not may("daemon.agent", "fitness.gates")
    assert not may("daemon.supervisor", "daemon.agent.loop")
    assert not may("ops", "daemon.core")
    assert not may("daemon.core", "ops.files")
    assert not may("daemon.core", "fitness.jury")
    assert may("daemon.supervisor", "fitness.scorecard")


def test_the_core_does_nothing_to_the_world() -> None:
    """Pure nouns and tables: no sockets, files, processes or clocks."""

    def check(path: Path) -> Iterable[str]:
        return {name.split(".")[0] for name in imported(ast.parse(path.read_bytes()))} & CORE_ALONE

    assert breaches(check, sorted((ROOT / "daemon/core").glob("*.py"))) == []


def test_nothing_is_too_long() -> None:
    """A module fits in the head, a function on the screen."""

    def check(path: Path) -> Iterable[str]:
        text = path.read_text()
        lines = len(text.splitlines())
        if lines > MODULE_LINES_MAX:
            yield f"{lines} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, FUNCTIONS):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > FUNCTION_LINES_MAX:
                    yield f"{node.name} has {length} lines"

    assert breaches(check, modules()) == []


def test_the_keeper_stays_small() -> None:
    """It is the one program that a release cannot renew while it runs."""
    assert len(KEEPER.read_text(encoding="utf-8").splitlines()) <= KEEPER_LINES_MAX


def test_functions_take_few_things() -> None:
    """At most five parameters; the receiver does not count."""

    def check(path: Path) -> Iterable[str]:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, FUNCTIONS):
                every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                named = [one.arg for one in every if one.arg not in ("self", "cls")]
                if len(named) > PARAMETERS_MAX:
                    yield f"{node.name} takes {len(named)}"

    ordinary = [path for path in modules() if VERBS not in str(path)]
    assert breaches(check, ordinary) == []


def test_errors_are_caught_by_name() -> None:
    """`except Exception` stands at the doors and nowhere else."""

    def check(path: Path) -> Iterable[str]:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ExceptHandler) and not _raises(node):
                caught = ast.unparse(node.type) if node.type else "everything"
                if caught in ("Exception", "BaseException", "everything"):
                    yield f"line {node.lineno} catches {caught}"

    doors = {ROOT / door for door in (*DOORS, USAGE_DOOR)}
    assert breaches(check, [path for path in modules() if path not in doors]) == []


def _raises(handler: ast.ExceptHandler) -> bool:
    """A handler that tidies up and raises again hides nothing."""
    return isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None


def test_nouns_say_what_things_are() -> None:
    """No class is a Manager, a Helper or a Util; every module begins with one sentence."""

    def check(path: Path) -> Iterable[str]:
        tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name.endswith(NEVER_NAMED):
                yield f"class {node.name}"
        if not (ast.get_docstring(tree) or "").split("\n")[0].endswith((".", "?", "…")):
            yield "does not begin with a sentence"

    assert breaches(check, modules()) == []


def test_every_room_is_on_the_plan() -> None:
    """The top level has these folders and no other."""
    there = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."}
    assert there - {"build", "dist", "__pycache__"} <= {*ROOMS, "systemd", "tests"}
