"""The examples' application files are read by the real parser and agree with what publish.py and the charts say."""

import pytest
import yaml

from control_plane.domain.applications import SAME_AS_CHART, Declaration
from control_plane.upstreams.application_file import load_application_file
from examples.miniflux import publish as miniflux
from examples.notes import publish as notes


def read(example) -> Declaration:
    return load_application_file(example.HERE / "application.yaml").declaration


@pytest.mark.parametrize("example", [miniflux, notes])
def test_upstreams_are_what_is_published(example):
    declared = read(example)
    assert declared.chart.oci == example.CHART
    assert [(image.name, image.tag) for image in declared.images] == [(example.IMAGE, SAME_AS_CHART)]
    assert declared.suite_digest


def test_stable_wants_one_approval_and_edge_none():
    edge, stable = read(miniflux).channels
    assert (edge.name, edge.after, edge.approvals) == ("edge", None, 0)
    assert (stable.name, stable.after, stable.approvals, stable.soak_seconds) == ("stable", "edge", 1, 0)


def test_the_backup_names_pods_and_workloads_of_the_chart():
    (step,) = read(miniflux).backup
    templates = miniflux.HERE / "chart" / "templates"
    assert step.pod == "app.kubernetes.io/component=database"
    assert '"component" "database"' in (templates / "database.yaml").read_text()
    assert step.quiesce == ("deployment/miniflux",)
    # The restore is a program: it must survive YAML's folding line by line.
    assert step.restore[:2] == ("sh", "-ec")
    assert [line.split()[0] for line in step.restore[2].splitlines()] == [
        "dropdb",
        "createdb",
        "pg_restore",
        "psql",
        "--command='DROP",
        "--command='ALTER",
    ]


def test_charts_start_at_a_version_in_their_range():
    for example in (miniflux, notes):
        chart = yaml.safe_load((example.HERE / "chart" / "Chart.yaml").read_text())
        assert chart["version"] == chart["appVersion"]
        assert chart["name"] == read(example).name
