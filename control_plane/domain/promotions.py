"""Promotion: may this release enter this channel?

The guards are asked twice: to tell people what a promotion waits for, and again inside the publishing transaction.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from control_plane.domain.applications import ChannelRule
from control_plane.domain.approvals import Grant, counting, missing
from control_plane.domain.lifecycle import Lifecycle, Move
from control_plane.domain.releases import ReleaseState
from control_plane.domain.upgrades import Upgrade
from control_plane.domain.versions.semver import is_older


class PromotionState(StrEnum):
    """Way of one release into one channel."""

    PROPOSED = "proposed"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    RECALLED = "recalled"
    LEFT = "left"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


_S = PromotionState

PROMOTION = Lifecycle(
    "promotion",
    _S.PROPOSED,
    [
        Move(_S.PROPOSED, _S.AWAITING_APPROVAL, "it has soaked: people are asked"),
        Move(_S.PROPOSED, _S.APPROVED, "it has soaked and needs nobody's approval"),
        Move(_S.AWAITING_APPROVAL, _S.APPROVED, "enough approvals for this very digest"),
        Move(
            _S.APPROVED,
            _S.AWAITING_APPROVAL,
            "an approval was revoked, or its channel asks for more, before it was published",
        ),
        Move(_S.APPROVED, _S.PUBLISHED, "every guard held in the publishing transaction"),
        Move(_S.PUBLISHED, _S.SUPERSEDED, "another release of the application was published in the channel"),
        Move(_S.PUBLISHED, _S.RECALLED, "a person recalls it; the fallback is published at a higher generation"),
        Move(_S.PUBLISHED, _S.LEFT, "its application leaves the channel; the next generation does not name it"),
        *(Move(state, _S.REJECTED, "a person says no") for state in (_S.PROPOSED, _S.AWAITING_APPROVAL, _S.APPROVED)),
        *(
            Move(
                state,
                _S.CANCELLED,
                "a newer release took its place, it is no longer fit, or its channel is not named any more",
            )
            for state in (_S.PROPOSED, _S.AWAITING_APPROVAL, _S.APPROVED)
        ),
    ],
)

OPEN_STATES = (_S.PROPOSED, _S.AWAITING_APPROVAL, _S.APPROVED)
TURNED_AWAY = (_S.RECALLED, _S.REJECTED)


class GuardState(StrEnum):
    """What a guard says now. ``waiting`` may become ``done`` by time or by people; ``refused`` will not by itself.

    ``unproved`` holds nothing back: people should know it before they decide.
    """

    DONE = "done"
    WAITING = "waiting"
    UNPROVED = "unproved"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Guard:
    """One line of a promotion's checklist, in ``words``; ``next_at`` is when it changes by itself, if that is known."""

    name: str
    state: GuardState
    words: str
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stay:
    """A release's time in the channel that it comes from: ``until`` is None while it is the published one there."""

    since: datetime
    until: datetime | None = None
    is_recalled: bool = False


@dataclass(frozen=True, slots=True)
class PromotionFacts:
    """All that decides whether a release may enter a channel.

    ``digest`` is what the promotion was proposed with, ``release_digest`` what the release has now. ``stay`` is None when
    the release never was in ``rule.after``. ``published_version`` is what the channel has now. ``expected_generation``
    is what the decision was based on, None where it does not matter. ``is_fallback``: a recall goes back on purpose.
    ``is_declared``: the application's file names the channel. ``upgrade`` is None where the channel has nothing to upgrade from.
    """

    version: str
    release_state: ReleaseState
    release_digest: str | None
    digest: str
    rule: ChannelRule
    grants: tuple[Grant, ...] = ()
    stay: Stay | None = None
    published_version: str | None = None
    generation: int = 0
    expected_generation: int | None = None
    is_fallback: bool = False
    is_declared: bool = True
    upgrade: Upgrade | None = None


def guards(facts: PromotionFacts, now: datetime) -> tuple[Guard, ...]:
    """Return the whole checklist, in the order in which people read it."""
    return (
        *_undeclared(facts),
        _still_verified(facts),
        *_rehearsed(facts),
        _soaked(facts, now),
        _approved(facts),
        _no_downgrade(facts),
        _generation_unchanged(facts),
    )


