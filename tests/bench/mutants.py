"""How many small faults, planted in the program that serves, the gates catch.

    ops/bench.sh mutants [--count 20] [--seed 1] [--under daemon/orchestrator]

A mutant is main with one expression changed: a comparison, a connective, a constant, a sign. It
is judged by every gate as any candidate would be, until the first one says no. Those that pass
are listed with their line: a fault that nobody would notice, or a test that is missing.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Figure, show
from tests.bench.suite import judged
from tests.journeys.instance import ROOT, Home, commit_all, copy_of_org, git, running

COUNT, SEED, UNDER = 20, 1, "daemon/orchestrator"
COMPARED: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
CONNECTED: dict[type[ast.AST], tuple[str, str]] = {
    ast.And: ("and", "or"), ast.Or: ("or", "and"),
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "+"),
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One piece of one line, and what is put there instead."""

    path: str
    line: int
    begin: int  # bytes of the line
    end: int
    text: str

    def told(self, tree: Path) -> str:
        row = (tree / self.path).read_text(encoding="utf-8").splitlines()[self.line - 1]
        return f"{self.path}:{self.line}: {self.text.strip()!r} at {self.begin} of: {row.strip()}"

    def applied(self, source: str) -> str:
        lines = source.splitlines(keepends=True)
        row = lines[self.line - 1].encode()
        lines[self.line - 1] = (row[: self.begin] + self.text.encode() + row[self.end :]).decode()
        return "".join(lines)


def changes_anything(mutant: Mutant, source: str) -> bool:
    """Python still, and another program; a bracket between the operands makes it neither."""
    try:
        return ast.dump(ast.parse(mutant.applied(source))) != ast.dump(ast.parse(source))
    except SyntaxError:
        return False


def _changes(path: str, node: ast.AST) -> Iterator[Mutant]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield from _between(path, node.left, node.comparators[0], COMPARED[type(node.ops[0])])
    elif isinstance(node, ast.BoolOp):
        yield from _between(path, node.values[0], node.values[1], CONNECTED[type(node.op)][1])
    elif isinstance(node, ast.BinOp) and type(node.op) in CONNECTED:
        if not isinstance(node.left, ast.Constant | ast.JoinedStr):  # texts are joined by plus too
            yield from _between(path, node.left, node.right, CONNECTED[type(node.op)][1])
    elif isinstance(node, ast.Constant) and node.lineno == node.end_lineno:
        if isinstance(node.value, bool):
            yield _at(path, node, str(not node.value))
        elif isinstance(node.value, int):
            yield _at(path, node, str(node.value + 1))


def _at(path: str, node: ast.expr, text: str) -> Mutant:
    return Mutant(path, node.lineno, node.col_offset, int(node.end_col_offset or 0), text)


def _between(path: str, left: ast.expr, right: ast.expr, text: str) -> Iterator[Mutant]:
    """The operator, where both its sides stand in one line and nothing but it is between them."""
    if left.end_lineno == right.lineno and left.end_col_offset is not None:
        yield Mutant(path, right.lineno, left.end_col_offset, right.col_offset, f" {text} ")


def drawn(count: int, seed: int, under: str) -> list[Mutant]:
    """The same for the same seed and tree."""
    sources = {
        str(module.relative_to(ROOT)): module.read_text(encoding="utf-8")
        for module in sorted((ROOT / under).rglob("*.py"))
    }
    found = [
        mutant
        for path, source in sources.items()
        for node in ast.walk(ast.parse(source))
        for mutant in _changes(path, node)
    ]
    random.Random(seed).shuffle(found)
    good = (mutant for mutant in found if changes_anything(mutant, sources[mutant.path]))
    return list(itertools.islice(good, count))


def planted(home: Home, repo: Path, mutant: Mutant) -> str:
    """Its commit, in the instance's repository."""
    file = repo / mutant.path
    source = file.read_text(encoding="utf-8")
    file.write_text(mutant.applied(source), encoding="utf-8")
    commit_all(repo, f"Change {mutant.path}:{mutant.line}")
    commit = git(repo, "rev-parse", "HEAD")
    home.git("fetch", "-q", "--force", str(repo), "HEAD:refs/heads/bench")
    git(repo, "reset", "-q", "--hard", "HEAD^")
    return commit


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutants")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--under", default=UNDER)
    flags = parser.parse_args()
    chosen = drawn(flags.count, flags.seed, flags.under)
    caught: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="org-bench-") as folder:
        (Path(folder) / "repo").mkdir()
        repo = copy_of_org(Path(folder) / "repo")
        with running(Home(Path(folder) / "home"), repo) as home:
            for mutant in chosen:
                card, seconds = judged(home, planted(home, repo, mutant))
                gate = next((one["name"] for one in card["gates"] if not one["passed"]), "none")
                caught[gate] += 1
                print(f"{gate:10} {seconds:5.1f} s  {mutant.told(repo)}", file=sys.stderr)
    survived = caught.pop("none", 0)
    figures = {f"caught_by_{gate}": Figure(count, "mutants") for gate, count in caught.items()}
    figures["planted"] = Figure(len(chosen), "mutants")
    figures["survived"] = Figure(survived, "mutants")
    show("mutants", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
