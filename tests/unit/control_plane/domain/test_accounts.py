"""Which account is used where: what holds for any accounts and any place."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.accounts import USED, Scope, in_order, owner, scope_of, usual_host, verdicts


class Named(msgspec.Struct, frozen=True):
    scope: Scope
    name: int = 0


HOSTS, PARTS, APPLICATIONS = st.sampled_from(["a.io", "b.io"]), st.sampled_from(["x", "xy", "y"]), ["", "web", "wiki"]
PATHS = st.lists(PARTS, max_size=3).map("/".join)
SCOPES = st.builds(Scope, HOSTS, PATHS, st.sampled_from(APPLICATIONS))
PLACES = st.tuples(HOSTS, PATHS, st.sampled_from(APPLICATIONS))


def named(scopes: Sequence[Scope]) -> list[Named]:
    return [Named(scope, number) for number, scope in enumerate(scopes)]


CLAIMS = st.lists(SCOPES, max_size=8).map(named)


@given(CLAIMS, PLACES)
def test_the_first_is_the_applications_own_then_of_the_longest_path_then_of_the_first_origin(
    claims: list[Named], place: tuple[str, str, str]
) -> None:
    found = in_order(claims, *place)
    for sooner, later in pairwise(found):
        assert (bool(later.scope.application), len(later.scope.path)) <= (
            bool(sooner.scope.application),
            len(sooner.scope.path),
        )
        if sooner.scope == later.scope:
            assert sooner.name < later.name


@given(CLAIMS, PLACES)
def test_nobody_is_given_an_account_for_elsewhere(claims: list[Named], place: tuple[str, str, str]) -> None:
    host, path, application = place
    for claim in in_order(claims, *place):
        assert claim.scope.host == host
        assert f"{path}/".startswith(f"{claim.scope.path}/" if claim.scope.path else "")
        assert claim.scope.application in {"", application}


@given(CLAIMS, PLACES, st.randoms(use_true_random=False))
def test_accounts_for_different_places_may_come_in_any_order(
    claims: list[Named], place: tuple[str, str, str], random: object
) -> None:
    distinct = list({claim.scope: claim for claim in claims}.values())
    shuffled = list(distinct)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert in_order(shuffled, *place) == in_order(distinct, *place)


@given(CLAIMS, SCOPES, PLACES)
def test_an_account_that_does_not_serve_there_changes_nothing(
    claims: list[Named], other: Scope, place: tuple[str, str, str]
) -> None:
    if other.refusal(*place):
        assert in_order([Named(other, 99), *claims], *place) == in_order(claims, *place)


@given(CLAIMS, PLACES)
def test_a_place_is_apart_for_an_application_exactly_where_it_has_an_account_of_its_own(
    claims: list[Named], place: tuple[str, str, str]
) -> None:
    first = next(iter(in_order(claims, *place)), None)
    assert owner(claims, *place) == (place[2] if first and first.scope.application else "")


@given(CLAIMS, PLACES)
def test_one_at_most_is_used_and_each_other_says_why_not(claims: list[Named], place: tuple[str, str, str]) -> None:
    used = next(iter(in_order(claims, *place)), None)
    said = verdicts(claims, used, *place)
    assert said.count(USED) == (used is not None)
    assert all(said)


@pytest.mark.parametrize(
    ("scope", "used", "says"),
    [
        (Scope("b.io"), None, "another host, b.io"),
        (Scope("a.io", "xy"), None, "below a.io/xy"),
        (Scope("a.io", "", "wiki"), None, "wiki's own"),
        (Scope("a.io"), None, "no account that can be used"),
        (Scope("a.io", "x/y"), Scope("a.io"), "no account that can be used"),
        (Scope("a.io", "x/y"), Scope("a.io", "", "web"), "web has one of its own"),
        (Scope("a.io"), Scope("a.io", "x"), "longer path"),
        (Scope("a.io", "x"), Scope("a.io", "x"), "order of origins"),
    ],
)
def test_reasons_are_told(scope: Scope, used: Scope | None, says: str) -> None:
    chosen = Named(used, 1) if used else None
    assert says in verdicts([Named(scope, 0)], chosen, "a.io", "x/y", "web")[0]


def test_hosts_are_told_by_their_usual_names() -> None:
    assert usual_host("Registry-1.Docker.io") == usual_host("index.docker.io:443") == "docker.io"
    assert scope_of("GHCR.io/acme/web.git/") == Scope("ghcr.io", "acme/web")
    assert scope_of("127.0.0.1:5000").place == "127.0.0.1:5000"
