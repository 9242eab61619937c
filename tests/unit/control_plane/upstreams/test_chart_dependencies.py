"""What a chart's folder lacks: vendored charts count, others need a lock that fits."""

from typing import Any

import pytest
import yaml

from control_plane.domain.errors import InvalidInput, NotFound
from control_plane.upstreams.chart_dependencies import Dependency, DependencyReader, lacking
from control_plane.upstreams.errors import ChartInvalid

REPOSITORY = "https://charts.example.com"


def chart(
    *dependencies: dict[str, Any], lock: list[dict[str, Any]] | None = None, version: str = "v2"
) -> dict[str, bytes]:
    head = {"apiVersion": version, "name": "web", "version": "1.0.0"}
    declared = {"dependencies": list(dependencies)}
    files = {
        "Chart.yaml": {**head, **declared},
        "Chart.lock": {"dependencies": lock, "generated": "2024-05-06T07:08:09Z"},
    }
    if version == "v1":
        files = {"Chart.yaml": head, "requirements.yaml": declared, "requirements.lock": files["Chart.lock"]}
    if lock is None:
        files = {name: content for name, content in files.items() if not name.endswith(".lock")}
    return {name: yaml.safe_dump(content).encode() for name, content in files.items()}


def wanting(version: str = "~1.2", repository: str = REPOSITORY, **more: Any) -> dict[str, Any]:
    return {"name": "common", "version": version, "repository": repository, **more}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_locked_version_is_lacking(version: str) -> None:
    files = chart(wanting(condition="common.enabled"), lock=[wanting("1.2.7")], version=version)
    assert lacking(files, where="web") == [Dependency("common", "1.2.7", REPOSITORY)]


def test_what_is_vendored_needs_no_lock() -> None:
    unpacked = {"charts/whatever/Chart.yaml": b"name: common\nversion: 1.2.0\n"}
    assert lacking(chart(wanting()) | unpacked, where="web") == []
    assert lacking(chart(wanting()) | {"charts/common-1.2.0.tgz": b""}, where="web") == []
    assert lacking(chart(wanting(), lock=[wanting("1.2.7")]) | {"charts/common-extra-1.2.0.tgz": b""}, where="web")


def test_a_chart_of_the_same_repository_needs_no_lock() -> None:
    local = wanting(repository="file://../common")
    assert lacking(chart(local), where="web") == [Dependency("common", "~1.2", "file://../common")]


def test_the_same_chart_twice_has_a_locked_version_each() -> None:
    twice = [wanting("1.x", alias="a"), wanting("2.x", alias="b")]
    files = chart(*twice, lock=[wanting("1.9.0"), wanting("2.0.1")])
    assert [one.version for one in lacking(files, where="web")] == ["1.9.0", "2.0.1"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (chart(wanting()), r"depends on common ~1\.2, and there is no Chart\.lock .*: run `helm dependency update`"),
        (chart(wanting(), version="v1"), r"no requirements\.lock"),
        (chart(wanting(), lock=[wanting("1.3.0")]), r"but Chart\.lock has 1\.3\.0: run"),
        (chart(wanting(), lock=[wanting("1.2.1", "https://elsewhere.example")]), r"but Chart\.lock does not name it"),
        (chart(wanting(repository="")), "not in its charts/ and names no repository"),
        (chart(wanting(repository="@acme"), lock=[wanting("1.2.1", "@acme")]), "only its author's Helm knows"),
        (chart(wanting(repository="ftp://x"), lock=[]), "write the repository's address"),
        (chart(wanting(repository="https://[")), "no address without credentials"),
        (chart(wanting(repository="oci://x:99999999/y")), "no address without credentials"),
        (
            chart(wanting(repository="https://me:pw@charts.example.com")),
            r"of https://charts\.example\.com, which is no",
        ),
        (chart({"name": "../x", "version": "1"}), "no chart's name"),
        ({"Chart.yaml": b"apiVersion: v2\ndependencies: nope"}, "dependencies"),
        ({"Chart.yaml": b"[" * 2000}, "nested more than"),
    ],
)
def test_what_cannot_be_known_exactly_is_refused(files: dict[str, bytes], words: str) -> None:
    with pytest.raises(ChartInvalid, match=words):
        lacking(files, where="web")


@pytest.mark.parametrize("error", [NotFound("no such chart"), InvalidInput("too large")])
def test_a_locked_chart_that_cannot_be_had_makes_the_chart_invalid(error: Exception) -> None:
    class Nobody:
        def detail(self, *_: Any, **__: Any) -> Any:
            raise error

    with pytest.raises(ChartInvalid, match=r"depends on common 1\.2\.7, which cannot be had: "):
        DependencyReader(Nobody(), None)(Dependency("common", "1.2.7", REPOSITORY))  # type: ignore[arg-type]
