"""The interpreter behind `pyexe`: reads code from descriptor 3, answers there what it printed."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import socket
import sys
import traceback
from code import InteractiveInterpreter
from types import CodeType

LINE_FD = 3
SAID_CHARS_MAX = 1_000_000
OWN = "<pyexe>"


class Bounded(io.StringIO):
    """What is printed, up to a limit: a loop that prints for ever must not eat the memory."""

    def write(self, text: str) -> int:
        room = SAID_CHARS_MAX - self.tell()
        if room > 0:
            super().write(text[:room])
        return len(text)


class Interpreter(InteractiveInterpreter):
    """The standard one; it also remembers whether what it ran broke."""

    def __init__(self) -> None:
        super().__init__({"__name__": "__main__"})
        self.broke = False

    def showtraceback(self) -> None:
        self.broke = True
        kind, broken, trace = sys.exc_info()
        own = [one for one in traceback.extract_tb(trace) if one.filename == OWN]
        print("".join(traceback.format_list(own)), end="")
        print("".join(traceback.format_exception_only(kind, broken)), end="")

    def run(self, code: str) -> tuple[str, bool]:
        """What it said, and whether it ended well; the last expression's value is said too."""
        said, self.broke = Bounded(), False
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                for part in parts_of(code):
                    if not self.broke:
                        self.runcode(part)
            except SystemExit as ended:
                print(f"[it called exit({ended.code!r})]")
            except (SyntaxError, ValueError, MemoryError, RecursionError) as wrong:
                self.broke = True
                print("".join(traceback.format_exception_only(wrong)), end="")
        return said.getvalue(), not self.broke


def parts_of(code: str) -> list[CodeType]:
    """All but the last expression, and that one so that its value is shown."""
    tree = ast.parse(code, OWN)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    parts = [compile(tree, OWN, "exec")] if tree.body else []
    if last is not None:
        parts.append(compile(ast.Interactive([last]), OWN, "single"))
    return parts


def main() -> None:
    sys.path.insert(0, "")  # modules of the workspace
    interpreter = Interpreter()
    with socket.socket(fileno=LINE_FD) as line, line.makefile("rw", encoding="utf-8") as stream:
        for asked in stream:
            said, ok = interpreter.run(json.loads(asked)["code"])
            stream.write(json.dumps({"said": said, "ok": ok}) + "\n")
            stream.flush()


if __name__ == "__main__":
    main()
