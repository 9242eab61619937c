"""Applications × versions: how many clusters run each, and how they are. PURE."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key

from control_plane.domain.timelines import TROUBLE
from control_plane.domain.versions.semver import is_older
from control_plane.store.queries.fleet import NOT_INSTALLED, VersionCount

KINDS = ("healthy", "applying", "left")
SHOWN = 6  # versions of an application; the rest is folded


@dataclass(frozen=True, slots=True)
class Cell:
    """One version (empty: nothing of it runs) of an application: its clusters, and the channels that have it now."""

    version: str
    healthy: int
    applying: int
    trouble: int
    left: int
    other: int
    channels: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many clusters."""
        return self.healthy + self.applying + self.trouble + self.left + self.other

    @property
    def asked(self) -> str:
        """The version as the list of clusters is asked for it."""
        return self.version or NOT_INSTALLED


@dataclass(frozen=True, slots=True)
class Row:
    """One application; newest version first."""

    application: str
    cells: tuple[Cell, ...]

    @property
    def total(self) -> int:
        """How many clusters were asked to run it."""
        return sum(cell.total for cell in self.cells)

    @property
    def first(self) -> tuple[Cell, ...]:
        """What is shown at once."""
        return self.cells[:SHOWN]

    @property
    def rest(self) -> tuple[Cell, ...]:
        """What is folded."""
        return self.cells[SHOWN:]


def matrix(counts: Iterable[VersionCount], wanted: Mapping[tuple[str, str], Sequence[str]]) -> list[Row]:
    """Arrange the counts; ``wanted`` says which channels have a version now."""
    rows: dict[str, dict[str, dict[str, int]]] = {}
    for one in counts:
        cell = rows.setdefault(one.application, {}).setdefault(one.running or "", {})
        kind = "trouble" if one.outcome in TROUBLE else one.outcome if one.outcome in KINDS else "other"
        cell[kind] = cell.get(kind, 0) + one.count
    return [
        Row(name, tuple(_cell(name, version, cells[version], wanted) for version in _newest_first(cells)))
        for name, cells in sorted(rows.items())
    ]


def _cell(name: str, version: str, counts: Mapping[str, int], wanted: Mapping[tuple[str, str], Sequence[str]]) -> Cell:
    parts = {kind: counts.get(kind, 0) for kind in ("trouble", "other", *KINDS)}
    return Cell(version=version, channels=tuple(wanted.get((name, version), ())), **parts)


def _newest_first(versions: Iterable[str]) -> list[str]:
    """Sort by version; nothing goes last."""

    def compare(one: str, other: str) -> int:
        if not one or not other:
            return (not one) - (not other)
        return 1 if is_older(one, other) else -1 if is_older(other, one) else (one < other) - (one > other)

    return sorted(versions, key=cmp_to_key(compare))
