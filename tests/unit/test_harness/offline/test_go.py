"""The Go toolchain and the versions that its modules pin."""

from __future__ import annotations

import pytest

from test_harness.offline import binaries, go


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.27 darwin/arm64", (1, 27, 0)),
        ("no go at all", ()),
    ],
)
def test_version_is_read(tmp_path, printed, version):
    program = tmp_path / "go"
    program.write_text(f"#!/bin/sh\necho '{printed}'\n")
    program.chmod(0o755)

    assert go.version_of(program) == version


def test_missing_or_broken_go_is_no_go(tmp_path):
    assert go.version_of(tmp_path / "go") == ()
    assert not go.is_new_enough(())


def test_debians_go_is_too_old():
    assert not go.is_new_enough((1, 19, 8))
    assert go.is_new_enough((1, 27, 0))


def test_minimum_is_what_the_module_asks_for():
    lines = (binaries.PROGRAMS / "go.mod").read_text().splitlines()
    wanted = next(line.split()[1] for line in lines if line.startswith("go "))

    assert tuple(map(int, wanted.split("."))) == go.MINIMUM


def test_helm_and_the_node_share_one_set_of_kubernetes_libraries():
    minor = binaries.KUBERNETES_VERSION.split(".")[1]

    assert binaries.pinned_version("k8s.io/client-go").split(".")[1] == minor


def test_builds_do_not_see_the_callers_settings(monkeypatch):
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    monkeypatch.setenv("GOPROXY", "https://proxy.example")

    environment = go.go_environment(target_os="linux")

    assert environment["GOFLAGS"] == "-buildvcs=false -trimpath"
    assert environment["GOPROXY"] == "https://proxy.example"
    assert environment["GOOS"] == "linux"


def test_versions_come_from_the_committed_modules():
    assert binaries.KUBERNETES_VERSION.startswith("v1.")
    assert binaries.HELM_VERSION.startswith("v4.")
    with pytest.raises(LookupError, match=r"does not require example\.com/nothing"):
        binaries.pinned_version("example.com/nothing")
