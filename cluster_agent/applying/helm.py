"""Helm as a child process: a protocol of three verbs and its one driver, the Helm 4 command line.

Helm only changes the cluster; deciding (wait, keep, roll back) is ours, so it is never told to roll back by itself. What it
complains about becomes a stable code and the one line that decides. Charts are local files; images, those of hooks too, are pinned
by our post-renderer, which Helm 4 wants as a plugin. Objects are merged as Helm 3 did, not by server-side apply: see ADR 0002.
"""

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from cluster_agent.applying import child
from cluster_agent.applying.kube import Access
from cluster_agent.applying.pin_images import COMPLAINT, PINS
from cluster_agent.contract import canonical_json
from cluster_agent.errors import ChangeFailed, Conflict, Unreachable

HISTORY_MAX = 6
# The Go runtime keeps garbage as large as the heap by default; here memory counts more than a tenth of a second.
SMALL_GO = {"GOGC": "40", "GOMEMLIMIT": "48MiB", "GOMAXPROCS": "2"}
PINS_PLUGIN = "tidegate-pins"
# Our own Python comes by the environment: a path with a space in it would be taken for two words.
PLUGIN_YAML = f"""\
apiVersion: v1
type: postrenderer/v1
name: {PINS_PLUGIN}
version: 1.0.0
runtime: subprocess
runtimeConfig:
  platformCommand:
    - command: ${{TIDEGATE_PYTHON}}
      args: [-m, cluster_agent.applying.pin_images]
"""

# First match wins: the place in the list is the precedence.
CODES: tuple[tuple[str, str], ...] = (
    ("busy", r"another operation \(install/upgrade/rollback\) is in progress"),
    ("quota_exceeded", r"exceeded quota"),
    ("hook_failed", r"hooks? .*failed|hooks failed"),
    ("policy_denied", r"admission webhook .* denied|denied the request|violates PodSecurity"),
    ("immutable_field", r"field is immutable|updates to statefulset spec for fields other than"),
    ("not_ours", r"exists and cannot be imported into the current release|invalid ownership metadata"),
    (
        "unreachable",
        r"cluster unreachable|connection refused|i/o timeout|TLS handshake|no route to host|connection reset",
    ),
    ("namespace_missing", r'namespaces "[^"]*" not found'),
    ("unreachable", r"no such host|etcdserver|currently unable to handle|too many requests|unexpected EOF|http2: "),
    ("forbidden", r"is forbidden: User|forbidden: attempting to grant|[Ff]orbidden"),
    ("timeout", r"timed out waiting|context deadline exceeded|client rate limiter|did not finish within"),
    ("invalid_chart", r"template:|execution error|parse error|schema\(s\)|Chart\.yaml|requires kubeVersion|YAML"),
    (
        "invalid_chart",
        r"error validating|unable to build kubernetes objects|no matches for kind|is invalid: |gzip|chart",
    ),
)


class HelmDriver(Protocol):
    """What a change needs of Helm. ``timeout`` in seconds. Raises ``ChangeFailed``, ``Unreachable`` or ``Conflict`` (release busy)."""

    def upgrade_install(
        self,
        name: str,
        namespace: str,
        chart: Path,
        values: Mapping[str, Any],
        *,
        images: Mapping[str, str],
        labels: Mapping[str, str],
        description: str,
        timeout: float,
    ) -> None:
        """Install the release, or upgrade it."""
        ...

    def rollback(self, name: str, namespace: str, revision: int, *, timeout: float) -> None:
        """Apply the stored ``revision`` again, as a new revision."""
        ...

    def uninstall(self, name: str, namespace: str, *, timeout: float, keep: bool = False) -> None:
        """Remove the release; one that is not there is removed already. ``keep``: its history stays, and no hook runs."""
        ...


