"""What a lifecycle is: states, and one table of the moves between them with the reason beside each."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from control_plane.domain.errors import Refused

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Move(Generic[S]):
    """One allowed transition; ``why`` says when it happens, in words that the docs print."""

    source: S
    target: S
    why: str


class Lifecycle(Generic[S]):
    """A named table of moves. States without a move out are terminal."""

    def __init__(self, name: str, initial: S, moves: Iterable[Move[S]]) -> None:
        self.name = name
        self.initial = initial
        self.moves = tuple(moves)
        self._allowed = {(move.source, move.target) for move in self.moves}

    def allows(self, source: S, target: S) -> bool:
        """Say whether ``source`` may become ``target``."""
        return (source, target) in self._allowed

    def check(self, source: S, target: S) -> None:
        """Raise ``Refused`` unless ``source`` may become ``target``."""
        if not self.allows(source, target):
            raise Refused(f"a {self.name} that is {source} cannot become {target}", code="transition_refused")

    def is_terminal(self, state: S) -> bool:
        """Say whether nothing leads out of ``state``."""
        return all(move.source != state for move in self.moves)
