"""``/api/v1/accounts`` and ``/host-keys``: who we are for servers that are not public, and which SSH servers are believed.

A secret comes in with ``POST`` and never goes out again.
"""

from typing import Any, Literal

import msgspec
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Schema
from pydantic import SecretStr

from control_plane.domain.accounts import scope_of
from control_plane.domain.errors import InvalidInput, NotFound
from control_plane.services import accounts
from control_plane.services.account_views import Explanation, account_explain, account_test, accounts_seen
from control_plane.services.reading import account_owner, shared_accounts, shared_reader, stored_accounts
from control_plane.settings import get_settings
from control_plane.store.reads.accounts import host_key_rows
from control_plane.store.session import read_scope, session_scope
from control_plane.upstreams.account_places import account_place, spec_named
from control_plane.upstreams.sealed import keys_kept
from control_plane.upstreams.ssh_keys import known_name, scan, server_key
from control_plane.web.accounts.roles import Role
from control_plane.web.api.auth import caller
from control_plane.web.api.routes import router


class AccountBody(Schema):
    """An account to store. ``place`` is a host or host/path; ``application`` empty: it is for all."""

    place: str
    kind: Literal["password", "token", "identity", "ssh-key"]
    secret: SecretStr
    username: str = ""
    application: str = ""
    replace: bool = False


class TryBody(Schema):
    """A place to look at. ``kind`` says what is there where the address does not; ``chart``: of a Helm repository."""

    place: str
    application: str = ""
    kind: str = ""
    chart: str = ""


class HostKeyBody(Schema):
    """Lines of known_hosts to believe for an SSH server; ``replace``: and no others any more."""

    host: str
    lines: list[str]
    replace: bool = False


class ScanBody(Schema):
    """An SSH server, ``git.example.org`` or ``git.example.org:2222``."""

    host: str


def _answer(value: Any) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(value), content_type="application/json")


@router.get("/accounts")
def list_accounts(request: HttpRequest) -> HttpResponse:
    """Every account without its secret, wherever it comes from, and when it was last used and last refused."""
    del request
    with read_scope() as session:
        return _answer(accounts_seen(session, shared_accounts()))


@router.post("/accounts")
def add_account(request: HttpRequest, body: AccountBody) -> dict[str, Any]:
    """Store an account, sealed."""
    actor = caller(request, Role.MAINTAINER)
    scope = scope_of(body.place, body.application)
    with keys_kept(get_settings().sealing_key_file) as keys, session_scope() as session:
        row = accounts.account_add(
            session,
            scope=scope,
            kind=body.kind,
            username=body.username,
            secret=body.secret.get_secret_value(),
            replace=body.replace,
            keys=keys,
            actor=actor,
            now=timezone.now(),
        )
        made = {"id": row.id, "place": scope.place, "application": row.application, "kind": row.kind}
    return {**made, "reassigned": _reassign()}


@router.delete("/accounts/{int:account_id}")
def remove_account(request: HttpRequest, account_id: int, reason: str = "") -> dict[str, Any]:
    """Forget an account and its secret."""
    actor = caller(request, Role.MAINTAINER)
    with session_scope() as session:
        row = accounts.account_remove(session, account_id=account_id, reason=reason, actor=actor, now=timezone.now())
        place = scope_of(f"{row.host}/{row.path}", row.application).place
    return {"id": account_id, "place": place, "state": "removed", "reassigned": _reassign()}


@router.get("/accounts/explain")
def explain_account(request: HttpRequest, place: str, application: str = "", kind: str = "") -> HttpResponse:
    """Which account reads a place for an application, and why no other does."""
    del request
    return _answer(_explanation(TryBody(place=place, application=application, kind=kind)))


@router.post("/accounts/test")
def try_account(request: HttpRequest, body: TryBody) -> HttpResponse:
    """Look at a place as an application would: does it let us in?"""
    caller(request, Role.MAINTAINER)
    spec = spec_named(body.place, body.kind, chart=body.chart)
    return _answer(account_test(spec=spec, explanation=_explanation(body), reader=shared_reader()))


@router.get("/host-keys")
def list_host_keys(request: HttpRequest) -> HttpResponse:
    """The SSH servers' keys that people accepted."""
    del request
    with read_scope() as session:
        return _answer(host_key_rows(session))


@router.post("/host-keys/scan")
def scan_host_keys(request: HttpRequest, body: ScanBody) -> HttpResponse:
    """Ask an SSH server for its keys. Whether they are its own a person has to compare; nothing is believed by this."""
    caller(request, Role.MAINTAINER)
    return _answer(scan(body.host))


@router.post("/host-keys")
def accept_host_keys(request: HttpRequest, body: HostKeyBody) -> HttpResponse:
    """Believe an SSH server that shows one of these keys."""
    actor = caller(request, Role.MAINTAINER)
    keys = [server_key(body.host, line) for line in body.lines]
    if not keys:
        raise InvalidInput("there is no host key to accept", code="host_key")
    with session_scope() as session:
        accounts.host_key_accept(session, keys=keys, replace=body.replace, actor=actor, now=timezone.now())
    return _answer(keys)


@router.delete("/host-keys/{host}")
def forget_host_keys(request: HttpRequest, host: str, reason: str = "") -> dict[str, Any]:
    """Believe an SSH server no more."""
    actor = caller(request, Role.MAINTAINER)
    with session_scope() as session:
        count = accounts.host_key_forget(session, host=known_name(host), reason=reason, actor=actor, now=timezone.now())
    if not count:
        raise NotFound(f"no key of {host} was accepted: see `tidegate account hosts`", code="host_key")
    return {"host": host, "state": "forgotten", "keys": count}


def _explanation(body: TryBody) -> Explanation:
    spec, mirrors = spec_named(body.place, body.kind, chart=body.chart), get_settings().registry_mirrors
    host, _, use = account_place(spec)
    mirror = (mirrors.get(host) or mirrors.get("*", "")) if use == "registry" else ""
    return account_explain(
        spec=spec,
        application=body.application,
        found=shared_accounts(),
        owner_of=account_owner,
        mirror=mirror,
    )


def _reassign() -> list[str]:
    """Let places be read with what counts now, at once."""
    stored_accounts().forget()
    return accounts.places_reassign(owner_of=account_owner, now=timezone.now())
