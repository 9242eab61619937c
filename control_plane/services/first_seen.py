"""Use cases: check the first-seen logs. Whatever is found damaged is told, nothing is mended: a person has to know.

A check reads every row of every log, each time: that a part was sound before says nothing of what was done to it since. It goes on in the
background, in parts that are written down, so that a worker that is killed is followed by one that goes on; pages and programs read what
the last one found, and when. Where each log ended is kept in a file outside of the database (``Anchors``), so that not even somebody
who writes a whole log anew, or removes it together with its source, goes unnoticed.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from control_plane.domain.errors import Transient
from control_plane.domain.first_seen import NO_ANCHOR, Anchor, first_damage
from control_plane.domain.retries import is_free
from control_plane.publishing.storage import read_if_present, write_atomically
from control_plane.services import audit
from control_plane.store import logs, lookups
from control_plane.store.models import LogCheck
from control_plane.store.nudges import nudge
from control_plane.store.session import Session, SessionScope, read_scope, session_scope

LEASE_SECONDS = 120.0
EVERY = timedelta(hours=1)
REMEMBERED = timedelta(days=30)
MOST_DAMAGES = 1_000
log = structlog.get_logger(__name__)


class Damage(msgspec.Struct, frozen=True):
    """A log that is not what was written: of which ``source``, and what is wrong first, in words."""

    source: str
    damage: str


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A check of all logs. ``ended_at`` is None while it goes on; ``rows_total`` is about how many rows it will have read then."""

    id: int
    asked_at: datetime
    asked_by: str
    ended_at: datetime | None
    sources: int
    rows: int
    rows_total: int
    damages: list[Damage]


class Kept(msgspec.Struct, frozen=True):
    """Where a log ended, and whose it was, for people."""

    location: str
    anchor: Anchor


class Anchors:
    """Where every log ended when it was last found sound, by its source's key: a file that whoever writes the database cannot change."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> dict[str, Kept]:
        """Return them. Raises ``Transient`` where the file cannot be read: a log is not called sound without it."""
        try:
            return msgspec.json.decode(read_if_present(self._file) or b"{}", type=dict[str, Kept])
        except (OSError, msgspec.DecodeError) as error:
            words = f"{self._file} cannot be read ({error}): mend it, or put it back from your backup"
            raise Transient(words, code="anchors_unreadable") from error

    def write(self, kept: dict[str, Kept]) -> None:
        """Replace them. Raises ``Transient``."""
        write_atomically(self._file, msgspec.json.encode(kept, order="deterministic"), mode=0o600)

    def __str__(self) -> str:
        return str(self._file)


def check_ask(session: Session, *, actor: str, now: datetime) -> LogCheck:
    """Have all logs checked; a check that goes on already is joined."""
    if (running := logs.running_check(session)) is not None:
        return running
    logs.forget_checks(session, now - REMEMBERED)
    check = LogCheck(asked_at=now, asked_by=actor, rows_total=logs.rows_total(session), damages=[])
    lookups.add(session, check)
    nudge(session, "logs_check", check.id)
    return check


def check_by_clock(session: Session, *, now: datetime) -> bool:
    """Have all logs checked where that was not done within the hour."""
    last = logs.last_check(session)
    if last is not None and last.asked_at > now - EVERY:
        return False
    check_ask(session, actor=audit.SYSTEM, now=now)
    return True


def logs_check(
    *,
    check_id: int,
    anchors: Anchors,
    clock: Callable[[], datetime],
    scope: SessionScope = session_scope,
    reading: SessionScope = read_scope,
) -> bool:
    """Check all logs, from where the check is. Says whether it was to be done. Raises ``Transient``: it goes on later."""
    before = anchors.read()
    with scope() as session:
        check = lookups.take(session, LogCheck, check_id)
        if check.ended_at is not None or not is_free(check.lease_until, clock()):
            return False
        at, lease = check.at_source, clock() + timedelta(seconds=LEASE_SECONDS)
        check.lease_until = lease
    sound: dict[str, Kept] = {}
    while True:
        with reading() as session:
            ids = logs.next_sources(session, at)
            damages, rows = _check(session, ids, before, sound)
            if not ids:
                damages = _gone(session, before, anchors)
        with scope() as session:
            check = lookups.take(session, LogCheck, check_id)
            if check.lease_until != lease:
                return True  # somebody else goes on with it
            _note(check, damages, len(ids), rows)
            if not ids:
                _end(session, check, clock())
                break
            check.at_source, lease = ids[-1], clock() + timedelta(seconds=LEASE_SECONDS)
            check.lease_until, at = lease, ids[-1]
    anchors.write(before | sound)
    return True


def check_of(check: LogCheck) -> Check:
    """Return a check as it is told."""
    return Check(
        id=check.id,
        asked_at=check.asked_at,
        asked_by=check.asked_by,
        ended_at=check.ended_at,
        sources=check.sources,
        rows=check.rows,
        rows_total=check.rows_total,
        damages=msgspec.convert(check.damages, list[Damage]),
    )


def checks_known(session: Session) -> tuple[Check | None, Check | None]:
    """Return the last check that has ended, and the one that goes on now."""
    last, running = logs.last_check(session), logs.running_check(session)
    return (check_of(last) if last else None), (check_of(running) if running else None)


def _check(
    session: Session, source_ids: list[int], before: dict[str, Kept], sound: dict[str, Kept]
) -> tuple[list[Damage], int]:
    """Check the logs of some sources; return what is damaged and how many rows they say to have. Adds to ``sound``."""
    wrong, damages, rows = logs.wrong_ages(session, source_ids), [], 0
    for one in logs.logs_of(session, source_ids):
        anchor = before[one.key].anchor if one.key in before else NO_ANCHOR
        damage = first_damage(one.links, length=one.length, head=one.head, anchor=anchor)
        if not damage and one.source_id in wrong:
            damage = f"the tag {wrong[one.source_id]} has another age than its row in the log"
        if damage:
            damages.append(Damage(one.location, damage))
        else:
            sound[one.key] = Kept(one.location, Anchor(one.length, one.head))
        rows += one.length
    return damages, rows


def _gone(session: Session, before: dict[str, Kept], anchors: Anchors) -> list[Damage]:
    """Return the logs that are not there at all any more. Nothing of ours ever removes one."""
    there = logs.keys(session)
    lost = [kept.location for key, kept in sorted(before.items()) if key not in there]
    words = f"its whole log is gone; where the database is a new one, remove {anchors}"
    return [Damage(location, words) for location in lost]


def _note(check: LogCheck, damages: list[Damage], sources: int, rows: int) -> None:
    check.sources, check.rows = check.sources + sources, check.rows + rows
    if damages:
        check.damages = [*check.damages, *map(msgspec.to_builtins, damages)][:MOST_DAMAGES]


def _end(session: Session, check: LogCheck, now: datetime) -> None:
    """What a check finds that the one before it did not is an audit warning."""
    check.ended_at, check.lease_until = now, None
    last = logs.last_check(session, before=check.id)
    known = set(check_of(last).damages) if last else set[Damage]()
    if new := [one for one in check_of(check).damages if one not in known]:
        more = f", and {len(new) - 1} more" if len(new) > 1 else ""
        why = f"{new[0].source}: {new[0].damage}{more}"
        log.error("a first-seen log is damaged", reason=why)
        audit.record(session, check, "damaged", actor=audit.SYSTEM, now=now, reason=why)
