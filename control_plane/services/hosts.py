"""Use cases of hosts: what all processes of this installation know of each, and may ask of it, together.

A process reserves turns for its next second with one change of a host's row (``upstreams.ledger``), for many hosts at once; that a
host is left alone is written when it begins and ends. A process that is killed loses the turns that it had reserved, no more.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from control_plane.store import hosts
from control_plane.store.session import Session, SessionScope, session_scope
from control_plane.upstreams.ledger import Act
from control_plane.upstreams.politeness import Limits, Manners

SHOWN = timedelta(days=7)
_decoder = msgspec.json.Decoder(Manners)


class HostState(msgspec.Struct, frozen=True, kw_only=True):
    """How we get on with a host, for people. ``until`` and ``why``: it is left alone until then. ``quota_*`` are what it told.

    ``requests_last_hour`` are those of all processes; ``per_second`` and ``per_hour`` are the most that all of them ask together.
    """

    host: str
    requests_last_hour: int
    per_second: float
    per_hour: int
    circuit: str
    failures: int
    why: str
    until: datetime | None
    quota_limit: int | None
    quota_remaining: int | None


class SharedLedger:
    """``upstreams.ledger.Ledger`` in the database. For use outside of any session of the same thread."""

    def __init__(self, scope: SessionScope = session_scope) -> None:
        self._scope = scope

    def change(self, acts: Mapping[str, Act]) -> dict[str, Any]:
        """See ``Ledger``. Raises ``Transient`` where the database cannot be used."""
        now = datetime.now(UTC)
        with self._scope() as session:
            manners = {name: _decoder.decode(text) for name, text in hosts.take(session, acts, now).items()}
            answers = {name: act(manners[name]) for name, act in acts.items()}
            hosts.keep(session, {name: msgspec.json.encode(one).decode() for name, one in manners.items()}, now)
        return answers


def hosts_known(session: Session, *, limits_of: Callable[[str], Limits], now: datetime) -> list[HostState]:
    """Return how we get on with every host that was asked within a week, by name."""
    known = hosts.known_since(session, now - SHOWN)
    return [_state(name, _decoder.decode(text), limits_of(name), now) for name, text in known.items()]


def _state(host: str, manners: Manners, limits: Limits, now: datetime) -> HostState:
    seconds = now.timestamp()
    free_in, quota = manners.free_in(seconds), manners.quota
    return HostState(
        host=host,
        requests_last_hour=manners.last_hour(seconds),
        per_second=limits.per_second,
        per_hour=limits.per_hour,
        circuit=manners.circuit(seconds),
        failures=manners.failures,
        why=manners.why if free_in else "",
        until=now + timedelta(seconds=free_in) if free_in else None,
        quota_limit=quota.limit if quota else None,
        quota_remaining=quota.remaining if quota else None,
    )
