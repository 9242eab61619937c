"""Folders as packed charts: the same bytes everywhere, and manifests that Helm leaves as they are."""

import gzip
import hashlib
import io
import os
import shutil
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.upstreams.errors import ChartInvalid
from control_plane.upstreams.helm_template import render
from control_plane.upstreams.packing import (
    chart_name,
    chart_of_manifests,
    chart_version,
    escaped,
    gzip_stored,
    pack_chart,
)

CHART = b"apiVersion: v2\nname: web\nversion: 1.2.3\n"
FILES = {"templates/a.yaml": b"kind: A\n", "Chart.yaml": CHART, "values.yaml": b"replicas: 1\n"}
HELM = os.environ.get("HELM") or shutil.which("helm")


def members(packed: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def test_a_packed_chart_has_every_file_below_its_name_and_chart_yaml_first() -> None:
    assert list(members(pack_chart(FILES, where="charts/web"))) == [
        "web/Chart.yaml",
        "web/templates/a.yaml",
        "web/values.yaml",
    ]


def test_the_order_of_files_changes_no_byte() -> None:
    assert pack_chart(FILES, where="x") == pack_chart(dict(reversed(FILES.items())), where="x")


def test_the_bytes_are_the_same_on_any_machine() -> None:
    """A golden digest: whoever changes it makes every git chart in the field another release."""
    digest = hashlib.sha256(pack_chart(FILES, where="x")).hexdigest()
    assert digest == "d1273c17cd91ad2cd6581f084949bec571096fc04d09e4f88d8e31835a5b307b"


@given(st.binary(max_size=200_000))
def test_stored_gzip_is_gzip(content: bytes) -> None:
    assert gzip.decompress(gzip_stored(content)) == content


@pytest.mark.parametrize("size", [0, 1, 65_534, 65_535, 65_536, 131_070, 131_071])
def test_stored_gzip_at_the_ends_of_its_blocks(size: int) -> None:
    assert gzip.decompress(gzip_stored(b"x" * size)) == b"x" * size


@pytest.mark.parametrize(
    ("chart", "words"),
    [
        (b"name: [", "no YAML"),
        (b"version: 1.0.0", "no name"),
        (b"name: ../../etc", "no name that Helm takes"),
        (b"- name: web", "no name"),
    ],
)
def test_a_chart_yaml_that_cannot_be_used_is_told(chart: bytes, words: str) -> None:
    with pytest.raises(ChartInvalid, match=words):
        pack_chart({"Chart.yaml": chart}, where="charts/web")


def test_a_folder_without_a_chart_is_told() -> None:
    with pytest.raises(ChartInvalid, match=r"charts/web has no Chart\.yaml"):
        pack_chart({"values.yaml": b""}, where="charts/web")


def test_a_folder_that_is_too_large_is_told() -> None:
    with pytest.raises(ChartInvalid, match="has more than"):
        pack_chart({**FILES, "big": bytes(11 * 1024 * 1024)}, where="charts/web")


def test_a_kustomization_is_refused_rather_than_applied_without_its_patches() -> None:
    files = {"base/a.yaml": b"kind: A\n", "over/kustomization.yaml": b"resources: [../base]\n"}
    with pytest.raises(ChartInvalid, match=r"deploy has a Kustomization in over/kustomization\.yaml: name that folder"):
        chart_of_manifests(files, name="x", version="1.0.0", app_version="1", where="deploy")


def test_a_folder_without_yaml_is_told() -> None:
    with pytest.raises(ChartInvalid, match=r"neither a Chart\.yaml nor any YAML"):
        chart_of_manifests({"README.md": b""}, name="x", version="1.0.0", app_version="1", where="deploy")


@pytest.mark.parametrize(
    ("tag", "version"), [("v1.2", "1.2.0"), ("1.2.3-rc.1", "1.2.3-rc.1"), ("nightly", "0.0.0-gabcdef012345")]
)
def test_a_made_chart_has_the_tags_version_or_one_that_names_the_commit(tag: str, version: str) -> None:
    assert chart_version(tag, "abcdef0123456789") == version


@pytest.mark.parametrize(("text", "name"), [("My_App", "my-app"), ("--", "manifests"), ("x" * 80, "x" * 53)])
def test_a_made_chart_has_a_name_that_helm_takes(text: str, name: str) -> None:
    assert chart_name(text) == name


@pytest.mark.skipif(HELM is None, reason="no helm program here: scripts/test brings one")
def test_helm_leaves_every_byte_of_a_manifest_as_it_is() -> None:
    manifest = (
        b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: rules}\ndata:\n"
        b'  alert: "{{ $labels.instance }} is {{- .Value -}} and {{{ three }}} {{{{ four }}}} {{/* no comment */}}"\n'
        b"  quoted: '{{ \"{{\" }} `x` {{`y`}}'\n"
    )
    files = {"deep/rules.yaml": manifest, "_hidden.yaml": b"apiVersion: v1\nkind: Secret\nmetadata: {name: hidden}\n"}
    made = chart_of_manifests(files, name="rules", version="1.0.0", app_version="v1", where="deploy")
    rendered = render(pack_chart(made, where="deploy"), {}, name="x", namespace="y", helm=str(HELM))
    assert manifest.decode() in rendered
    assert "name: hidden" in rendered


def test_escaping_touches_nothing_but_opening_braces() -> None:
    assert escaped(b"a: {b: {c: 1}}\n") == b"a: {b: {c: 1}}\n"
