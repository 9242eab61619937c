"""What a cluster's administrator pastes so that a cluster joins, or joins anew. PURE: the same lines on the page and in the terminal.

The token goes through a pipe into a Secret: it is in no argument list, in no Helm value and in no release record.
"""

import shlex
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

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


def nobody_reaches(url: str) -> str:
    """Return why no pod reaches a control plane at ``url``, and what to do; empty where one may."""
    address = urlsplit(url)
    if not _is_of_this_machine_alone(address.hostname or ""):
        return ""
    port = f":{address.port}" if address.port else ""
    return (
        f"No agent reaches {url}: in a pod that address is the pod itself. Start the control plane with --also-listen ADDRESS and "
        f"TIDEGATE_PUBLIC_URL={address.scheme}://ADDRESS{port}, ADDRESS being one of this machine that the cluster reaches "
        "(or the address of a proxy), and give the same as controlPlane.url."
    )


def _is_of_this_machine_alone(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _from_pipe(token: str) -> str:
    # printf is part of the shell: it has no argument list that others could read.
    secret = f"kubectl -n {NAMESPACE} create secret generic {SECRET} --from-file=joinToken=/dev/stdin"
    return f"printf %s {shlex.quote(token)} | {secret}"


def _set(settings: Sequence[str]) -> str:
    return " ".join(f"--set {shlex.quote(setting)}" for setting in settings)
