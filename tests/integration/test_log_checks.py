"""First-seen logs are checked whole, in parts: every kind of forgery is told, and a check that was killed goes on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from control_plane.domain import first_seen
from control_plane.domain.errors import Transient
from control_plane.domain.first_seen import Link, Sight
from control_plane.domain.sources import SourceSpec
from control_plane.domain.versions.policy import Tag
from control_plane.services import sources
from control_plane.services.first_seen import Anchors, Check, check_ask, check_by_clock, check_of, logs_check
from control_plane.store import lookups, seen
from control_plane.store.models import FirstSight, LogCheck, Source, SourceTag
from control_plane.store.session import Session, read_scope
from tests.support.world import START, World

pytestmark = pytest.mark.services
PLACES = [f"registry.example.com/acme/app-{number}" for number in range(5)]


@pytest.fixture
def logged(world: World) -> World:
    """Five places with ten tags each; the digest of one tag of each is known."""
    for place in PLACES:
        with world.scope() as session:
            spec = SourceSpec(kind="oci", location=place)
            source = sources.source_ensure(session, spec=spec, account="", is_polled=False, now=world.now)
            tags = [Tag(name=f"1.0.{number}") for number in range(10)]
            seen.note_listing(session, source, tags, {}, seen_by="poll", now=world.now)
            detail = Tag(name="1.0.3", digest="sha256:" + "a" * 64)
            seen.note_detail(session, source, detail, seen_by="poll", now=world.now)
    return world


@pytest.fixture
def anchors(tmp_path: Path) -> Anchors:
    return Anchors(tmp_path / "data" / "first-seen.json")


def checked(world: World, anchors: Anchors) -> Check:
    """Ask for a check, and do it."""
    with world.scope() as session:
        check_id = check_ask(session, actor="user:anna", now=world.now).id
    assert run(world, check_id, anchors)
    return told(world, check_id)


def run(world: World, check_id: int, anchors: Anchors) -> bool:
    @contextmanager
    def reading() -> Iterator[Session]:
        with read_scope(world.engine) as session:
            yield session

    return logs_check(check_id=check_id, anchors=anchors, clock=world.clock, scope=world.scope, reading=reading)


def told(world: World, check_id: int) -> Check:
    with world.scope() as session:
        return check_of(lookups.get(session, LogCheck, check_id))


def first_row(session: Session, tag: str = "1.0.3") -> FirstSight:
    place = select(Source.id).where(Source.location == PLACES[2]).scalar_subquery()
    return session.scalars(select(FirstSight).filter_by(tag=tag).where(FirstSight.source_id == place)).first()  # type: ignore[return-value]


def older_row(session: Session) -> None:
    first_row(session).first_seen_at -= timedelta(days=30)


def removed_row(session: Session) -> None:
    session.delete(first_row(session))


def other_digest(session: Session) -> None:
    first_row(session).digest = "sha256:" + "b" * 64


def cut_off(session: Session) -> None:
    """The last row goes, and the source's own word of it too."""
    source = session.scalars(select(Source).filter_by(location=PLACES[2])).one()
    session.execute(delete(FirstSight).filter_by(source_id=source.id, position=source.log_length))
    rows = session.scalars(select(FirstSight).filter_by(source_id=source.id).order_by(FirstSight.position)).all()
    session.execute(update(SourceTag).filter_by(source_id=source.id).values(digest=""))
    source.log_length, source.log_head = len(rows), rows[-1].sha256


def written_anew(session: Session) -> None:
    """The whole log with earlier times, every hash right, the source's head and the tags' ages too."""
    source = session.scalars(select(Source).filter_by(location=PLACES[2])).one()
    rows = session.scalars(select(FirstSight).filter_by(source_id=source.id).order_by(FirstSight.position)).all()
    early = START - timedelta(days=30)
    sights = [
        Sight(source=source.key, tag=row.tag, digest=row.digest, first_seen_at=early, seen_by=row.seen_by)
        for row in rows
    ]
    for row, link in zip(rows, first_seen.append("", 0, sights), strict=True):
        row.first_seen_at, row.sha256 = early, link.sha256
        source.log_head = link.sha256
    session.execute(update(SourceTag).filter_by(source_id=source.id).values(first_seen_at=early))


def other_age(session: Session) -> None:
    session.execute(update(SourceTag).where(SourceTag.name == "1.0.3").values(first_seen_at=START - timedelta(days=30)))


