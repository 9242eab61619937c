"""Where cases come from: every ``*.jsonl`` of a folder, one case a line; the file's name says whose they are.

A line needs ``op``, ``input`` and ``expected``; what else it has (``source``, ``note``, fields that we do not know) is for people.
One that cannot be read is a case too, which fails and says where it is.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases"
DRAWN, WRITTEN = (
    CASES / "drawn",
    CASES / "written",
)  # answered by the peer's own program; by hand, where none can be had
SHARED = Path(__file__).parents[2].parent / "shared" / "conformance"
NEEDED = {"op", "input", "expected"}


@dataclass(frozen=True)
class Case:
    """One case. ``problem`` is why its line cannot be read, or empty."""

    file: Path
    line: int
    content: dict[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def dialect(self) -> str:
        return self.file.stem

    @property
    def name(self) -> str:
        return str(self.content.get("id") or f"{self.dialect}-line-{self.line}")


def folders(wanted: Path | None) -> list[Path]:
    """Return the folder that was asked for, else the committed ones and, where it is there, the one beside the repository."""
    return [wanted] if wanted else [DRAWN, WRITTEN, *([SHARED] if SHARED.is_dir() else [])]


def read(folder: Path) -> Iterator[Case]:
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            if line.strip():
                yield _case(path, number, line)


def _case(path: Path, number: int, line: str) -> Case:
    where = f"{path.name}, line {number}"
    try:
        content = json.loads(line)
    except ValueError as error:
        return Case(path, number, problem=f"{where} is no JSON: {error}")
    if not isinstance(content, dict) or not content.keys() >= NEEDED or not isinstance(content["input"], dict):
        return Case(path, number, problem=f"{where} needs {', '.join(sorted(NEEDED))}, the input an object")
    return Case(path, number, content)
