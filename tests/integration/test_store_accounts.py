"""Stored accounts: sealed, bound to their place, found like any other, kept apart; keys rotate; uses and host keys are remembered."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, text

from control_plane.domain.accounts import Kind, Scope, scope_of
from control_plane.domain.errors import InvalidInput, NotFound, Refused, Untrusted
from control_plane.services import accounts
from control_plane.services.account_uses import Uses
from control_plane.services.account_views import accounts_seen
from control_plane.services.reading import owner_of
from control_plane.services.rehearsal_logins import logins_for
from control_plane.services.stored_accounts import FRESH_SECONDS, AcceptedHosts, StoredAccounts
from control_plane.store import models
from control_plane.store.account_models import Account
from control_plane.store.accounts import all_accounts
from control_plane.store.reads.accounts import host_key_rows
from control_plane.store.session import Session, read_scope
from control_plane.upstreams.credentials import Accounts, Fixed
from control_plane.upstreams.sealed import SealingKeys, keys_kept, keys_renewed
from control_plane.upstreams.ssh_keys import server_key
from tests.support.accounts import entry
from tests.support.ssh_server import make_key
from tests.support.world import CHART, IMAGE, World, declare

pytestmark = pytest.mark.services
SECRET = "correct-horse-battery"


class Desk:
    """A control plane's accounts: adds, removes, finds."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.key_file, self.seconds = world, folder / "secrets.key", 0.0
        self.stored = StoredAccounts(self.key_file, scope=self.reads, clock=lambda: self.seconds)
        self.found = Accounts(self.stored)

    @contextmanager
    def reads(self) -> Iterator[Session]:
        with read_scope(self.world.engine) as session:
            yield session

    def add(
        self,
        place: str,
        user: str = "bot",
        secret: str = SECRET,
        *,
        application: str = "",
        kind: Kind = "password",
        replace: bool = False,
    ) -> int:
        with keys_kept(self.key_file) as keys, self.world.scope() as session:
            row = accounts.account_add(
                session,
                scope=scope_of(place, application),
                kind=kind,
                username=user,
                secret=secret,
                replace=replace,
                keys=keys,
                actor="user:anna",
                now=self.world.now,
            )
            made = row.id
        self.stored.forget()
        return made

    def remove(self, account_id: int) -> None:
        with self.world.scope() as session:
            accounts.account_remove(
                session, account_id=account_id, reason="left", actor="user:anna", now=self.world.now
            )
        self.stored.forget()

    def reassign(self) -> list[str]:
        return accounts.places_reassign(
            owner_of=owner_of(self.found), now=self.world.now, reads=self.reads, scope=self.world.scope
        )

    def reseal(self, keys: SealingKeys) -> int:
        with self.world.scope() as session:
            return accounts.accounts_reseal(session, keys=keys, actor="user:anna", now=self.world.now)


@pytest.fixture
def desk(world: World, tmp_path: Path) -> Desk:
    return Desk(world, tmp_path)


def everything_stored(world: World) -> str:
    """Return all text of all tables."""
    with world.engine.connect() as connection:
        names = models.Application.metadata.tables
        return "".join(str(row) for name in names for row in connection.execute(text(f'SELECT * FROM "{name}"')))


def test_what_is_stored_is_found_again_and_never_stands_in_the_database(desk: Desk) -> None:
    desk.add("ghcr.io/acme")
    desk.add("ghcr.io", "", "t0ken-of-all", kind="token")
    found = desk.found.find("ghcr.io", "acme/web")
    assert found is not None
    assert (found.user, found.secret, found.kind, found.origin) == ("bot", SECRET, "password", "stored")
    assert found.scope == Scope("ghcr.io", "acme")
    other = desk.found.find("ghcr.io", "other")
    assert other is not None
    assert (other.kind, other.secret) == ("token", "t0ken-of-all")
    stored = everything_stored(desk.world)
    assert SECRET not in stored
    assert "t0ken-of-all" not in stored
    assert "account.added" in stored


def test_the_application_the_path_and_the_host_count_as_with_other_origins(desk: Desk) -> None:
    for place, user, application in (("ghcr.io", "host", ""), ("ghcr.io/acme", "path", ""), ("ghcr.io", "own", "web")):
        desk.add(place, user, application=application)
    file = Fixed([entry("ghcr.io/acme", "file"), entry("ghcr.io/acme/deep", "deeper")])
    found = Accounts(desk.stored, file)
    users = [found.find("ghcr.io", *place) for place in (("acme/x",), ("acme/deep",), ("x",), ("acme/deep", "web"))]
    assert [one.user for one in users if one] == ["path", "deeper", "host", "own"]


