"""What a cluster's administrator pastes so that a cluster joins, or joins anew. PURE: the same lines on the page and in the terminal.

The token goes through a pipe into a Secret: it is in no argument list, in no Helm value and in no release record.
"""

import shlex
from collections.abc import Sequence

NAMESPACE, SECRET, CHART = "tidegate-agent", "tidegate-agent-join", "charts/tidegate-agent"


def join_lines(*, cluster: str, url: str, namespaces: Sequence[str], token: str) -> tuple[str, str]:
    """Return two lines of shell: the Secret, then the agent."""
    settings = [f"existingSecret={SECRET}", f"cluster={cluster}", f"controlPlane.url={url}"]
    settings += [f"namespaces={{{','.join(namespaces)}}}"] if namespaces else []
    return (
        f"kubectl create namespace {NAMESPACE}; {_from_pipe(token)}",
        f"helm install tidegate-agent {CHART} --namespace {NAMESPACE} {_set(settings)}",
    )


def rejoin_lines(*, token: str) -> tuple[str, str]:
    """Return two lines of shell that give an installed agent a new token: it enrols anew when it starts."""
    settings = _set(["joinToken=", f"existingSecret={SECRET}"])
    upgrade = f"helm upgrade tidegate-agent {CHART} --namespace {NAMESPACE} --reuse-values {settings}"
    return (
        f"{_from_pipe(token)} --dry-run=client -o yaml | kubectl apply -f -",
        f"{upgrade} && kubectl -n {NAMESPACE} rollout restart deployment/tidegate-agent",
    )


def _from_pipe(token: str) -> str:
    # printf is part of the shell: it has no argument list that others could read.
    secret = f"kubectl -n {NAMESPACE} create secret generic {SECRET} --from-file=joinToken=/dev/stdin"
    return f"printf %s {shlex.quote(token)} | {secret}"


def _set(settings: Sequence[str]) -> str:
    return " ".join(f"--set {shlex.quote(setting)}" for setting in settings)
