"""Rendering a chart with the Helm program, without a cluster and without a registry. Helm's own words become ours.

A chart that does not render is a bad release (``ChartInvalid``); a Helm that is missing or does not end says nothing about it.
"""

from collections.abc import Mapping
from typing import Any

from cluster_agent.contract import canonical_json
from control_plane.upstreams.errors import ChartInvalid
from control_plane.upstreams.programs import run_program, work_folder

# Helm without a cluster assumes the Kubernetes it was built with. This is the one that rehearsals run by default.
KUBE_VERSION = "1.36.3"


def render(chart: bytes, values: Mapping[str, Any], *, name: str, namespace: str, helm: str = "helm") -> str:
    """Return the manifests of a packed chart, hooks and tests included. Raises ``ChartInvalid`` or ``Transient``."""
    with work_folder() as folder:
        package = folder / "chart.tgz"
        package.write_bytes(chart)
        arguments = ["template", name, str(package), "--namespace", namespace, "--values", "-"]
        arguments += ["--kube-version", KUBE_VERSION]
        values_in = canonical_json(dict(values))
        done = run_program(helm, arguments, folder=folder, text_in=values_in, setting="TIDEGATE_HELM")
    if done.failure:
        raise ChartInvalid(f"the chart does not render: {done.failure}", code="chart_invalid")
    return done.output