def test_one_that_is_there_is_replaced_only_on_purpose(desk: Desk) -> None:
    first = desk.add("ghcr.io")
    with pytest.raises(Refused, match=f"number {first}"):
        desk.add("ghcr.io", secret="another one")
    assert desk.add("ghcr.io", "robot", "another one", replace=True) == first
    found = desk.found.find("ghcr.io")
    assert found is not None
    assert (found.user, found.secret) == ("robot", "another one")
    assert desk.add("ghcr.io", "", "t0ken", kind="token") != first


def test_one_that_is_removed_serves_no_more(desk: Desk) -> None:
    number = desk.add("ghcr.io")
    assert desk.found.find("ghcr.io")
    desk.remove(number)
    assert desk.found.find("ghcr.io") is None
    with pytest.raises(NotFound):
        desk.remove(number)
    with desk.world.scope() as session:
        events = session.scalars(select(models.AuditEvent).order_by(models.AuditEvent.id)).all()
    assert [(one.action, one.subject, one.actor) for one in events] == [
        ("account.added", "ghcr.io", "user:anna"),
        ("account.removed", "ghcr.io", "user:anna"),
    ]


def test_another_process_sees_a_change_within_seconds(desk: Desk) -> None:
    assert desk.found.find("ghcr.io") is None
    other = Desk(desk.world, desk.key_file.parent)
    other.add("ghcr.io")
    assert desk.found.find("ghcr.io") is None
    desk.seconds += FRESH_SECONDS
    assert desk.found.find("ghcr.io")


