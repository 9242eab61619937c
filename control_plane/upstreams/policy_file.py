"""Policies as people write them: a text (a Helm range), or a mapping that says everything. The reader checks the rule by its dialect."""

import re
from dataclasses import dataclass
from typing import Any, get_args

import msgspec

from control_plane.domain.versions.patterns import MAX_LENGTH, compile_pattern
from control_plane.domain.versions.platforms import InvalidPlatform, parse_platform
from control_plane.domain.versions.policy import (
    Dialect,
    Majors,
    Order,
    Policy,
    Prereleases,
    TakesPrereleases,
)
from control_plane.domain.versions.ranges import InvalidRange
from control_plane.domain.versions.readings import compile_policy
from control_plane.upstreams.fields import Check, Duration, Field, Flag, ListOf, Record, Text, Whole
from control_plane.upstreams.yaml_source import Value

# What a rule looks like in each dialect: for whoever wrote another one.
EXAMPLES: dict[Dialect, str] = {
    "helm": ">=2.2.8 <3",
    "keel": "minor",
    "flux-semver": ">=1.0.0 <2.0.0",
    "flux-alphabetical": "*",
    "flux-numerical": "*",
    "flux1": "semver:~1.4",
    "argocd-semver": "~1.4",
    "argocd-newest-build": "*",
    "argocd-alphabetical": "*",
    "argocd-digest": "latest",
    "frontier": "1",
    "pep440": ">=3.11,<4",
    "calendar": "YYYY.0M.MICRO",
    "docker": "*",
}
_MOST_BEHIND = 100


def pattern_problem(text: str) -> tuple[str, str] | None:
    """Return what is wrong with a pattern, and what would be right."""
    try:
        compile_pattern(text)
    except InvalidRange as error:
        return str(error), r"for example 'glob:3.*', 'regexp:^v[0-9]+$' or the very tag"
    return None


def _extract_problem(text: str) -> tuple[str, str] | None:
    return pattern_problem(_expression(text))


def _expression(text: str) -> str:
    """An extraction without a kind is a regular expression: the very tag would extract nothing."""
    return text if text.startswith(("regexp:", "regex:", "glob:")) else f"regexp:{text}"


def _template_problem(text: str) -> tuple[str, str] | None:
    return ("is too long", f"at most {MAX_LENGTH} characters, for example '$1'") if len(text) > MAX_LENGTH else None


def _platform_problem(text: str) -> tuple[str, str] | None:
    try:
        parse_platform(text)
    except InvalidPlatform as error:
        return str(error), "for example 'linux/arm64'"
    return None


@dataclass(frozen=True, slots=True)
class _Behind:
    """How many versions to stay behind the newest: a number, or ``latest-2``."""

    def read(self, value: Value, path: str, check: Check) -> int | None:
        """See ``Kind``."""
        text = value.content
        if isinstance(text, str) and (match := re.fullmatch(r"latest-([0-9]{1,3})", text)):
            value = Value(int(match[1]), value.line, value.column, value.written)
        return Whole(0, _MOST_BEHIND).read(value, path, check)

    def schema(self) -> dict[str, Any]:
        """See ``Kind``."""
        return {"anyOf": [Whole(0, _MOST_BEHIND).schema(), {"type": "string", "pattern": r"^latest-[0-9]{1,3}$"}]}


