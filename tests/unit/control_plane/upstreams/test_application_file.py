"""The application file: what it is read to, and that every mistake is told at once and at its place."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluster_agent.contract import BackupStep, canonical_json
from control_plane.domain.applications import ChannelRule, ChartUpstream, Declaration, ImageUpstream, RehearsalRule
from control_plane.domain.errors import InvalidInput
from control_plane.upstreams.application_file import json_schema, load_application_file, parse_application_file

REPOSITORY = Path(__file__).parents[4]
HEAD = "apiVersion: tidegate.dev/v1\nkind: Application\nmetadata: {name: web}\n"
SMALL = HEAD + "spec:\n  chart: {oci: ghcr.io/acme/web}\n  channels: [{name: edge}]\n"

RANGE_PROBLEM = "'>>2' is no version range: cannot read '>>2' as part of a version range"


def mistakes(text: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        parse_application_file(text, file="app.yaml")
    return [str(mistake).replace("\n    ", " → ") for mistake in caught.value.mistakes]


def with_spec(more: str) -> str:
    return SMALL + more


def test_the_smallest_file_has_the_types_defaults() -> None:
    assert parse_application_file(SMALL) == Declaration(
        name="web", namespace="web", chart=ChartUpstream(oci="ghcr.io/acme/web"), channels=(ChannelRule(name="edge"),)
    )


def test_the_example_is_read_whole() -> None:
    loaded = load_application_file(REPOSITORY / "examples/miniflux/application.yaml")
    declared = loaded.declaration
    assert declared.chart == ChartUpstream(oci="ghcr.io/tidegate/charts/miniflux", version=">=2.2.8 <3")
    assert declared.images == (ImageUpstream(name="docker.io/miniflux/miniflux"),)
    assert [channel.name for channel in declared.channels] == ["edge", "stable"]
    assert declared.backup[0].dump[0] == "pg_dump"
    assert parse_application_file(loaded.text, suite=loaded.suite) == declared


def test_every_field_is_read() -> None:
    declared = parse_application_file(
        HEAD
        + """\
spec:
  description: A web
  chart: {oci: ghcr.io/acme/web, version: ^1.2}
  images: [{name: docker.io/acme/web, tag: ~1.4}]
  poll: 5s
  timeout: 1m30s
  namespace: shop
  values: {a: {b: [1, yes, "no", 1:30, null]}}
  suite: {path: tests}
  rehearsal: {timeout: 1h, values: {c: 1}}
  backup: [{name: db, pod: app=db, container: pg, dump: [a], restore: [b], quiesce: [deployment/web]}]
  channels: [{name: edge}, {name: stable, after: edge, soak: 2d, approvals: 2}]
""",
        suite=b"packed",
    )
    assert declared.chart.version == "^1.2"
    assert declared.images == (ImageUpstream(name="docker.io/acme/web", tag="~1.4"),)
    assert (declared.poll_seconds, declared.timeout_seconds, declared.namespace) == (5, 90, "shop")
    assert declared.values == {"a": {"b": [1, True, "no", "1:30", None]}}
    assert declared.rehearsal == RehearsalRule(timeout_seconds=3600, values={"c": 1})
    assert declared.backup == (
        BackupStep(name="db", pod="app=db", container="pg", dump=("a",), restore=("b",), quiesce=("deployment/web",)),
    )
    assert declared.channels[1] == ChannelRule(name="stable", after="edge", soak_seconds=172800, approvals=2)
    assert declared.suite_digest is not None
    assert declared.suite_digest.startswith("sha256:")


def test_json_is_read_by_the_same_reader() -> None:
    as_json = json.dumps(yaml.safe_load(SMALL), indent=1)
    assert parse_application_file(as_json) == parse_application_file(SMALL)
    assert mistakes(as_json.replace('"oci"', '"ocy"'))[1].startswith("app.yaml:9:4: spec.chart.ocy")


def test_all_mistakes_are_told_at_once_with_what_would_be_right() -> None:
    text = """\
apiVersion: tidegate.dev/v2
kind: Application
metadata: {name: Web}
spec:
  chart: {oci: "oci://ghcr.io/a/b:1", version: ">>2"}
  chanels: []
  poll: 5
