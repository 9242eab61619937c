"""A policy in one line, for people: the rule first, then what it asks besides. PURE."""

from collections.abc import Iterator

from control_plane.domain.versions.policy import Policy

FOLLOWS_CHART = "the same tag as the chart"
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def policy_words(policy: Policy | None) -> str:
    """Return the policy in words; None is an image that has its chart's tag."""
    if policy is None:
        return FOLLOWS_CHART
    return "; ".join((_rule(policy), *_filters(policy), *_guards(policy)))


def _rule(policy: Policy) -> str:
    """Helm ranges are what most people write: they need no dialect in front."""
    rule = "any version" if policy.rule == "*" else policy.rule
    return rule if policy.dialect == "helm" else f"{policy.dialect} {rule}"


def _filters(policy: Policy) -> Iterator[str]:
    wanted = policy.filter
    if wanted.include:
        yield f"only {' or '.join(wanted.include)}"
    if wanted.exclude:
        yield f"not {' or '.join(wanted.exclude)}"
    if wanted.extract:
        yield f"compares {wanted.to} of {wanted.extract}"
    if policy.order == "descending":
        yield "the lowest first"


def _guards(policy: Policy) -> Iterator[str]:
    guards = policy.guards
    if guards.minimum_age_seconds:
        yield f"seen at least {_length(guards.minimum_age_seconds)} ago"
    if guards.platforms:
        yield f"for {' and '.join(guards.platforms)}"
    if guards.prereleases != "as-the-rule-says":
        yield "no pre-releases" if guards.prereleases == "never" else "pre-releases too"
    if not guards.variant:
        yield "of any variant"
    if guards.majors == "ask":
        yield "a person takes new majors"
    if guards.behind:
        yield f"{guards.behind} behind the newest"
    if policy.digest:
        yield "followed by digest"
    if guards.notify_only:
        yield "only notify"


def _length(seconds: float) -> str:
    size, unit = next((pair for pair in _UNITS if seconds >= pair[0] and seconds % pair[0] == 0), (1, "second"))
    count = seconds / size
    return f"{count:g} {unit}{'' if count == 1 else 's'}"
