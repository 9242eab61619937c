"""How a policy reads tags: its dialect's rule, compiled, over the text that its filter extracts. PURE.

What was read is remembered, because most tags of a look were there at the look before.
"""

from collections.abc import Callable
from functools import lru_cache, partial

from control_plane.domain.versions.dialects import DIALECTS
from control_plane.domain.versions.patterns import MAX_LENGTH, compile_pattern
from control_plane.domain.versions.policy import Dialect, Filter, Policy, Reading, Rule, Tag, TakesPrereleases
from control_plane.domain.versions.ranges import InvalidRange

POLICIES, REMEMBERED = 16, 32_768  # whose readings are remembered, and how many of each
BY_TIME = frozenset({"argocd-newest-build", "flux1"})  # flux1: all but semver


def compile_policy(policy: Policy, current: str = "") -> Rule:
    """Return the rule of a policy where ``current`` (a tag) is followed. Raises ``InvalidRange``: rule or patterns cannot be read."""
    return _compiled(*_written(policy, current))


def reader(policy: Policy, current: str) -> Callable[[str, Tag], Reading]:
    """Return what reads a tag, from memory where its text says all. Raises ``InvalidRange``."""
    made = _compiled if is_by_time(policy) else _remembering
    return made(*_written(policy, current)).read


def extractor(wanted: Filter) -> Callable[[str], str | None] | None:
    """Return what gives the text that the dialect reads (None: there is none); None where that is the whole tag.

    Raises ``InvalidRange``.
    """
    if not wanted.extract:
        return None
    if len(wanted.to) > MAX_LENGTH:
        raise InvalidRange(f"the text to compare, {wanted.to[:40]!r}…, has at most {MAX_LENGTH} characters")
    return partial(compile_pattern(wanted.extract).expand, template=wanted.to)


def is_by_time(policy: Policy) -> bool:
    """Say whether a policy orders tags by when they were made, which their texts do not say."""
    return policy.dialect in BY_TIME and not policy.rule.startswith("semver:")


def _written(policy: Policy, current: str) -> tuple[Dialect, str, str, bool]:
    """Return all that a rule is made of."""
    extract = extractor(policy.filter)
    text = extract(current) if extract is not None and current else current
    return policy.dialect, policy.rule, text or "", policy.guards.prereleases == "allowed"


@lru_cache(256)
def _compiled(dialect: Dialect, rule: str, current: str, prereleases: bool) -> Rule:
    compiled = DIALECTS[dialect](rule, current=current)
    return compiled.with_prereleases() if prereleases and isinstance(compiled, TakesPrereleases) else compiled


class _Remembering:
    """A rule that remembers what it made of a text."""

    def __init__(self, rule: Rule) -> None:
        self._rule, self._known = rule, dict[str, Reading]()

    def read(self, text: str, tag: Tag) -> Reading:
        """See ``Rule``."""
        reading = self._known.get(text)
        if reading is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            reading = self._known[text] = self._rule.read(text, tag)
        return reading


@lru_cache(POLICIES)
def _remembering(dialect: Dialect, rule: str, current: str, prereleases: bool) -> Rule:
    return _Remembering(_compiled(dialect, rule, current, prereleases))
