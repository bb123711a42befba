"""Look into a table of any size: it is read row by row, and never held."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import PurePosixPath

from pydantic import Field

from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace

ROWS_MAX = 200
COLUMNS_MAX = 200
CELL_CHARS_MAX = 120
FIELD_CHARS_MAX = 1_000_000
SHOWN_CHARS_MAX = 8_000
SECONDS_MAX = 120.0
LOOK_EVERY_ROWS = 4_096
SNIFFED_BYTES = 8_192
TABS = frozenset({".tsv", ".tab"})


class DataView(Arguments):
    path: str = Field(description="a CSV or TSV file in the workspace, with a header")
    first_row: int = Field(default=1, ge=1)
    row_count: int = Field(default=20, ge=1, le=ROWS_MAX)
    columns: tuple[str, ...] = Field(default=(), description="only these")
    column: str = Field(default="", description="only rows where this column ...")
    contains: str = Field(default="", description="... holds this text")
    summary: bool = Field(default=False, description="of every column, instead of rows")


def data_view(arguments: DataView, workspace: Workspace) -> Result:
    csv.field_size_limit(FIELD_CHARS_MAX)
    delimiter = "\t" if PurePosixPath(arguments.path).suffix.lower() in TABS else ","
    with workspace.open(arguments.path) as source:
        text = io.TextIOWrapper(source, encoding="utf-8-sig", errors="replace", newline="")
        rows = csv.reader(text, delimiter=delimiter)
        try:
            header = next(rows, [])[:COLUMNS_MAX]
            unknown = [one for one in _named(arguments) if one not in header]
            if unknown:
                there = ", ".join(header)
                return Result(f"error: no column {unknown[0]}; there are: {there}", ok=False)
            found = _fitting(rows, header, arguments)
            told = _summary(found, header) if arguments.summary else _rows(found, header, arguments)
        except (csv.Error, TimeoutError) as error:
            return Result(f"error: {arguments.path}: {error}", ok=False)
    return Result(told[:SHOWN_CHARS_MAX])


def _named(arguments: DataView) -> list[str]:
    return [*arguments.columns, *([arguments.column] if arguments.column else [])]


def _fitting(
    rows: Iterator[list[str]], header: list[str], arguments: DataView
) -> Iterator[list[str]]:
    """Raises TimeoutError when it takes too long."""
    deadline = time.monotonic() + SECONDS_MAX
    at = header.index(arguments.column) if arguments.column else None
    for number, row in enumerate(rows):
        if number % LOOK_EVERY_ROWS == 0 and time.monotonic() > deadline:
            raise TimeoutError(f"not read within {SECONDS_MAX:g} s; ask for fewer rows")
        if at is None or (at < len(row) and arguments.contains in row[at]):
            yield row


def _rows(found: Iterator[list[str]], header: list[str], arguments: DataView) -> str:
    chosen = [header.index(one) for one in arguments.columns] or list(range(len(header)))
    first = arguments.first_row - 1
    shown = list(islice(found, first, first + arguments.row_count))
    lines = [" | ".join(header[at] for at in chosen)]
    for row in shown:
        lines.append(" | ".join(_cell(row[at]) if at < len(row) else "" for at in chosen))
    more = "more rows follow" if next(found, None) is not None else "no more rows"
    return "\n".join([*lines, f"[rows {first + 1} to {first + len(shown)}; {more}]"])


def _cell(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= CELL_CHARS_MAX else line[: CELL_CHARS_MAX - 1] + "…"


@dataclass
class _Column:
    """What one pass can tell; mean and deviation by Welford's way."""

    filled: int = 0
    numbers: int = 0
    mean: float = 0.0
    spread: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    samples: list[str] = field(default_factory=list)

    def see(self, text: str) -> None:
        if not text:
            return
        self.filled += 1
        if len(self.samples) < 3 and text not in self.samples:
            self.samples.append(_cell(text)[:40])
        try:
            value = float(text)
        except ValueError:
            return
        if math.isfinite(value):
            self.numbers += 1
            before = value - self.mean
            self.mean += before / self.numbers
            self.spread += before * (value - self.mean)
            self.low, self.high = min(self.low, value), max(self.high, value)

    def told(self) -> str:
        if self.numbers and self.numbers == self.filled:
            deviation = math.sqrt(self.spread / self.numbers)
            figures = f"{self.low:g} to {self.high:g}, mean {self.mean:g} ± {deviation:g}"
            return f"{self.filled} numbers, {figures}"
        return f"{self.filled} texts, as {', '.join(map(repr, self.samples))}"


def _summary(found: Iterator[list[str]], header: list[str]) -> str:
    columns = [_Column() for _ in header]
    count = 0
    for row in found:
        count += 1
        for column, text in zip(columns, row, strict=False):
            column.see(text)
    lines = [f"{name}: {one.told()}" for name, one in zip(header, columns, strict=True)]
    return "\n".join([f"{count} rows", *lines])


DATA_VIEW = Tool(
    "data_view", "Look at rows or a summary of a CSV file.", Risk.READS, DataView, data_view
)
