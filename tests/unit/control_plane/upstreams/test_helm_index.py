"""Indexes of Helm repositories: Helm's own layout, JSON, and every other layout of YAML say the same."""

import contextlib
import io
import json
from datetime import UTC, datetime

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.errors import Transient
from control_plane.upstreams import helm_index
from control_plane.upstreams.helm_index import Entry, read_entries
from tests.support.helm_repository import entry_lines, index_lines

DIGEST = "a" * 64


def read(text: str | bytes, chart: str = "web") -> tuple[Entry, ...] | None:
    content = text if isinstance(text, bytes) else text.encode()
    return read_entries(io.BytesIO(content), chart, where="https://charts.example/index.yaml")


def index(*entries: str, chart: str = "web") -> str:
    others = iter([entry_lines("other", "9.9.9", "b" * 64)])
    return "".join(index_lines({"a-first": others, chart: iter(entries), "z-last": iter([])}))


def test_an_index_as_helm_writes_it() -> None:
    assert read(index(entry_lines("web", "1.2.3", DIGEST))) == (
        Entry(
            version="1.2.3",
            digest=f"sha256:{DIGEST}",
            urls=("charts/web-1.2.3.tgz",),
            created_at=datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC),
        ),
    )


def test_versions_keep_the_index_order_and_the_first_of_two_equal_ones_counts() -> None:
    entries = (entry_lines("web", "2.0.0", DIGEST), entry_lines("web", "1.0.0", DIGEST))
    twice = read(index(*entries, entry_lines("web", "2.0.0", "c" * 64)))
    assert twice is not None
    assert [(one.version, one.digest[7]) for one in twice] == [("2.0.0", "a"), ("1.0.0", "a")]


def test_a_deprecated_version_says_so() -> None:
    assert [
        one.deprecated for one in read(index(entry_lines("web", "1.0.0", DIGEST, more="    deprecated: true\n"))) or ()
    ] == [True]


def test_a_chart_that_is_not_in_the_index_is_known_to_be_missing() -> None:
    assert read(index(entry_lines("web", "1.0.0", DIGEST)), "nothing") is None


def test_a_chart_without_versions_has_none() -> None:
    assert read("entries:\n  web: []\n  b:\n  - version: 1\n") == ()
    assert read(index()) == ()


def test_an_empty_repository_has_no_chart() -> None:
    assert read("apiVersion: v1\nentries: {}\ngenerated: x\n") is None


def test_a_version_that_looks_like_a_number_stays_as_it_is_written() -> None:
    assert [one.version for one in read("entries:\n  web:\n  - version: 1.10\n  - version: 0x10\n") or ()] == [
        "1.10",
        "0x10",
    ]


@pytest.mark.parametrize("digest", ["null", '""', "md5:1234", "short"])
def test_a_digest_that_is_none_is_unknown(digest: str) -> None:
    assert [one.digest for one in read(f"entries:\n  web:\n  - version: 1.0.0\n    digest: {digest}\n") or ()] == [""]


def test_entries_without_a_version_or_of_another_shape_are_left_out() -> None:
    assert read("entries:\n  web:\n  - name: web\n  - just text\n  - version: 1.0.0\n    urls: none\n") == (
        Entry(version="1.0.0"),
    )


LAYOUTS = {
    "json": lambda content: json.dumps(content),
    "json with a byte order mark": lambda content: b"\xef\xbb\xbf" + json.dumps(content, indent=1).encode(),
    "flow": lambda content: yaml.safe_dump(content, default_flow_style=True),
    "mixed": lambda content: yaml.safe_dump(content, default_flow_style=None),
    "block": lambda content: yaml.safe_dump(content),
    "wide": lambda content: yaml.safe_dump(content, indent=8, width=20),
    "quoted": lambda content: yaml.safe_dump(content, default_style='"'),
    "windows lines": lambda content: yaml.safe_dump(content, line_break="\r\n"),
    "document": lambda content: "---\n" + yaml.safe_dump(content),
}
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=40)


@pytest.mark.parametrize("layout", LAYOUTS)
@given(
    names=st.lists(st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True), min_size=1, max_size=3, unique=True),
    words=st.lists(TEXT | st.just("a\n  - version: 6.6.6\nversion: 7"), min_size=1, max_size=3),
)
def test_every_layout_of_yaml_says_the_same(layout: str, names: list[str], words: list[str]) -> None:
    entries = {
        name: [
            {"version": f"{n}.0.0", "description": word, "digest": DIGEST, "urls": [f"{name}.tgz"], "keywords": words}
            for n, word in enumerate(words)
        ]
        for name in names
    }
    text = LAYOUTS[layout]({"apiVersion": "v1", "entries": entries, "generated": "now"})  # type: ignore[no-untyped-call]
    wanted = tuple(
        Entry(version=f"{n}.0.0", digest=f"sha256:{DIGEST}", urls=(f"{names[0]}.tgz",)) for n in range(len(words))
    )
    assert read(text, names[0]) == wanted
    assert read(text, "no-such-chart") is None


def test_anchors_inside_a_chart_are_followed() -> None:
    text = "entries: {web: [{version: &v 1.0.0, appVersion: *v, urls: &u [a.tgz]}, {version: 2.0.0, urls: *u}]}\n"
    assert [one.urls for one in read(text) or ()] == [("a.tgz",), ("a.tgz",)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html><body>Not here</body></html>",
        "404 page not found",
        '{"entries": [',
        "[]",
        "entries: [1",
        '{"a": 1}',
        "a: b\n",
    ],
)
def test_what_is_no_index_says_nothing_about_the_chart(text: str) -> None:
    with pytest.raises(Transient, match="is this a Helm repository"):
        read(text)


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: ("entries:\n" + text).encode()))
def test_no_bytes_make_it_crash(content: bytes) -> None:
    with contextlib.suppress(Transient):
        read(content)


def test_helms_own_layout_never_needs_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helm_index, "_from_events", None)
    assert read(index(entry_lines("web", "1.2.3", DIGEST))) is not None
    assert read(index(entry_lines("web", "1.2.3", DIGEST)), "nothing") is None
