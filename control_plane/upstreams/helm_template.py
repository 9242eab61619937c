"""Rendering a chart with the Helm program, without a cluster and without a registry. Helm's own words become ours.

A chart that does not render is a bad release (``ChartInvalid``); a Helm that is missing or does not end says nothing about it.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster_agent.contract import canonical_json
from control_plane.domain.errors import Transient
from control_plane.upstreams.errors import ChartInvalid

TIMEOUT_SECONDS = 60.0
# Helm without a cluster assumes the Kubernetes it was built with, and v1.20 in builds that were not told; charts that ask
# for a newer one would not render. This is the one that rehearsals run by default.
KUBE_VERSION = "1.36.3"


def render(chart: bytes, values: Mapping[str, Any], *, name: str, namespace: str, helm: str = "helm") -> str:
    """Return the manifests of a packed chart, hooks included and tests left out. Raises ``ChartInvalid`` or ``Transient``."""
    with _folder() as folder:
        package = Path(folder, "chart.tgz")
        package.write_bytes(chart)
        command = [helm, "template", name, str(package), "--namespace", namespace, "--values", "-", "--skip-tests"]
        command += ["--kube-version", KUBE_VERSION]
        try:
            done = subprocess.run(
                command,
                input=canonical_json(dict(values)),
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
                env=_environment(folder),
                cwd=folder,
                check=False,
            )
        except FileNotFoundError:
            raise Transient(
                f"the Helm program {helm!r} is missing: set TIDEGATE_HELM or run `tidegate doctor`", code="helm_missing"
            ) from None
        except subprocess.TimeoutExpired:
            raise Transient(f"helm template did not end within {TIMEOUT_SECONDS:.0f} s", code="helm_timeout") from None
    if done.returncode != 0:
        line = _decisive_line(done.stderr.decode(errors="replace")).replace(f"{folder}/", "")
        raise ChartInvalid(f"the chart does not render: {line}", code="chart_invalid")
    return done.stdout.decode(errors="replace")


@contextmanager
def _folder() -> Iterator[str]:
    """Yield a folder that goes away. A disk that is full says nothing about the chart."""
    try:
        with tempfile.TemporaryDirectory(prefix="tidegate-chart-") as folder:
            yield folder
    except OSError as error:
        words = f"no chart can be rendered in {tempfile.gettempdir()}: {error.strerror or error}; free some space there"
        raise Transient(words, code="disk_full") from error


def _environment(folder: str) -> dict[str, str]:
    """Helm sees nothing of ours: no kubeconfig, no credentials, its caches in a folder that goes away."""
    homes = dict.fromkeys(("HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"), folder)
    return {"PATH": os.environ.get("PATH", os.defpath), "KUBECONFIG": os.devnull, **homes}


def _decisive_line(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("Error:")), lines[-1] if lines else "helm says nothing")
