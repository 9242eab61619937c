"""Policies and declarations that a file may say, made by Hypothesis."""

from hypothesis import strategies as st

from cluster_agent.contract import BackupStep
from control_plane.domain.applications import (
    SAME_AS_CHART,
    ChannelRule,
    ChartUpstream,
    Declaration,
    ImageUpstream,
    OtherUpstream,
    RehearsalRule,
)
from control_plane.domain.sources import SourceSpec
from control_plane.domain.versions.policy import Filter, Guards, Policy
from control_plane.upstreams.policy_file import EXAMPLES

# Texts that YAML would read as something else, or that need quotes.
TRICKY = (
    "y",
    "no",
    "1e3",
    "1:30",
    "0x1f",
    "2026-12-24",
    "~",
    "null",
    "a: b",
    "a #b",
    "'",
    '"',
    "a\nb\n",
    " a",
    "é",
    "-",
)
PATTERNS = st.sampled_from(["glob:3.*", r"regexp:^v[0-9]+$", "latest", "y", "1e3", "glob:*: #"])
RULES = st.sampled_from([*EXAMPLES.items(), ("helm", "*")])
AGES = st.integers(0, 366 * 86400).map(float) | st.sampled_from([1209600.0, 5400.0, 0.5])
GUARDS = st.builds(
    Guards,
    prereleases=st.sampled_from(["as-the-rule-says", "never"]),
    variant=st.booleans(),
    platforms=st.lists(st.sampled_from(["linux/amd64", "linux/arm64"]), unique=True).map(tuple),
    minimum_age_seconds=AGES,
    majors=st.sampled_from(["follow", "ask"]),
    behind=st.integers(0, 3),
    notify_only=st.booleans(),
)
FILTERS = st.builds(
    Filter, include=st.lists(PATTERNS, max_size=2).map(tuple), exclude=st.lists(PATTERNS, max_size=2).map(tuple)
)
EXTRACTS = st.just(Filter(extract="regexp:^main-(?P<build>[0-9]+)$", to="$build"))


def _policy(rule: tuple[str, str], guards: Guards, filters: Filter, digest: bool) -> Policy:
    return Policy(dialect=rule[0], rule=rule[1], guards=guards, filter=filters, digest=digest)  # type: ignore[arg-type]


POLICIES = st.builds(_policy, RULES, GUARDS, FILTERS | EXTRACTS, st.booleans()) | st.just(Policy(rule=">=2 <3"))
WANTED = st.sampled_from(["*", ">=2.2.8 <3", "^1"]) | POLICIES
CHARTS = (
    st.builds(ChartUpstream, oci=st.just("ghcr.io/acme/web"), version=WANTED)
    | st.builds(ChartUpstream, helm=st.just("https://charts.example.org/x"), name=st.just("web"), version=WANTED)
    | st.builds(
        ChartUpstream,
        git=st.just("https://git.example.org/web"),
        path=st.sampled_from(["", "charts/web"]),
        branch=st.sampled_from(["", "main"]),
        version=WANTED,
    )
)
IMAGES = st.builds(
    ImageUpstream,
    name=st.sampled_from(["docker.io/acme/web", "ghcr.io/acme/web"]),
    alias=st.just("web"),
    tag=WANTED | st.just(SAME_AS_CHART),
    set=st.sampled_from([(), ("image.tag", "worker.tag")]),
)
SOURCES = st.sampled_from(
    [
        SourceSpec(kind="oci", location="ghcr.io/acme/worker"),
        SourceSpec(kind="helm", location="https://charts.example.org", name="worker"),
        SourceSpec(kind="helm", location="https://charts.example.org", name="other"),
        SourceSpec(kind="git", location="https://git.example.org/acme/web", branch="main"),
        SourceSpec(kind="github", location="acme/web"),
        SourceSpec(kind="gitea", location="https://codeberg.org/acme/web"),
        SourceSpec(kind="json", location="https://example.org/a.json", path="releases[].version"),
    ]
)
OTHERS = st.builds(OtherUpstream, name=st.just("worker"), source=SOURCES, version=WANTED | st.just(SAME_AS_CHART))
TEXTS = st.sampled_from(TRICKY) | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20)
VALUES = st.dictionaries(TEXTS.filter(lambda key: "\n" not in key), st.recursive(
    TEXTS | st.integers(-(2**60), 2**60) | st.booleans() | st.none(), lambda below: st.lists(below, max_size=3), max_leaves=5
), max_size=3)  # fmt: skip
SCHEDULES = st.sampled_from(
    [{}, {"poll_seconds": 5.0}, {"cron": "*/5 * * * *", "zone": "Europe/Amsterdam"}, {"cron": "0 2 * * 1"}]
)


@st.composite
def declarations(draw: st.DrawFn) -> Declaration:
    """A declaration that a file can say, without a suite."""
    backup = BackupStep(name="db", pod="app=db", dump=("a",), restore=("sh", "-ec", "x\n  y\n"), container="pg")
    soak = draw(st.sampled_from([0.0, 90.0, 172800.0]))
    stable = ChannelRule(name="stable", after="edge", soak_seconds=soak, approvals=draw(st.integers(0, 2)))
    return Declaration(
        name="web",
        namespace=draw(st.sampled_from(["web", "shop"])),
        description=draw(TEXTS),
        chart=draw(CHARTS),
        images=tuple(draw(st.lists(IMAGES, max_size=1))),
        others=tuple(draw(st.lists(OTHERS, max_size=1))),
        together=draw(st.sampled_from(["", "same version"])),
        values=draw(VALUES),
        rehearsal=RehearsalRule(timeout_seconds=draw(st.sampled_from([900.0, 5400.0])), values=draw(VALUES)),
        backup=draw(st.sampled_from([(), (backup,)])),
        channels=(ChannelRule(name="edge"), stable),
        timeout_seconds=draw(st.sampled_from([300.0, 1.5])),
        **draw(SCHEDULES),
    )