_PATTERNS = ListOf(Text(refuse=pattern_problem, examples=("glob:3.*",)))
POLICY = Record(
    {
        "dialect": Field(Text(choices=get_args(Dialect)), "How tags are read and compared.", default="`helm`"),
        "rule": Field(Text(), "What is wanted, in the dialect's own words.", default="`*`"),
        "order": Field(Text(choices=get_args(Order)), "Which end of the order is newest.", default="`ascending`"),
        "include": Field(_PATTERNS, "Only tags that match one of these.", default="all"),
        "exclude": Field(_PATTERNS, "No tags that match one of these.", default="none"),
        "extract": Field(
            Record(
                {
                    "pattern": Field(
                        Text(refuse=_extract_problem, examples=("^main-(?P<build>[0-9]+)$",)),
                        "Expression (RE2) that finds the text to compare; tags that it does not match are left out.",
                        required=True,
                    ),
                    "to": Field(
                        Text(refuse=_template_problem, examples=("$build",)),
                        "The text to compare: `$1`, `$name`.",
                        default="`$0`",
                    ),
                }
            ),
            "What part of a tag is compared.",
        ),
        "prereleases": Field(
            Text(choices=get_args(Prereleases)), "Whether pre-releases are taken.", default="`as-the-rule-says`"
        ),
        "variant": Field(Flag(), "Whether 3.2.1-alpine is followed by -alpine only.", default="`true`"),
        "platforms": Field(
            ListOf(Text(refuse=_platform_problem, examples=("linux/arm64",)), most=20),
            "Platforms that a tag must be there for.",
        ),
        "minimumAge": Field(Duration(), "How long ago we must have seen a digest first.", default="`0s`"),
        "majors": Field(Text(choices=get_args(Majors)), "`ask`: a person takes new majors.", default="`follow`"),
        "behind": Field(_Behind(), "How many versions to stay behind the newest: `2` or `latest-2`.", default="`0`"),
        "notifyOnly": Field(Flag(), "Say what would be taken, take nothing.", default="`false`"),
        "followDigest": Field(
            Flag(), "The tag is mutable: another digest of it is another release.", default="`false`"
        ),
    }
)


@dataclass(frozen=True, slots=True)
class TextOrPolicy:
    """A text as ``text`` checks it, or a whole policy."""

    text: Text

    def read(self, value: Value, path: str, check: Check) -> str | Policy | None:
        """See ``Kind``."""
        return (
            read_policy(value, path, check) if isinstance(value.content, dict) else self.text.read(value, path, check)
        )

    def schema(self) -> dict[str, Any]:
        """See ``Kind``."""
        return {"anyOf": [self.text.schema(), POLICY.schema()]}


def read_policy(value: Value, path: str, check: Check) -> Policy | None:
    """Return the policy that a mapping says, or None after noting what is wrong with it."""
    before = len(check.mistakes)
    read = POLICY.read(value, path, check)
    if read is None or len(check.mistakes) > before:
        return None
    policy = policy_of_fields(read)
    try:
        rule = compile_policy(policy)
    except InvalidRange as error:
        problem = f"{policy.rule!r} is no rule of the dialect {policy.dialect}: {error}"
        check.wrong(
            value.content.get("rule", value), f"{path}.rule", problem, f"for example {EXAMPLES[policy.dialect]!r}"
        )
        return None
    if policy.guards.prereleases == "allowed" and not isinstance(rule, TakesPrereleases):
        problem = f"in the dialect {policy.dialect} the rule itself says which pre-releases are taken"
        check.wrong(value.content["prereleases"], f"{path}.prereleases", problem, "write 'as-the-rule-says' or 'never'")
    return policy


def policy_of_fields(read: dict[str, Any]) -> Policy:
    """Return the policy of fields as ``POLICY`` reads them; what is left out gets the type's default."""
    extract = dict(read.get("extract", {}))
    filters = _given(read, include="include", exclude="exclude") | _given(extract, to="to")
    if extract:
        filters["extract"] = _expression(extract["pattern"])
    same = {name: name for name in ("prereleases", "variant", "platforms", "majors", "behind")}
    guards = _given(read, **same, minimumAge="minimum_age_seconds", notifyOnly="notify_only")
    plain = _given(read, dialect="dialect", rule="rule", order="order", followDigest="digest")
    return msgspec.convert({**plain, "filter": filters, "guards": guards}, Policy)


def _given(read: dict[str, Any], **names: str) -> dict[str, Any]:
    """Return those of the fields that are there, by the type's names."""
    return {name: read[field] for field, name in names.items() if field in read}
