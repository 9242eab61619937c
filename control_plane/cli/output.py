"""How the client shows answers: a table for people, JSON for programs (``-o json``), errors on standard error.

Exit codes: 0 done · 1 refused or failed · 2 wrong input · 3 not found · 4 could not find out, try again · 5 untrusted.
"""

import errno
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from control_plane.domain.errors import InvalidInput, Mistake, NotFound, Refused, TidegateError, Transient, Untrusted

EXIT_CODES: tuple[tuple[type[TidegateError], int], ...] = (
    (InvalidInput, 2),
    (NotFound, 3),
    (Transient, 4),
    (Untrusted, 5),
)
WIDE = 1000
LINE_SECONDS = 5.0


class Format(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"


Output = Annotated[Format, typer.Option("--output", "-o", help="table for people, json for programs")]


def exit_code(error: TidegateError) -> int:
    """Return the exit code of the error's class."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)


def print_error(error: TidegateError) -> None:
    """Say what is wrong, and where."""
    console = Console(stderr=True, highlight=False)
    console.print(Text("error: ", style="bold red") + Text(error.message), soft_wrap=True)
    if isinstance(error, InvalidInput):
        for mistake in error.mistakes:
            if str(mistake) == error.message:
                continue
            console.print(Text(f"  {mistake}"), soft_wrap=True)


def print_warnings(warnings: Sequence[Mistake | str]) -> None:
    """Say on standard error what is allowed, and probably not meant."""
    console = Console(stderr=True, highlight=False)
    for warning in warnings:
        console.print(Text("warning: ", style="bold yellow") + Text(str(warning)), soft_wrap=True)


def file_trouble(error: OSError) -> Refused:
    """Return the refusal that says which file cannot be used, why, and what to do."""
    steps = {
        errno.ENOSPC: "free some space, then repeat",
        errno.EDQUOT: "free some space, then repeat",
        errno.EROFS: "choose a place that may be written, for the data directory with TIDEGATE_DATA_DIR",
        errno.EACCES: "mend its permissions, or run this as the user it belongs to",
    }
    place, why = error.filename or "a file", error.strerror or error
    return Refused(f"cannot use {place}: {why}; {steps.get(error.errno or 0, 'see that it is what it should be')}")


def show(value: Any, output: Format, render: Callable[[Any], RenderableType]) -> None:
    """Print ``value`` as JSON, or as what ``render`` makes of it."""
    if output is Format.JSON:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value)) + b"\n")
    else:
        width = None if sys.stdout.isatty() else WIDE  # a pipe has no width: nothing is cut there
        Console(highlight=False, width=width).print(render(value), soft_wrap=True)


def print_text(markup: str) -> None:
    """Print a line for people; ``[bold]`` and ``[dim]`` mark it up."""
    Console(highlight=False).print(markup, soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> Table | str:
    """Return a table, or the sentence ``empty`` when there is no row."""
    made = Table(*columns, box=None, pad_edge=False, header_style="dim")
    count = 0
    for row in rows:
        made.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
        count += 1
    return made if count else empty


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show on standard error how far something is: yield what is told how much is done, and of how much. Without a terminal, some lines."""
    if not sys.stderr.isatty():
        yield _lines(what)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=max(done, total))


def _lines(what: str) -> Callable[[int, int], None]:
    last = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_SECONDS:
            last = time.monotonic()
            sys.stderr.write(f"{done} of {max(done, total)} {what}\n")

    return tell


def local_time(value: str | None) -> str:
    """Return an ISO time in the reader's zone, or a dash."""
    if not value:
        return "–"
    return datetime.fromisoformat(value).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def until(value: str | None, *, otherwise: str = "–") -> str:
    """Return how long it is to an ISO time: ``in 3 min``, ``now`` where it has come; ``otherwise`` where there is none."""
    if not value:
        return otherwise
    seconds = (datetime.fromisoformat(value) - datetime.now(UTC)).total_seconds()
    return f"in {_length(seconds)}" if seconds >= 1 else "now"


def age(value: str | None) -> str:
    """Return how long ago an ISO time was: ``12 s``, ``3 min``, ``5 h``, ``2 d``."""
    if not value:
        return "–"
    return _length((datetime.now(UTC) - datetime.fromisoformat(value)).total_seconds())


def _length(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