def next_state(checklist: tuple[Guard, ...]) -> PromotionState:
    """Return where an open promotion belongs: cancelled, proposed, awaiting approval or approved."""
    states = {guard.name: guard.state for guard in checklist}
    if GuardState.REFUSED in states.values():
        return PromotionState.CANCELLED
    if states["soaked"] is GuardState.WAITING:
        return PromotionState.PROPOSED
    if states["approved"] is GuardState.WAITING:
        return PromotionState.AWAITING_APPROVAL
    return PromotionState.APPROVED


def blocking(checklist: tuple[Guard, ...]) -> Guard | None:
    """Return the guard that people should hear of first: a refusal before a wait; None when all are done."""
    for state in (GuardState.REFUSED, GuardState.WAITING):
        for guard in checklist:
            if guard.state is state:
                return guard
    return None


def _undeclared(facts: PromotionFacts) -> tuple[Guard, ...]:
    words = "the application's file does not name the channel any more"
    return () if facts.is_declared else (Guard("declared", GuardState.REFUSED, words),)


def _still_verified(facts: PromotionFacts) -> Guard:
    if facts.release_state is not ReleaseState.VERIFIED:
        return Guard("verified", GuardState.REFUSED, f"the release is {facts.release_state}, not verified")
    if facts.release_digest != facts.digest:
        return Guard("verified", GuardState.REFUSED, "the release's digest is not the one that was proposed")
    return Guard("verified", GuardState.DONE, "its rehearsal passed")


def _rehearsed(facts: PromotionFacts) -> tuple[Guard, ...]:
    if facts.upgrade is None or facts.is_fallback:
        return ()
    state = GuardState.DONE if facts.upgrade.is_rehearsed else GuardState.UNPROVED
    return (Guard("upgrade", state, facts.upgrade.words),)


def _soaked(facts: PromotionFacts, now: datetime) -> Guard:
    rule = facts.rule
    if rule.after is None or facts.is_fallback:
        return Guard("soaked", GuardState.DONE, "needs no soak")
    if facts.stay is None:
        return Guard("soaked", GuardState.REFUSED, f"it was never published in {rule.after}")
    if facts.stay.is_recalled:
        return Guard("soaked", GuardState.REFUSED, f"it was recalled from {rule.after}")
    ripe_at = facts.stay.since + timedelta(seconds=rule.soak_seconds)
    if facts.stay.until is not None and facts.stay.until < ripe_at:
        return Guard(
            "soaked", GuardState.REFUSED, f"a newer release took its place in {rule.after} before it had soaked"
        )
    if now < ripe_at:
        return Guard(
            "soaked", GuardState.WAITING, f"soaks in {rule.after} until {ripe_at:%Y-%m-%d %H:%M:%S} UTC", ripe_at
        )
    return Guard("soaked", GuardState.DONE, f"soaked in {rule.after} for {describe_seconds(rule.soak_seconds)}")


def _approved(facts: PromotionFacts) -> Guard:
    needed = facts.rule.approvals
    if needed == 0:
        return Guard("approved", GuardState.DONE, "needs nobody's approval")
    people = ", ".join(grant.actor for grant in counting(facts.grants, facts.digest))
    left = missing(facts.grants, facts.digest, needed)
    if left:
        already = f"; approved by {people}" if people else ""
        return Guard("approved", GuardState.WAITING, f"needs {left} of {needed} approvals{already}")
    return Guard("approved", GuardState.DONE, f"approved by {people}")


def _no_downgrade(facts: PromotionFacts) -> Guard:
    name, current = "newer", facts.published_version
    if current is None or facts.is_fallback:
        return Guard(name, GuardState.DONE, "nothing newer is published in the channel")
    if is_older(facts.version, current) or facts.version == current:
        return Guard(
            name, GuardState.REFUSED, f"the channel has {current} already: a channel never goes back by itself"
        )
    return Guard(name, GuardState.DONE, f"newer than {current}, which the channel has")


def _generation_unchanged(facts: PromotionFacts) -> Guard:
    if facts.expected_generation in (None, facts.generation):
        return Guard("generation", GuardState.DONE, f"the channel is at generation {facts.generation}")
    words = f"the channel went from generation {facts.expected_generation} to {facts.generation} meanwhile: look again"
    return Guard("generation", GuardState.REFUSED, words)


def describe_seconds(seconds: float) -> str:
    """Return a length of time for people: ``45 s``, ``10 min``, ``24 h``."""
    if seconds < 60:
        return f"{seconds:g} s"
    return f"{seconds / 60:.3g} min" if seconds < 3600 else f"{seconds / 3600:.3g} h"
