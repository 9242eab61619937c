"""Docker's network of the kind clusters: made once, and the address at which nodes and pods find this machine."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from test_harness.clusters import CREATED_BY, ClusterError
from test_harness.offline.cache import cache_dir, locked

if TYPE_CHECKING:
    from test_harness.offline.engine import Engine

NETWORK = "kind"


def ensure_network(engine: Engine) -> None:
    """Make kind's network where it is missing, so that its gateway is known before the first cluster."""
    with locked(cache_dir() / "locks" / "network.lock"):
        if _named(engine):
            return
        masquerade = "com.docker.network.bridge.enable_ip_masquerade=true"
        label = f"{CREATED_BY}=tidegate"
        engine.docker("network", "create", "--driver", "bridge", "--opt", masquerade, "--label", label, NETWORK)


def remove_network(engine: Engine) -> bool:
    """Remove kind's network if we made it and nothing is connected to it. False where it was left alone."""
    with locked(cache_dir() / "locks" / "network.lock"):
        ours = _named(engine, "--filter", f"label={CREATED_BY}")
        if not ours or json.loads(engine.docker("network", "inspect", NETWORK))[0]["Containers"]:
            return False
        engine.docker("network", "rm", NETWORK)
        return True


def gateway_address(engine: Engine) -> str:
    """Where this machine is found from nodes and pods: the gateway of kind's network, made where it is missing.

    On macOS Docker's engine lies in a machine of its own, whose name for this one is `host.docker.internal`.
    """
    if sys.platform == "darwin":
        return "host.docker.internal"
    ensure_network(engine)
    described = json.loads(engine.docker("network", "inspect", NETWORK))[0]
    for pool in described["IPAM"]["Config"]:
        if ":" not in pool.get("Gateway", ":"):
            return str(pool["Gateway"]).partition("/")[0]
    raise ClusterError(f"Docker's network {NETWORK} has no IPv4 gateway: `docker network rm {NETWORK}` and try again")


def _named(engine: Engine, *filters: str) -> bool:
    return bool(engine.docker("network", "ls", "--quiet", "--filter", f"name=^{NETWORK}$", *filters).strip())
