"""What people see of accounts: all there are, which one is used where and why, and whether a place lets us in."""

from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from control_plane.domain.errors import NotFound, TidegateError, Transient, Untrusted
from control_plane.domain.sources import Listing, SourceSpec
from control_plane.services.stored_accounts import ORIGIN
from control_plane.store.reads.accounts import Listed, account_rows
from control_plane.store.reads.rows import AccountRow
from control_plane.store.session import Session
from control_plane.upstreams.account_places import account_place
from control_plane.upstreams.credentials import Accounts, Entry

LET_IN = frozenset({"json_shape", "not_in_index"})  # the server answered: what it says is another matter
Outcome = Literal["let in", "refused", "absent", "unknown"]


class Seen(msgspec.Struct, frozen=True):
    """Every account, and what is wrong with an origin of them."""

    accounts: list[AccountRow]
    trouble: list[str]


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One account of a host, and why it is used there or not."""

    origin: str
    place: str
    application: str
    kind: str
    username: str
    verdict: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Which account reads a place for an application. ``apart``: it is looked at for this application alone."""

    place: str
    application: str
    apart: bool
    mirror: str
    accounts: list[Explained]


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a place lets us in. ``account`` is the one that was shown, None where there is none."""

    place: str
    outcome: Outcome
    detail: str
    account: Explained | None


class Lists(Protocol):
    """What testing needs of the outside."""

    def listing(self, spec: SourceSpec, account: str, memo: dict[str, str]) -> Listing | None:
        """Return what a place lists."""


def accounts_seen(session: Session, found: Accounts) -> Seen:
    """Return every account; an origin that cannot be read is told about, and hides no other."""
    listed: list[Listed] = []
    trouble = []
    for origin in found.origins:
        try:
            listed += [
                (one.origin, one.scope, one.kind, one.user) for one in origin.entries("") if one.origin != ORIGIN
            ]
        except TidegateError as error:
            mistakes = "; ".join(str(one) for one in getattr(error, "mistakes", ()))
            trouble.append(f"{error.message}: {mistakes}" if mistakes else error.message)
    return Seen(account_rows(session, listed), trouble)


def account_explain(
    *, spec: SourceSpec, application: str, found: Accounts, owner_of: Callable[[SourceSpec, str], str], mirror: str = ""
) -> Explanation:
    """Say which account reads a place for an application, and why no other does. ``mirror``: where the place is really read."""
    host, path, use = account_place(spec)
    explained = [] if mirror else found.explain(host, path, application, use=use)
    return Explanation(
        place=spec.location,
        application=application,
        apart=bool(owner_of(spec, application)),
        mirror=mirror,
        accounts=[_explained(entry, verdict) for entry, verdict in explained],
    )


def account_test(*, spec: SourceSpec, explanation: Explanation, reader: Lists) -> Tested:
    """Look at a place as an application would, and say what came of it."""
    used = next((one for one in explanation.accounts if one.verdict == "used"), None)
    outcome, detail = _outcome(spec, explanation.application if explanation.apart else "", reader)
    return Tested(place=spec.location, outcome=outcome, detail=detail, account=used)


def _outcome(spec: SourceSpec, account: str, reader: Lists) -> tuple[Outcome, str]:
    try:
        listing = reader.listing(spec, account, {})
    except NotFound as error:
        return ("let in" if error.code in LET_IN else "absent"), error.message
    except Transient as error:
        if error.code in LET_IN:
            return "let in", error.message
        return ("refused" if error.code in {"denied", "host_key_unknown"} else "unknown"), error.message
    except Untrusted as error:
        return "refused", error.message
    count = len(listing.tags) if listing else 0
    return "let in", f"{count} tag{'' if count == 1 else 's'} can be read"


def _explained(entry: Entry, verdict: str) -> Explained:
    return Explained(
        origin=entry.origin,
        place=entry.scope.place,
        application=entry.scope.application,
        kind=entry.kind,
        username=entry.user,
        verdict=verdict,
    )
