"""The first-seen log: rows chained by their hashes, so that nobody can later say that a tag was seen earlier. PURE.

A row's hash covers the hash of the row before it (empty for the first) and every word of the row itself. Whoever changes, removes
or inserts a row has to change every later one and the head that the source's own row keeps.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from cluster_agent.contract import sha256_hex


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen: ``tag`` of a source's key, the ``digest`` it named (empty: only listed), when by our clock, and by what."""

    source: str
    tag: str
    digest: str
    first_seen_at: datetime
    seen_by: str


class Link(msgspec.Struct, frozen=True):
    """A row of the log as stored. ``position`` starts at 1."""

    position: int
    sight: Sight
    sha256: str


def chained(previous: str, position: int, sight: Sight) -> str:
    """Return the hash of a row at ``position`` whose predecessor's hash is ``previous``."""
    at = sight.first_seen_at.astimezone(UTC).isoformat()
    words = (previous, str(position), sight.source, sight.tag, sight.digest, at, sight.seen_by)
    return sha256_hex("\n".join(words).encode())


def append(head: str, length: int, sights: Iterable[Sight]) -> list[Link]:
    """Return the rows that follow a log of ``length`` rows ending in ``head``."""
    links: list[Link] = []
    for sight in sights:
        length += 1
        head = chained(head, length, sight)
        links.append(Link(length, sight, head))
    return links


class Anchor(msgspec.Struct, frozen=True):
    """The end of a log as it was when it was last checked: ``length`` rows, the last with the hash ``head``. Kept outside of the log."""

    length: int
    head: str


NO_ANCHOR = Anchor(0, "")


def first_damage(links: Iterable[Link], *, length: int, head: str, anchor: Anchor = NO_ANCHOR) -> str:
    """Return what is wrong with a whole log in order, in words; empty where nothing is.

    The chain alone shows what was changed by whoever did not write every later row and the ``head`` anew; the ``anchor`` shows that too.
    """
    previous, count = "", 0
    for link in links:
        count += 1
        if link.position != count:
            return f"row {count} is missing"
        if chained(previous, count, link.sight) != link.sha256:
            return f"row {count} ({link.sight.tag}, first seen {link.sight.first_seen_at.isoformat()}) was changed"
        previous = link.sha256
        if count == anchor.length and previous != anchor.head:
            return f"its first {count} rows are not those that were there when it was checked before"
    if count != length:
        return f"it has {count} rows and had {length}"
    if count < anchor.length:
        return f"it has {count} rows and had {anchor.length} when it was checked before"
    return "" if previous == head else "its last row was changed"
