"""What the rules refuse, by parsing; what only looks like it is run."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.agent.rules import Broken, Rules, shipped
from daemon.agent.shell import parse
from daemon.agent.tools.sh import SH
from daemon.agent.workspace import Outside, Workspace
from ops.errors import Refused

HERE = Path(__file__).parent
REFUSED = (HERE / "commands_refused.txt").read_text().splitlines()
ALLOWED = (HERE / "commands_allowed.txt").read_text().splitlines()


@pytest.mark.parametrize("line", REFUSED)
def test_dangerous_commands_are_refused_by_a_named_rule(line: str) -> None:
    """Wherever they stand: in pipes, loops, substitutions, other shells, behind wrappers."""
    with pytest.raises(Broken, match=r"is refused by the rule [a-z-]+: "):
        shipped().check_command(line)


@pytest.mark.parametrize("line", ALLOWED)
def test_what_only_looks_dangerous_is_run(line: str) -> None:
    """Words in quotes, in messages, in searches are no commands."""
    assert shipped().check_command(line)


def test_a_document_given_to_a_command_is_no_command() -> None:
    shipped().check_command("cat > x.sh <<'E'\nrm -rf /\nsudo reboot\nE\n")
    with pytest.raises(Broken, match="delete-everything"):
        shipped().check_command("cat <<E\n$(rm -rf /)\nE\n")


@pytest.mark.parametrize("end", ["'E'", '"E"', "E", "\\E"])
def test_a_documents_bars_are_data(end: str) -> None:
    """A large table is written as it is; what stands beside it is read all the same."""
    table = "| a | b | c |\n" * 2_000
    line = f"cat > table.md <<{end} && echo ok\n{table}E\n"
    assert {one.program for one in shipped().check_command(line)} == {"cat", "echo"}
    with pytest.raises(Broken, match="delete-everything"):
        shipped().check_command(f"{line}rm -rf /\n")


@pytest.mark.parametrize(
    "line",
    [
        "bash <<'E'\nrm -rf /\nE\n",
        "bash <<E\nrm -rf /\nE",
        "sh -s a <<-E && ls\n\techo hi\n\trm -rf /\nE\n",
        "cat <<E | sh\nrm -rf /\nE\n",
        "cat <<E | tee f | timeout 5 bash\nrm -rf /\nE\n",
    ],
)
def test_a_document_given_to_a_shell_is_read(line: str) -> None:
    with pytest.raises(Broken, match="delete-everything"):
        shipped().check_command(line)
    shipped().check_command(line.replace("rm -rf /", "rm -rf build"))


def test_what_nobody_could_read_is_refused() -> None:
    """Too long, too many commands, too deep: never read half and run whole."""
    many = ("a;" * 60_000, "a|" * 60_000, f"echo {'x' * 300_000}", f"sh -c '{'a;' * 3_000}'")
    hidden = f"echo '<<E'\n{'! a|' * 4_000}a\nE\n", f"cat <<E\n$(\n{'! a|' * 4_000}a\n)\nE\n"
    for line in many + hidden:
        with pytest.raises(Broken, match="too-complicated"):
            shipped().check_command(line)
    deep = "reboot"
    for _ in range(8):
        deep = f"eval {deep!r}" if "'" not in deep else f'eval "{deep}"'
    with pytest.raises(Broken):
        shipped().check_command(deep)


@given(st.text(max_size=60))
def test_any_text_is_read_without_an_error(line: str) -> None:
    """What is no shell at all is refused or run, and breaks nothing."""
    parse(line)


def test_a_person_adds_rules(tmp_path: Path) -> None:
    """For commands and for files; a broken file is refused by its place."""
    more = """
[[commands]]
name = "no-make"
why = "we use ninja"
programs = ["make"]
[[files]]
name = "plans"
why = "they are private"
paths = ["plans/*"]
"""
    own = shipped().with_more(more, "rules.toml")
    workspace = Workspace(tmp_path, rules=own)
    said = SH.call({"command": "cd x; make all"}, workspace)
    assert (said.ok, "no-make: we use ninja" in said.text) == (False, True)
    with pytest.raises(Outside, match="plans"):
        workspace.write("plans/a", "x")
    assert not (tmp_path / "plans/a").exists()
    with pytest.raises(Broken):
        own.check_command("rm -rf /")
    for wrong in ("[[commands]]\nname = 1\n", "[[rules]]\n", "x = "):
        with pytest.raises(Refused, match=r"rules\.toml"):
            Rules().with_more(wrong, "rules.toml")


@pytest.mark.parametrize(
    ("path", "reads", "writes"),
    [
        (".env", False, False),
        ("config/.env.production", False, False),
        (".env.example", True, True),
        ("deploy/server.pem", False, False),
        ("src/keys.py", True, True),
        ("sub/.git/config", True, False),
    ],
)
def test_files_with_secrets_are_not_opened(
    tmp_path: Path, path: str, reads: bool, writes: bool
) -> None:
    """By the file tools either; examples of them are."""
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("x")
    workspace = Workspace(tmp_path)
    for allowed, use in (
        (reads, lambda: workspace.read(path)),
        (writes, lambda: workspace.write(path, "y")),
    ):
        if allowed:
            use()
        else:
            with pytest.raises(Outside, match="is refused by the rule"):
                use()
