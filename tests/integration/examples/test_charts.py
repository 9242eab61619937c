"""The examples' charts through the real Helm: what they render, and what their schema refuses."""

from pathlib import Path

import pytest
import yaml

from examples.miniflux import publish as miniflux
from examples.notes import publish as notes
from test_harness.offline import binaries
from test_harness.offline.commands import run
from test_harness.offline.errors import ProvisioningError

CHARTS = [miniflux.HERE / "chart", notes.HERE / "chart"]


def render(chart: Path, *arguments: str) -> dict[tuple[str, str], dict]:
    helm = binaries.ensure(binaries.HELM)
    text = run([helm, "template", "app", chart, "--namespace", "somewhere", *arguments])
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(text) if each}


def pod_specs(objects: dict) -> list[dict]:
    return [each["spec"]["template"]["spec"] for each in objects.values() if "template" in each.get("spec", {})]


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.parent.name)
def test_every_container_is_confined_and_says_what_it_needs(chart):
    specs = pod_specs(render(chart))
    assert specs
    for spec in specs:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["automountServiceAccountToken"] is False
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            security = container["securityContext"]
            assert (security["allowPrivilegeEscalation"], security["readOnlyRootFilesystem"]) == (False, True)
            assert security["capabilities"] == {"drop": ["ALL"]}
            # A namespace with a quota takes no pod that does not say this.
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}


def test_miniflux_runs_the_image_of_the_charts_version():
    objects = render(miniflux.HERE / "chart")
    chart = yaml.safe_load((miniflux.HERE / "chart" / "Chart.yaml").read_text())
    (server,) = objects["Deployment", "app"]["spec"]["template"]["spec"]["containers"]
    assert server["image"] == f"{miniflux.IMAGE}:{chart['version']}"
    (database,) = objects["StatefulSet", "app-database"]["spec"]["template"]["spec"]["containers"]
    assert database["image"] == f"{miniflux.DATABASE}:{miniflux.DATABASE_TAG}"


def test_a_new_version_does_not_restart_the_database():
    chart = miniflux.HERE / "chart"
    one, other = (
        render(chart, "--set", f"image.tag={tag}")["StatefulSet", "app-database"]["spec"]["template"]
        for tag in ("2.2.8", "2.2.16")
    )
    assert one == other
    assert "app.kubernetes.io/version" not in one["metadata"]["labels"]


def test_passwords_are_made_or_taken_and_never_shown_in_the_pods():
    chart = miniflux.HERE / "chart"
    made = render(chart)["Secret", "app"]["data"]
    assert len(made["admin-password"]) >= 24 <= len(made["database-password"])
    assert made["admin-password"] != made["database-password"]
    given = render(chart, "--set", "database.password=abc123")
    assert given["Secret", "app"]["data"]["database-password"] == "YWJjMTIz"
    assert "abc123" not in yaml.safe_dump(given["Deployment", "app"])


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("databse.password=x", "databse"),
        ("database.password=a/b", "database.password|/database/password"),
        ("service.port=70000", "service.port|/service/port"),
        ("config.log-level=debug", "log-level"),
    ],
)
def test_a_wrong_value_is_refused_by_name(setting, complaint):
    with pytest.raises(ProvisioningError, match=complaint):
        render(miniflux.HERE / "chart", "--set", setting)
