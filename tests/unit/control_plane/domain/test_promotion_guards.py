"""The checklist of a promotion: every guard waits, refuses and is done for its own reason, in words."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace as with_fields

from control_plane.domain.applications import ChannelRule
from control_plane.domain.approvals import Grant, counting, missing
from control_plane.domain.promotions import (
    Guard,
    GuardState,
    PromotionFacts,
    PromotionState,
    Stay,
    blocking,
    guards,
    next_state,
)
from control_plane.domain.releases import ReleaseState
from control_plane.domain.upgrades import Upgrade

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
DIGEST = "sha256:aaa"
RULE = ChannelRule(name="stable", after="edge", soak_seconds=3600, approvals=2)


def grant(actor: str, *, digest: str = DIGEST, role: str = "approver", revoked: bool = False) -> Grant:
    return Grant(actor, role, digest, NOW, NOW if revoked else None)


READY = {
    "version": "2.2.16",
    "release_state": ReleaseState.VERIFIED,
    "release_digest": DIGEST,
    "digest": DIGEST,
    "rule": RULE,
    "grants": (grant("anna"), grant("ben")),
    "stay": Stay(since=NOW - timedelta(hours=2)),
    "published_version": "2.2.8",
    "generation": 4,
}


def check(**changes: object) -> tuple[Guard, ...]:
    return guards(PromotionFacts(**{**READY, **changes}), NOW)  # type: ignore[arg-type]


def test_all_done_means_approved() -> None:
    checklist = check()
    assert {guard.state for guard in checklist} == {GuardState.DONE}
    assert next_state(checklist) is PromotionState.APPROVED
    assert blocking(checklist) is None


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"release_state": ReleaseState.WITHDRAWN}, "verified", "withdrawn, not verified"),
        ({"release_digest": "sha256:bbb"}, "verified", "not the one that was proposed"),
        ({"release_digest": None}, "verified", "not the one that was proposed"),
        ({"stay": None}, "soaked", "never published in edge"),
        ({"stay": Stay(NOW - timedelta(hours=9), NOW, is_recalled=True)}, "soaked", "recalled from edge"),
        (
            {"stay": Stay(NOW - timedelta(hours=9), NOW - timedelta(hours=8, minutes=30))},
            "soaked",
            "before it had soaked",
        ),
        ({"published_version": "2.3.0"}, "newer", "never goes back"),
        ({"published_version": "2.2.16"}, "newer", "never goes back"),
        ({"expected_generation": 3}, "generation", "from generation 3 to 4"),
    ],
)
def test_a_refusal_cancels_and_says_why(changes: dict[str, object], name: str, words: str) -> None:
    guard = blocking(check(**changes))
    assert guard is not None
    assert (guard.name, guard.state) == (name, GuardState.REFUSED)
    assert words in guard.words
    assert next_state(check(**changes)) is PromotionState.CANCELLED


def test_a_soak_waits_until_a_known_moment() -> None:
    checklist = check(stay=Stay(since=NOW - timedelta(minutes=10)))
    guard = blocking(checklist)
    assert guard is not None
    assert guard.next_at == NOW + timedelta(minutes=50)
    assert next_state(checklist) is PromotionState.PROPOSED


def test_who_left_after_the_soak_has_soaked() -> None:
    stay = Stay(since=NOW - timedelta(hours=9), until=NOW - timedelta(hours=7))
    assert next_state(check(stay=stay)) is PromotionState.APPROVED


@pytest.mark.parametrize(
    "grants",
    [
        (grant("anna"),),
        (grant("anna"), grant("anna")),
        (grant("anna"), grant("ben", digest="sha256:other")),
        (grant("anna"), grant("ben", revoked=True)),
        (grant("anna"), grant("ben", role="viewer")),
    ],
)
def test_an_approval_is_one_person_with_the_role_for_this_very_digest(grants: tuple[Grant, ...]) -> None:
    checklist = check(grants=grants)
    assert next_state(checklist) is PromotionState.AWAITING_APPROVAL
    guard = blocking(checklist)
    assert guard is not None
    assert guard.words == "needs 1 of 2 approvals; approved by anna"
    assert missing(grants, DIGEST, 2) == 1
    assert [one.actor for one in counting(grants, DIGEST)] == ["anna"]


def test_a_fallback_may_go_back_but_not_without_approvals() -> None:
    assert next_state(check(is_fallback=True, published_version="3.0.0", stay=None)) is PromotionState.APPROVED
    assert next_state(check(is_fallback=True, grants=())) is PromotionState.AWAITING_APPROVAL


def test_a_channel_without_soak_and_approvals_takes_it_at_once() -> None:
    rule = with_fields(RULE, after=None, approvals=0, soak_seconds=0)
    assert next_state(check(rule=rule, grants=(), stay=None)) is PromotionState.APPROVED


def test_an_upgrade_that_was_rehearsed_is_told_with_its_way_back() -> None:
    upgrade = Upgrade("2.2.8", "2.2.16", contract="reversible", run=12, rehearsed_from=("2.2.8",))
    guard = next(one for one in check(upgrade=upgrade) if one.name == "upgrade")
    assert (guard.state, guard.words) == (
        GuardState.DONE,
        "the upgrade 2.2.8 → 2.2.16 was rehearsed in run 12: reversible",
    )


@pytest.mark.parametrize(
    ("bases", "words"), [(("2.2.9", "2.2.10"), "only from 2.2.9, 2.2.10"), ((), "only as a first installation")]
)
def test_an_upgrade_that_nobody_rehearsed_is_told_and_holds_nothing_back(bases: tuple[str, ...], words: str) -> None:
    checklist = check(upgrade=Upgrade("2.2.8", "2.2.16", rehearsed_from=bases))
    guard = next(one for one in checklist if one.name == "upgrade")
    assert (guard.state, guard.words) == (
        GuardState.UNPROVED,
        f"this upgrade was not rehearsed: 2.2.8 → 2.2.16 ({words})",
    )
    assert next_state(checklist) is PromotionState.APPROVED
    assert blocking(checklist) is None


def test_a_fallback_is_no_upgrade() -> None:
    checklist = check(is_fallback=True, stay=None, upgrade=Upgrade("2.3.0", "2.2.16"))
    assert "upgrade" not in {guard.name for guard in checklist}