class HelmCli:
    """The ``helm`` 4 binary. ``home`` keeps its discovery cache and our plugin; nothing else is written."""

    def __init__(self, access: Access, home: Path, *, binary: str = "helm") -> None:
        self._home = home.absolute()
        plugin = self._home / "plugins" / PINS_PLUGIN
        plugin.mkdir(parents=True, exist_ok=True)
        (plugin / "plugin.yaml").write_text(PLUGIN_YAML)
        self._binary = shutil.which(binary) or binary
        self._target = [f"--kubeconfig={access.kubeconfig}"] if access.kubeconfig else []
        self._target += [f"--kube-context={access.context}"] if access.context else []

    def upgrade_install(
        self,
        name: str,
        namespace: str,
        chart: Path,
        values: Mapping[str, Any],
        *,
        images: Mapping[str, str],
        labels: Mapping[str, str],
        description: str,
        timeout: float,
    ) -> None:
        """Install the release, or upgrade it."""
        command = ["upgrade", name, str(chart), "--install", "--namespace", namespace, "--values", "-"]
        command += [*_changing(timeout), "--description", description, "--hide-notes"]
        command += ["--labels", ",".join(f"{key}={value}" for key, value in labels.items())]
        with tempfile.TemporaryDirectory(dir=self._home) as folder:
            Path(folder, PINS).write_text(json.dumps(dict(images)))
            command += ["--post-renderer", PINS_PLUGIN, f"--post-renderer-args={folder}"]
            try:
                self._run(command, timeout=timeout, stdin=canonical_json(dict(values)).decode())
            except ChangeFailed as error:
                # Helm keeps what a post-renderer says to itself.
                complaint = Path(folder, COMPLAINT)
                raise ChangeFailed("image_not_pinned", complaint.read_text()) if complaint.exists() else error from None

    def rollback(self, name: str, namespace: str, revision: int, *, timeout: float) -> None:
        """Apply the stored ``revision`` again, as a new revision."""
        self._run(["rollback", name, str(revision), "--namespace", namespace, *_changing(timeout)], timeout=timeout)

    def uninstall(self, name: str, namespace: str, *, timeout: float, keep: bool = False) -> None:
        """Remove the release; one that is not there is removed already. ``keep``: its history stays, and no hook runs."""
        command = ["uninstall", name, "--namespace", namespace, "--ignore-not-found", "--wait"]
        command += ["--keep-history", "--no-hooks"] if keep else []
        self._run([*command, "--timeout", f"{timeout:.0f}s"], timeout=timeout)

    def _run(self, command: Sequence[str], *, timeout: float, stdin: str = "") -> str:
        if shutil.which(self._binary) is None:
            raise Unreachable(f"the helm program is missing: {self._binary}", code="helm_missing")
        # Helm gets a little longer than its own limit, so that its own words about a timeout arrive.
        done = child.run(
            [self._binary, *command, *self._target],
            env=self._environment(),
            cwd=str(self._home),
            timeout=timeout + 5.0,
            stdin=stdin,
        )
        if done.timed_out:
            raise ChangeFailed("timeout", f"helm {command[0]} did not finish within {timeout:.0f} s")
        if done.code < 0:
            # Out of memory, or somebody's kill: it says nothing about the release.
            raise Unreachable(f"helm {command[0]} was killed by signal {-done.code}", code="helm_killed")
        if done.code != 0:
            raise classified(done.stderr or f"helm {command[0]} ended with code {done.code}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        home = str(self._home)
        keep = {key: os.environ[key] for key in ("PATH", "PYTHONPATH", "SSL_CERT_FILE") if key in os.environ}
        # KUBERNETES_SERVICE_* is how Helm finds the cluster of its own pod.
        keep |= {key: value for key, value in os.environ.items() if key.startswith("KUBERNETES_SERVICE_")}
        homes = dict.fromkeys(("HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"), home)
        return keep | SMALL_GO | homes | {"TIDEGATE_PYTHON": sys.executable}


def _changing(timeout: float) -> list[str]:
    return ["--history-max", str(HISTORY_MAX), "--server-side=false", "--timeout", f"{timeout:.0f}s"]


def classified(stderr: str) -> Exception:
    """Return Helm's complaint as the error whose class says what to do; the message is the line that decides."""
    code = next((code for code, pattern in CODES if re.search(pattern, stderr)), "helm_failed")
    line = decisive_line(stderr)
    if code == "busy":
        return Conflict("busy", line)
    if code in {"unreachable", "namespace_missing"}:
        return Unreachable(line, retry_after=10.0, code=code)
    return ChangeFailed(code, line)


def decisive_line(stderr: str) -> str:
    """Return what a person needs of Helm's error output, in one line of at most 500 characters."""
    lines = [
        line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith(("WARNING:", "level="))
    ]
    start = next((index for index, line in enumerate(lines) if line.startswith("Error:")), 0)
    text = " ".join(line.removeprefix("* ") for line in lines[start:])
    text = re.sub(r"^Error: (?:(?:UPGRADE|INSTALLATION|ROLLBACK) FAILED: )?", "", text)
    return text if len(text) <= 500 else f"{text[:240]} … {text[-250:]}"
