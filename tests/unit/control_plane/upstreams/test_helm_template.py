"""Trouble around Helm says nothing about the chart."""

import tempfile
from pathlib import Path

import pytest

from control_plane.domain.errors import Transient
from control_plane.upstreams.helm_template import render


def test_a_helm_that_is_missing_is_our_trouble() -> None:
    with pytest.raises(Transient, match="set TIDEGATE_HELM or run `tidegate doctor`"):
        render(b"", {}, name="app", namespace="apps", helm="/nonexistent/helm")


def test_a_disk_that_cannot_be_written_is_our_trouble(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(Transient, match="no chart can be rendered in"):
        render(b"", {}, name="app", namespace="apps")