def removed_log(session: Session) -> None:
    source = session.scalars(select(Source).filter_by(location=PLACES[2])).one()
    session.execute(delete(FirstSight).filter_by(source_id=source.id))
    session.delete(source)


FORGERIES: list[tuple[Callable[[Session], None], str]] = [
    (older_row, "first seen 2025-12-02"),
    (removed_row, "is missing"),
    (other_digest, "was changed"),
    (cut_off, "it has 10 rows and had 11 when it was checked before"),
    (written_anew, "its first 11 rows are not those that were there when it was checked before"),
    (other_age, "the tag 1.0.3 has another age than its row in the log"),
    (removed_log, "its whole log is gone"),
]


def test_sound_logs_are_sound_also_when_they_grow(logged: World, anchors: Anchors) -> None:
    found = checked(logged, anchors)
    assert (found.damages, found.sources, found.rows, found.rows_total) == ([], 5, 55, 55)
    assert found.ended_at == logged.now
    with logged.scope() as session:
        source = session.scalars(select(Source).filter_by(location=PLACES[2])).one()
        tags = [Tag(name=f"1.0.{number}") for number in range(12)]
        seen.note_listing(session, source, tags, {}, seen_by="poll", now=logged.now)
    found = checked(logged, anchors)
    assert (found.damages, found.rows) == ([], 57)
    assert not logged.audit("logcheck.damaged")


@pytest.mark.parametrize(("forge", "words"), FORGERIES, ids=lambda one: getattr(one, "__name__", ""))
def test_every_forgery_is_told_once(
    logged: World, anchors: Anchors, forge: Callable[[Session], None], words: str
) -> None:
    checked(logged, anchors)
    with logged.scope() as session:
        forge(session)
    for _ in range(2):
        damages = checked(logged, anchors).damages
        assert PLACES[2] in {one.source for one in damages}
        assert any(words in one.damage for one in damages), damages
    assert len(logged.audit("logcheck.damaged")) == 1


def test_a_check_that_was_killed_goes_on_and_run_twice_equals_once(
    logged: World, anchors: Anchors, monkeypatch: pytest.MonkeyPatch
) -> None:
    with logged.scope() as session:
        older_row(session)
        check_id = check_ask(session, actor="user:anna", now=logged.now).id
        assert check_ask(session, actor="user:ben", now=logged.now).id == check_id
    monkeypatch.setattr("control_plane.store.logs.ROWS_AT_ONCE", 11)
    read, done = first_seen.first_damage, list[str]()

    def killed(links: Iterator[Link], **told: Any) -> str:
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(read(links, **told))
        return done[-1]

    monkeypatch.setattr("control_plane.services.first_seen.first_damage", killed)
    with pytest.raises(KeyboardInterrupt):
        run(logged, check_id, anchors)
    monkeypatch.undo()
    so_far = told(logged, check_id)
    assert (so_far.ended_at, so_far.sources, len(so_far.damages)) == (None, 4, 1)
    assert not run(logged, check_id, anchors), "its lease is held"
    logged.wait(121)
    assert run(logged, check_id, anchors)
    assert not run(logged, check_id, anchors)
    found = told(logged, check_id)
    assert (found.sources, found.rows, [one.source for one in found.damages]) == (5, 55, [PLACES[2]])
    assert len(logged.audit("logcheck.damaged")) == 1


def test_without_its_file_nothing_is_called_sound(logged: World, anchors: Anchors, tmp_path: Path) -> None:
    checked(logged, anchors)
    (tmp_path / "data" / "first-seen.json").write_text("{ half")
    with pytest.raises(Transient, match="put it back from your backup"):
        checked(logged, anchors)


def test_once_an_hour_by_the_clock_and_found_by_the_sweeper(logged: World, anchors: Anchors) -> None:
    with logged.scope() as session:
        assert check_by_clock(session, now=logged.now)
    (nudge,) = [one for one in logged.waiting() if one.work == "logs_check"]
    assert run(logged, nudge.row_id, anchors)
    assert [one for one in logged.waiting() if one.work == "logs_check"] == []
    for minutes, is_due in ((59, False), (61, True)):
        with logged.scope() as session:
            assert check_by_clock(session, now=START + timedelta(minutes=minutes)) is is_due
    logged.wait(40 * 86_400)
    with logged.scope() as session:
        check = session.scalars(select(LogCheck).where(LogCheck.ended_at.is_(None))).one()
    run(logged, check.id, anchors)
    checked(logged, anchors)
    with logged.scope() as session:
        assert len(session.scalars(select(LogCheck)).all()) == 2, "what is older than a month is forgotten"
