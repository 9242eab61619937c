"""What holds of choosing by any policy in any dialect, whatever is listed."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from control_plane.domain.versions import helm, semver
from control_plane.domain.versions.dialects import DIALECTS, argocd, calendar, docker, flux, flux1, frontier, keel
from control_plane.domain.versions.patterns import compile_pattern
from control_plane.domain.versions.platforms import is_offered
from control_plane.domain.versions.policy import Context, Dialect, Filter, Guards, Policy, Quarantine, Tag
from control_plane.domain.versions.ranges import InvalidRange, parse_range
from control_plane.domain.versions.readings import compile_policy
from control_plane.domain.versions.selection import choose, explain, lacking, next_change, next_of, wanted

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
RULES = (
    ("helm", "*"), ("helm", ">=1.2 <3 || ^4"), ("helm", ">=1-0"),
    ("keel", "all"), ("keel", "major"), ("keel", "minor"), ("keel", "patch"), ("keel", "force"), ("keel", "glob:1*"),
    ("keel", "regexp:^v?(?P<compare>[0-9.]*)"), ("frontier", "0"), ("frontier", "1"), ("frontier", "2"),
    ("flux-semver", "*"), ("flux-semver", ">=1.2.0-0 <4"), ("flux-alphabetical", "*"), ("flux-numerical", "*"),
    ("flux1", "semver:*"), ("flux1", "glob:1*"), ("flux1", "regexp:[0-9]"), ("argocd-semver", "~1"), ("argocd-semver", ""),
    ("argocd-newest-build", "any"), ("argocd-newest-build", "regexp:^[0-9]"), ("argocd-alphabetical", "any"),
    ("argocd-alphabetical", "regexp:^[0-9]"), ("argocd-digest", "1.2"), ("argocd-digest", "latest"),
    ("pep440", ">=1,<4"), ("pep440", "~=1.2"), ("pep440", ">=1.0b1,!=1.2.*"), ("calendar", "YYYY.0M"),
    ("calendar", "YYYY0M0D"), ("calendar", "YYYY.0M-MODIFIER >=2026.01"), ("docker", "*"), ("docker", ">=1.2"),
)  # fmt: skip
NAMES = (
    "1", "1.2", "1.2.0", "v1.2.0", "1.2.1", "1.10.0", "2.0.0-rc.1", "2.0.0", "3.1.4-alpine", "3.1.5", "3.1.5-alpine", "4.0.0", "20260101",
    "2026.01", "2026.02", "2026.02-rc1", "2026.02-alpine", "latest", "1.2.0_b.1", "1.2.0+b.2", "sha-0a1b2c3", "00012", "1.0b1", "1.0.post1",
)  # fmt: skip
names = (
    st.sampled_from(NAMES) | st.from_regex(r"\Av?[0-4]\.[0-3](\.[0-3])?(-(rc\.[0-2]|alpine))?\Z") | st.text(max_size=6)
)
moments = st.none() | st.integers(0, 72).map(lambda hours: NOW - timedelta(hours=hours))
tags = st.lists(
    st.builds(
        Tag,
        name=names,
        digest=st.sampled_from(["", "sha256:a", "sha256:b"]),
        first_seen_at=moments,
        created_at=moments,
        platforms=st.sampled_from([None, (), ("linux/amd64",), ("linux/amd64", "linux/arm64/v8")]),
        prerelease=st.sampled_from([None, False, True]),
        gone=st.sampled_from([False, False, False, True]),
        withheld=st.sampled_from(["", "", "", "yanked"]),
    ),
    max_size=14,
    unique_by=lambda tag: tag.name,
)
guards = st.builds(
    Guards,
    prereleases=st.sampled_from(["as-the-rule-says", "never", "allowed"]),
    variant=st.booleans(),
    platforms=st.sampled_from([(), ("linux/arm64",)]),
    minimum_age_seconds=st.sampled_from([0.0, 86_400.0]),
    majors=st.sampled_from(["follow", "ask"]),
    behind=st.sampled_from([0, 0, 1, 2]),
    notify_only=st.sampled_from([False, False, True]),
)
filters = st.sampled_from(
    [
        Filter(),
        Filter(include=("glob:*1*",)),
        Filter(exclude=("glob:*alpine", "4.0.0")),
        Filter(extract=r"regexp:^v?(.*)$", to="$1"),
    ]
)
policies = st.builds(
    lambda rule, **more: Policy(dialect=rule[0], rule=rule[1], **more),
    st.sampled_from(RULES),
    order=st.sampled_from(["ascending", "ascending", "descending"]),
    filter=filters,
    guards=guards,
    digest=st.booleans(),
)
quarantines = st.lists(
    st.builds(
        Quarantine,
        pattern=st.sampled_from(["glob:3.*", "1.2.1", "regexp:rc"]),
        reason=st.just("bad"),
        author=st.just("anna"),
        until=st.sampled_from([None, NOW, NOW + timedelta(days=1)]),
    ),
    max_size=2,
).map(tuple)
contexts = st.builds(
    Context,
    now=st.just(NOW),
    current=st.just("") | names,
    current_digest=st.sampled_from(["", "sha256:a"]),
    quarantines=quarantines,
)


def test_every_dialect_is_drawn() -> None:
    assert DIALECTS.keys() == {dialect for dialect, _ in RULES} == PEERS.keys()


@given(policies, tags, contexts, st.randoms(use_true_random=False))
def test_neither_choosing_nor_explaining_depends_on_the_lists_order(policy, listed, context, dice) -> None:
    shuffled = dice.sample(listed, len(listed))
    assert explain(policy, shuffled, context) == explain(policy, listed, context)
    assert choose(policy, shuffled, context) == choose(policy, listed, context)
    assert lacking(policy, shuffled, context, 3) == lacking(policy, listed, context, 3)


@given(policies, tags, contexts)
def test_explaining_agrees_with_choosing_and_gives_each_tag_one_reason(policy, listed, context) -> None:
    choice, verdicts = choose(policy, listed, context), explain(policy, listed, context)
    assert sorted(verdict.tag for verdict in verdicts) == sorted(tag.name for tag in listed)
    assert all(verdict.reason for verdict in verdicts)
    found = [(verdict.tag, verdict.reason, verdict.wanted) for verdict in verdicts if verdict.chosen]
    assert found == ([(choice.tag, choice.reason, True)] if choice else [])
    assert next_of(verdicts) == next_change(policy, listed, context)
    offered = [one.tag for one in wanted(policy, listed, context, 50)]
    if policy.guards.notify_only:
        assert offered == ([choice.tag] if choice else [])
    else:
        assert offered == [verdict.tag for verdict in verdicts if verdict.wanted]


@given(policies, tags, contexts)
def test_the_order_is_total_and_stable(policy, listed, context) -> None:
    order = [verdict.tag for verdict in explain(policy, listed, context)]
    assert len(set(order)) == len(order)
    again = sorted(listed, key=lambda tag: order.index(tag.name))
    assert [verdict.tag for verdict in explain(policy, again, context)] == order


@given(policies, tags, contexts, st.sets(st.integers(0, 13)))
def test_the_order_of_two_tags_does_not_depend_on_the_others(policy, listed, context, places) -> None:
    some = [tag for place, tag in enumerate(listed) if place in places]
    names = {tag.name for tag in some}
    order = [verdict.tag for verdict in explain(policy, listed, context) if verdict.tag in names]
    assert [verdict.tag for verdict in explain(policy, some, context)] == order


@given(policies, tags, contexts)
def test_what_is_chosen_is_what_the_dialects_own_tool_would_let_through(policy, listed, context) -> None:
    choice = choose(policy, listed, context)
    if choice is None or choice.tag == context.current:
        return
    text, current = (_extracted(policy, name) if name else "" for name in (choice.tag, context.current))
    assert text is not None
    followed = compile_policy(policy, context.current).read(current or "", Tag(name=context.current))
    if (
        followed.key is None or policy.order == "descending"
    ):  # which no other tool has: what it says before the first version
        current = ""
    early = policy.guards.prereleases == "allowed"
    assert PEERS[policy.dialect](policy.rule, current or "", text, early), (policy.rule, context.current, text)


def _extracted(policy: Policy, name: str) -> str | None:
    wanted = policy.filter
    return compile_pattern(wanted.extract).expand(name, wanted.to) if wanted.extract else name


def _in_range(rule: str, text: str, early: bool) -> bool:
    return parse_range(rule or "*").contains(semver.parse(text), include_prereleases=early)


def _by_keel(rule: str, current: str, text: str, early: bool) -> bool:
    """Keel has nothing to do where the same version is only written otherwise, and asks nothing of the first."""
    policy = keel.parse_policy(rule, match_prerelease=not early)
    if not current:
        return "." in text or not isinstance(policy, keel.Semver)
    with suppress(semver.InvalidVersion):
        if semver.parse(current) == semver.parse(text):
            return True
    return policy.should_update(current, text)


def _by_frontier(rule: str, current: str, text: str, _: bool) -> bool:
    try:
        followed = frontier.read_numbers(current)
    except InvalidRange:
        return bool(frontier.read_numbers(text))
    numbers = frontier.read_numbers(text)
    return numbers == followed or frontier.decide(followed, numbers, int(rule)) == "update"


def _by_packaging(rule: str, _: str, text: str, early: bool) -> bool:
    return SpecifierSet(rule).contains(text, prereleases=True if early else None)


def _by_calendar(rule: str, _current: str, text: str, _: bool) -> bool:
    return calendar.parse_format(rule.split()[0]).numbers(text) is not None


def _by_docker(_rule: str, current: str, text: str, _: bool) -> bool:
    found, followed = docker.read_version(text)[0], docker.read_version(current)[0]
    return bool(found) and (not followed or len(found) == len(followed))


PEERS: dict[Dialect, Callable[[str, str, str, bool], bool]] = {
    "helm": lambda rule, _, text, early: _in_range(rule, helm.version_of_tag(text), early),
    "keel": _by_keel,
    "flux-semver": lambda rule, _, text, early: _in_range(rule, text, early),
    "flux-alphabetical": lambda *_: True,
    "flux-numerical": lambda _rule, _, text, _early: flux.read_number(text) is not None,
    "flux1": lambda rule, _, text, early: flux1.parse_pattern(rule).matches(text) or (early and rule[:6] == "semver"),
    "argocd-semver": lambda rule, _, text, early: _in_range(rule, text, early),
    "argocd-newest-build": lambda rule, _, text, _early: argocd.allowed(rule).matches(text),
    "argocd-alphabetical": lambda rule, _, text, _early: argocd.allowed(rule).matches(text),
    "argocd-digest": lambda rule, _, text, _early: text == rule,
    "frontier": _by_frontier,
    "pep440": _by_packaging,
    "calendar": _by_calendar,
    "docker": _by_docker,
}


@given(policies, tags, contexts)
def test_what_is_chosen_passes_rule_filter_and_every_guard(policy, listed, context) -> None:
    choice = choose(policy, listed, context)
    if choice is None:
        return
    tag = next(one for one in listed if one.name == choice.tag)
    assert not tag.gone
    assert not tag.withheld
    assert not any(compile_pattern(one).matches(tag.name) for one in policy.filter.exclude)
    assert all(compile_pattern(one).matches(tag.name) for one in policy.filter.include)
    active = [one for one in context.quarantines if one.until is None or one.until > NOW]
    assert not any(compile_pattern(one.pattern).matches(tag.name) for one in active)
    text = _extracted(policy, tag.name)
    assert text is not None
    assert not compile_policy(policy, context.current).read(text, tag).refusal
    if tag.name == context.current:
        return  # it passed the guards of newcomers when it came
    assert not policy.guards.notify_only
    assert policy.guards.prereleases != "never" or not tag.prerelease
    assert all(tag.platforms is not None and is_offered(one, tag.platforms) for one in policy.guards.platforms)
    if policy.guards.minimum_age_seconds:
        assert tag.first_seen_at is not None
        assert NOW - tag.first_seen_at >= timedelta(seconds=policy.guards.minimum_age_seconds)


@given(policies, tags, contexts)
def test_never_a_downgrade(policy, listed, context) -> None:
    choice = choose(policy, listed, context)
    extracts = bool(policy.filter.extract)
    if choice is None or not context.current or extracts:
        return
    rule = DIALECTS[policy.dialect](policy.rule, current=context.current)
    known = {tag.name: tag for tag in listed}
    before = rule.read(context.current, known.get(context.current, Tag(name=context.current))).key
    after = rule.read(choice.tag, known[choice.tag]).key
    if before is not None:
        assert after <= before if policy.order == "descending" else after >= before


@given(policies, tags, contexts)
def test_adding_an_excluded_tag_changes_nothing(policy, listed, context) -> None:
    out = msgspec.structs.replace(policy.filter, exclude=(*policy.filter.exclude, "9.9.9", "99999999", "zzz"))
    narrower = msgspec.structs.replace(policy, filter=out)
    more = [Tag(name=name, first_seen_at=NOW, created_at=NOW) for name in ("9.9.9", "99999999", "zzz")]
    if context.current in {"9.9.9", "99999999", "zzz"}:
        return
    without, having = explain(narrower, listed, context), explain(narrower, [*listed, *more], context)
    assert tuple(one for one in having if one.tag not in {"9.9.9", "99999999", "zzz"}) == without
    assert choose(narrower, [*listed, *more], context) == choose(narrower, listed, context)


@given(policies, tags, contexts)
def test_a_tag_that_is_not_wanted_changes_nothing_by_being_there(policy, listed, context) -> None:
    """Whatever it is that refuses it: filter, rule, guard, quarantine, publisher. But what it waits for may decide about others."""
    verdicts = explain(policy, listed, context)
    for verdict in verdicts:
        counts = verdict.reason.startswith("newer than the policy takes") or "made is not known" in verdict.reason
        if verdict.wanted or counts or "were made is not known" in verdict.reason or verdict.tag == context.current:
            continue
        others = [tag for tag in listed if tag.name != verdict.tag]
        assert explain(policy, others, context) == tuple(one for one in verdicts if one is not verdict)
        assert choose(policy, others, context) == choose(policy, listed, context)