"""
    assert mistakes(text) == [
        "app.yaml:1:13: apiVersion: 'tidegate.dev/v2' is not known here → write 'tidegate.dev/v1'",
        "app.yaml:3:18: metadata.name: 'Web' does not have the right form → for example 'miniflux'",
        "app.yaml:5:3: spec.channels: is missing → The way of a release, channel by channel.",
        "app.yaml:5:16: spec.chart.oci: 'oci://ghcr.io/a/b:1' has a scheme → write 'ghcr.io/a/b:1'",
        f"app.yaml:5:48: spec.chart.version: {RANGE_PROBLEM} → for example '>=2.2.8 <3', '~1.4' or '*'",
        "app.yaml:6:3: spec.chanels: this field is not known → did you mean 'channels'?",
        "app.yaml:7:9: spec.poll: '5' is no length of time → for example 30s, 5m, 1h30m or 2d",
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("  namespace: kube-system\n", "7:14: spec.namespace: Kubernetes' own namespaces are left alone"),
        (
            "  images: [{name: nginx}]\n",
            "7:19: spec.images[0].name: 'nginx' does not name its registry → write 'docker.io/library/nginx'",
        ),
        (
            "  images: [{name: ghcr.io/a/b, tag: 2.2}]\n",
            '7:37: spec.images[0].tag: expected text, found a number → write it in quotes: "2.2"',
        ),
        ("  poll: 0s\n", "7:9: spec.poll: 0s is out of bounds → between 1s and 86400s"),
        ("  values: [1]\n", "7:11: spec.values: expected a mapping, found a list"),
        ("  values: {a: 1, a: 2}\n", "7:18: the key 'a' is given twice"),
        ("  values: {a: .inf}\n", "7:15: '.inf' is no number that JSON knows"),
        ("  values: {a: !!python/object:os.system x}\n", "7:15: no YAML: could not determine a constructor"),
        ("  values: {a: [}\n", "7:16: no YAML: did not find expected node content"),
        ("  suite: {path: tests}\n", "7:10: spec.suite: the suite's archive did not come with the file"),
        ("  description: [x]\n", "7:16: spec.description: expected text, found a list"),
        ("  backup: [{name: a}]\n", "7:12: spec.backup[0].pod: is missing"),
        ("  timeout: \n", "7:11: spec.timeout: 'nothing' is no length of time"),
    ],
)
def test_one_mistake_is_told_at_its_place(more: str, said: str) -> None:
    assert mistakes(with_spec(more))[0].startswith(f"app.yaml:{said}")


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        ("[{name: a, after: b}, {name: b, after: a}]", "the channels wait for each other in a circle"),
        ("[{name: a, after: a}]", "the channels wait for each other in a circle"),
        ("[{name: a, after: x}]", "there is no channel 'x' → channels here: a"),
        ("[{name: a}, {name: a}]", "there are two channels 'a'"),
        ("[{name: snapshot}]", "'snapshot' is a name of the channels' own files"),
        ("[{name: a, soak: 1h}]", "there is no channel to soak in"),
        ("[]", "has 0 items"),
        ("[{name: a, approvals: -1}]", "expected a whole number, found -1"),
        ("[{name: a, approvals: true}]", "expected a whole number, found true"),
        ("[{name: ../a}]", "does not have the right form"),
        ('[{name: "a\\n"}]', "does not have the right form"),
    ],
)
def test_channels_make_sense(channels: str, said: str) -> None:
    assert said in " ".join(mistakes(SMALL.replace("[{name: edge}]", channels)))


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "- a\n", "text", "a: b\n---\nc: d\n", "\x00", "a: \ud800", "%YAML 9.9\n---\na"]
)
def test_what_is_no_application_is_refused(text: str) -> None:
    assert mistakes(text)


LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("hostile", "said"),
    [
        (LAUGHS, "stands for more than 20000 values"),
        ("[" * 50_000, "nested more than"),
        ("- " * 50_000, "nested more than"),
        ("{a: " * 50_000, "nested more than"),
        ("&a [*a]", "contains itself"),
        ("x" * 2_000_000, "larger than 1024 KiB"),
        ("a: 99999999999999999999999", "too large a number"),
    ],
)
def test_hostile_yaml_costs_no_more_than_reading_it(hostile: str, said: str) -> None:
    started = time.perf_counter()
    assert said in mistakes(hostile)[0]
    assert time.perf_counter() - started < 5


def test_anchors_and_merges_are_fine() -> None:
    declared = parse_application_file(with_spec("  values: {a: &a {x: 1, z: 2}, b: {<<: *a, z: 3}, c: *a}\n"))
    assert declared.values == {"a": {"x": 1, "z": 2}, "b": {"x": 1, "z": 3}, "c": {"x": 1, "z": 2}}


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_no_text_crashes_the_reader(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_application_file(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text("aé\n :#-\"'yno~0", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab:", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), json_values, max_size=4))
def test_values_survive_as_they_are(values: dict[str, Any]) -> None:
    text = with_spec(f"  values: {json.dumps(values)}\n")
    assert canonical_json(parse_application_file(text).values) == canonical_json(values)


def test_the_published_schema_is_the_readers_own() -> None:
    published = json.loads((REPOSITORY / "docs/application.schema.json").read_text())
    assert published == json_schema(), "run: tidegate app schema > docs/application.schema.json"