@pytest.mark.parametrize(
    ("place", "user", "kind", "says"),
    [
        ("https://ghcr.io", "bot", "password", "no host or host/path"),
        ("ghcr io", "bot", "password", "no host or host/path"),
        ("", "bot", "password", "no host or host/path"),
        ("ghcr.io", "", "password", "needs its user"),
        ("ghcr.io", "bot", "identity", "does not go with a identity"),
        ("ghcr.io", "a:b", "password", "no user name"),
        ("ghcr.io/" + "x" * 300, "bot", "password", "longer than"),
    ],
)
def test_what_is_no_account_is_refused_with_its_place(desk: Desk, place: str, user: str, kind: Kind, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        desk.add(place, user, kind=kind)
    assert says in "\n".join(map(str, caught.value.mistakes))
    assert SECRET not in everything_stored(desk.world)


@pytest.mark.parametrize("secret", ["", "two\nlines", "no key at all"])
def test_a_secret_that_is_none_is_refused_and_not_repeated(desk: Desk, secret: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        desk.add("git.example.org", "", secret, kind="ssh-key" if "key" in secret else "token")
    assert not secret or secret not in str(caught.value)


def test_an_ssh_key_is_checked_and_its_public_half_is_told(desk: Desk) -> None:
    private, public = make_key()
    desk.add("git.example.org/acme", "", private, kind="ssh-key")
    found = desk.found.find("git.example.org", "acme/web", use="ssh")
    assert found is not None
    assert found.secret == private
    stored = everything_stored(desk.world)
    assert public in stored
    assert not any(line in stored for line in private.splitlines()[1:-1])


@pytest.mark.parametrize("column", ["host", "path", "application", "username", "kind"])
def test_a_row_that_somebody_changed_opens_no_secret(desk: Desk, column: str) -> None:
    number = desk.add("ghcr.io/acme")
    changed = {"host": "evil.io", "path": "", "application": "web", "username": "x", "kind": "token"}
    with desk.world.scope() as session:
        setattr(session.get(Account, number), column, changed[column])
    desk.stored.forget()
    host = "evil.io" if column == "host" else "ghcr.io"
    with pytest.raises(Untrusted, match="for another place"):
        desk.found.find(host, "acme/web", "web")


def test_a_secret_of_another_row_opens_nothing(desk: Desk) -> None:
    one, two = desk.add("ghcr.io/acme"), desk.add("quay.io", secret="another")
    with desk.world.scope() as session:
        session.get(Account, two).sealed = session.get(Account, one).sealed
    desk.stored.forget()
    with pytest.raises(Untrusted):
        desk.found.find("quay.io", "x")


def test_a_new_key_seals_everything_anew_and_the_old_one_goes(desk: Desk) -> None:
    desk.add("ghcr.io")
    desk.add("quay.io", secret="another")
    old = desk.key_file.read_bytes()
    with keys_renewed(desk.key_file) as keys:
        assert desk.reseal(keys) == 2
    assert old.strip() not in desk.key_file.read_bytes()
    assert desk.key_file.stat().st_mode & 0o777 == 0o600
    desk.stored.forget()
    found = desk.found.find("quay.io")
    assert found is not None
    assert found.secret == "another"
    with desk.world.scope() as session:
        assert {row.key_id for row in all_accounts(session)} == {keys.newest}


def test_a_rotation_that_is_killed_loses_nothing_and_is_ended_by_the_next(desk: Desk) -> None:
    desk.add("ghcr.io")
    for killed_after in (lambda _: 0, desk.reseal):
        with suppress(KeyboardInterrupt), keys_renewed(desk.key_file) as keys:
            killed_after(keys)
            raise KeyboardInterrupt
        assert len(desk.key_file.read_bytes().splitlines()) > 1
        desk.stored.forget()
        assert desk.found.find("ghcr.io")
    with keys_renewed(desk.key_file) as keys:
        assert desk.reseal(keys) == 1
    assert len(desk.key_file.read_bytes().splitlines()) == 1
    desk.stored.forget()
    assert desk.found.find("ghcr.io")


def test_no_key_is_retired_while_one_is_added(desk: Desk) -> None:
    with keys_kept(desk.key_file), pytest.raises(Refused, match="in use"), keys_renewed(desk.key_file):
        pass


def test_a_key_that_is_lost_is_told_with_what_to_do(desk: Desk) -> None:
    desk.add("ghcr.io")
    desk.key_file.unlink()
    with pytest.raises(InvalidInput, match="Restore it from a backup"):
        desk.found.find("ghcr.io")
    desk.key_file.write_bytes(Fernet.generate_key())
    with pytest.raises(Untrusted, match="put it back there as a further line"):
        desk.found.find("ghcr.io")
    for wrong in (b"", b"no key\n"):
        desk.key_file.write_bytes(wrong)
        with pytest.raises(InvalidInput, match="from a backup"):
            desk.found.find("ghcr.io")


def test_an_account_of_its_own_moves_an_applications_places_apart_and_back(desk: Desk) -> None:
    world = desk.world
    world.registry.release("2.2.8")
    world.start()
    world.start(declare(name="other", namespace="other"))
    world.settle()
    assert sources_of(world) == {"miniflux": {(CHART, ""), (IMAGE, "")}, "other": {(CHART, ""), (IMAGE, "")}}
    number = desk.add("ghcr.io/tidegate", application="miniflux")
    assert desk.reassign() == ["miniflux"]
    assert desk.reassign() == []
    assert sources_of(world)["miniflux"] == {(CHART, "miniflux"), (IMAGE, "")}
    assert sources_of(world)["other"] == {(CHART, ""), (IMAGE, "")}
    world.settle()
    desk.remove(number)
    assert desk.reassign() == ["miniflux"]
    assert sources_of(world)["miniflux"] == {(CHART, ""), (IMAGE, "")}
    assert polled(world) == {(CHART, "")}


def test_what_one_applications_account_saw_is_not_shown_to_another(desk: Desk) -> None:
    world = desk.world
    world.registry.release("2.2.8")
    desk.add("ghcr.io/tidegate", application="miniflux")
    world.start()
    world.start(declare(name="other", namespace="other"))
    desk.reassign()
    world.settle()
    world.registry.only_for("miniflux").release("2.2.16")
    world.wait(60)
    world.settle()
    assert tags_seen(world) == {"miniflux": {"2.2.8", "2.2.16"}, "other": {"2.2.8"}}


def test_uses_are_remembered_wherever_an_account_comes_from(desk: Desk) -> None:
    world = desk.world
    number = desk.add("ghcr.io")
    uses = Uses(scope=world.scope, clock=world.clock)
    found = Accounts(desk.stored, Fixed([entry("quay.io", "file")]), note=uses)
    for host, refused in (("ghcr.io", ""), ("quay.io", "HTTP 401"), ("quay.io", "HTTP 403")):
        account = found.find(host)
        assert account is not None
        found.note(account, refused)
    uses.write()
    world.wait(60)
    account = found.find("quay.io")
    assert account is not None
    found.note(account, "")
    uses.write()
    with desk.reads() as session:
        seen = accounts_seen(session, found)
    (stored, file) = seen.accounts
    assert (stored.id, stored.used_at, stored.refused_at) == (number, world.now.replace(minute=0), None)
    assert (file.id, file.origin, file.used_at) == (None, "test", world.now)
    assert (file.refusal, file.is_refused) == ("HTTP 403", False)
    assert SECRET not in repr(seen)


def test_an_origin_that_cannot_be_read_hides_no_other(desk: Desk, tmp_path: Path) -> None:
    from control_plane.upstreams.accounts_file import AccountsFile

    desk.add("ghcr.io")
    file = tmp_path / "accounts.yaml"
    file.write_text("- {place: quay.io}")
    with desk.reads() as session:
        seen = accounts_seen(session, Accounts(desk.stored, AccountsFile(file)))
    assert [row.host for row in seen.accounts] == ["ghcr.io"]
    assert "one secret is needed" in seen.trouble[0]


def test_host_keys_are_accepted_replaced_and_forgotten(desk: Desk) -> None:
    world = desk.world
    first, second = (server_key("git.example.org:2222", f"x {make_key()[1]}") for _ in range(2))
    given = {"actor": "user:anna", "now": world.now}
    accepted = AcceptedHosts(scope=desk.reads)
    with world.scope() as session:
        accounts.host_key_accept(session, keys=[first], replace=False, **given)
        accounts.host_key_accept(session, keys=[first], replace=False, **given)
    assert accepted() == f"{first.line}\n"
    assert first.line.startswith("[git.example.org]:2222 ssh-ed25519 ")
    with world.scope() as session, pytest.raises(Refused, match="somebody may be in between"):
        accounts.host_key_accept(session, keys=[second], replace=False, **given)
    with world.scope() as session:
        accounts.host_key_accept(session, keys=[second], replace=True, **given)
    assert accepted() == f"{second.line}\n"
    with desk.reads() as session:
        (row,) = host_key_rows(session)
    assert (row.fingerprint, row.kind) == (second.fingerprint, "ssh-ed25519")
    with world.scope() as session:
        assert accounts.host_key_forget(session, host=second.host, reason="gone", **given) == 1
    assert accepted() == ""


def test_a_rehearsal_is_handed_the_accounts_for_its_images_and_nothing_stores_them(desk: Desk) -> None:
    world = desk.world
    desk.add("docker.io/miniflux", application="miniflux")
    desk.add("ghcr.io/elsewhere")
    world.workplace = replace(world.workplace, logins_of=partial(logins_for, accounts=desk.found, mirrors={}))
    world.registry.release("2.2.8")
    world.start()
    world.settle()
    assert [sorted(logins) for logins in world.harness.logins] == [["docker.io/miniflux/miniflux"]]
    (login,) = world.harness.logins[0].values()
    assert (login.user, login.secret) == ("bot", SECRET)
    assert SECRET not in everything_stored(world) + repr(world.harness.requests) + repr(world.harness.logins)


def test_a_rehearsal_whose_account_cannot_be_opened_says_nothing_about_the_release(desk: Desk) -> None:
    world = desk.world
    desk.add("docker.io/miniflux")
    desk.key_file.unlink()
    world.workplace = replace(world.workplace, logins_of=partial(logins_for, accounts=desk.found, mirrors={}))
    world.registry.release("2.2.8")
    world.start()
    world.settle()
    with world.scope() as session:
        run = session.scalars(select(models.Run)).one()
    assert (run.verdict, world.harness.requests) == ("errored", [])
    assert "Restore it from a backup" in run.reason


def sources_of(world: World) -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {}
    with world.scope() as session:
        for upstream in session.scalars(select(models.Upstream)):
            place = upstream.source.location, upstream.source.account
            found.setdefault(upstream.application.name, set()).add(place)
    return found


def polled(world: World) -> set[tuple[str, str]]:
    with world.scope() as session:
        rows = session.scalars(select(models.Source).where(models.Source.next_look_at.is_not(None)))
        return {(row.location, row.account) for row in rows}


def tags_seen(world: World) -> dict[str, set[str]]:
    with world.scope() as session:
        charts = session.scalars(select(models.Upstream).filter_by(role="chart"))
        rows = {one.application.name: one.source_id for one in charts}
        tags = session.execute(select(models.SourceTag.source_id, models.SourceTag.name)).all()
    return {name: {tag for source, tag in tags if source == source_id} for name, source_id in rows.items()}
