"""The guards of a policy as checks of one tag, made once per look and only those that the policy has. PURE.

A check says why a tag may not be taken, or nothing. What is followed now has passed them: of it only what a person or its
publisher has said since (gone, withheld, quarantined) is asked again, which is why each check here is either for all or for newcomers.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

from control_plane.domain.versions.patterns import compile_pattern
from control_plane.domain.versions.platforms import InvalidPlatform, is_offered
from control_plane.domain.versions.policy import Context, Guards, Policy, Quarantine, Reading, Tag


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why a tag is not taken. ``until``: when that may change by itself. ``waits``: nothing speaks against it but time or what is
    not known of it yet.
    """

    reason: str
    until: datetime | None = None
    waits: bool = False


Check = Callable[[Tag, Reading], Refusal | None]

NEW_MAJOR = Refusal("a new major: a person has to take it (tidegate release add …)")
PLATFORMS_UNKNOWN = Refusal("its platforms are not known yet", waits=True)
AGE_UNKNOWN = Refusal("waits: when it was first seen is not known yet", waits=True)
GONE = Refusal("not listed any more")


def checks_for_all(context: Context) -> list[Check]:
    """Return the checks that also what is followed now has to pass."""
    checks: list[Check] = [_check_publisher]
    current = [one for one in context.quarantines if one.until is None or one.until > context.now]
    return [*checks, *map(_quarantine_check, current)]


def checks_for_newcomers(policy: Policy, context: Context, current: Reading | None) -> list[Check]:
    """Return the checks of tags that are not followed now. ``current`` is how the dialect reads what is; None where nothing is."""
    guards = policy.guards
    checks = [_prerelease_check(guards)] if guards.prereleases != "allowed" else []
    if current is not None and current.key is not None:
        checks += _checks_against(current, policy, context.current)
    if guards.platforms:
        checks.append(_platform_check(guards.platforms))
    if guards.minimum_age_seconds > 0:
        checks.append(_age_check(timedelta(seconds=guards.minimum_age_seconds), context.now))
    return checks


def _check_publisher(tag: Tag, _: Reading) -> Refusal | None:
    if tag.gone:
        return GONE
    return Refusal(f"withheld by its publisher: {tag.withheld}") if tag.withheld else None


def _quarantine_check(quarantine: Quarantine) -> Check:
    end = f"until {moment(quarantine.until)}" if quarantine.until else "until it is lifted"
    words = f"quarantined by {quarantine.author} {end}: {quarantine.reason} ({quarantine.pattern})"
    refusal, matches = Refusal(words, quarantine.until), compile_pattern(quarantine.pattern).matches
    return lambda tag, _: refusal if matches(tag.name) else None


def _prerelease_check(guards: Guards) -> Check:
    never = Refusal("a pre-release, and the policy takes none")
    marked = Refusal("its publisher marks it as a pre-release, and the policy does not ask for them")
    if guards.prereleases == "never":
        return lambda tag, reading: never if reading.prerelease or tag.prerelease else None
    return lambda tag, reading: marked if tag.prerelease and not reading.prerelease else None


def _checks_against(current: Reading, policy: Policy, name: str) -> list[Check]:
    """Return the checks that compare with what is followed now."""
    checks = [_variant_check(current.family)] if policy.guards.variant else []
    checks.append(_downgrade_check(current, policy, name))
    if policy.guards.majors == "ask" and current.major is not None:
        checks.append(_major_check(current.major))
    return checks


def _variant_check(family: str) -> Check:
    kept = f"the variant {family!r}" if family else "the plain variant"

    def check(_: Tag, reading: Reading) -> Refusal | None:
        if reading.family == family:
            return None
        return Refusal(f"{_variant_words(reading.family)}, and {kept} is followed")

    return check


@lru_cache(1_024)
def _variant_words(family: str) -> str:
    return f"another variant: {family!r}" if family else "the plain variant"


def _downgrade_check(current: Reading, policy: Policy, name: str) -> Check:
    key, older = current.key, Refusal(f"older than {name}, which is followed now: never a downgrade")
    if policy.order == "descending":
        after = Refusal(f"comes after {name}, which is followed now: never a downgrade")
        return lambda _, reading: after if reading.key is not None and key is not None and reading.key > key else None
    return lambda _, reading: older if reading.key is not None and key is not None and reading.key < key else None


def _major_check(major: int) -> Check:
    return lambda _, reading: NEW_MAJOR if reading.major is not None and reading.major > major else None


def _platform_check(wanted: tuple[str, ...]) -> Check:
    def check(tag: Tag, _: Reading) -> Refusal | None:
        return PLATFORMS_UNKNOWN if tag.platforms is None else _missing(wanted, tag.platforms)

    return check


@lru_cache(4_096)
def _missing(wanted: tuple[str, ...], offers: tuple[str, ...]) -> Refusal | None:
    try:
        missing = [one for one in wanted if not is_offered(one, offers)]
    except InvalidPlatform as error:
        return Refusal(str(error))
    if not missing:
        return None
    return Refusal(f"not there for {', '.join(missing)}: only for {', '.join(offers) or 'no platform'}")


def _age_check(least: timedelta, now: datetime) -> Check:
    words = _length(least)

    def check(tag: Tag, _: Reading) -> Refusal | None:
        if tag.first_seen_at is None:
            return AGE_UNKNOWN
        until = tag.first_seen_at + least
        if until <= now:
            return None
        seen = moment(tag.first_seen_at)
        return Refusal(
            f"waits until {moment(until)}: first seen {seen}, wanted at least {words} old", until, waits=True
        )

    return check


@lru_cache(4_096)
def moment(at: datetime) -> str:
    """Return a moment for people: ``2026-11-24 06:20 UTC``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _length(length: timedelta) -> str:
    """Return a length of time for people, in its largest whole unit: ``3 days``."""
    seconds = length.total_seconds()
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"{seconds:g} seconds"
