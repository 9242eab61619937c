"""Ports of Services on this machine's loopback, through ``kubectl port-forward``.

The pod is chosen here, from the Service's ready endpoints: kubectl itself prefers the pod that has been ready longest,
which after an upgrade is the old one on its way out.
"""

import re
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from test_harness.errors import ToolFailed
from test_harness.kubectl import Kubectl

READY_SECONDS = 60.0
POLL_SECONDS = 0.25
FORWARDING = re.compile(rb"Forwarding from 127\.0\.0\.1:(\d+) ->")


@dataclass
class Forwards:
    """Open port-forwards, one per Service and port, made when first asked for and made anew when they break."""

    kubectl: Kubectl
    _open: dict[tuple[str, int], tuple["subprocess.Popen[bytes]", int]] = field(default_factory=dict)

    def local_port(self, service: str, port: int) -> int:
        """Return the loopback port that leads to ``port`` of ``service``; wait for a ready pod if there is none yet."""
        process, local = self._open.get((service, port), (None, 0))
        if process is not None and process.poll() is None:
            return local
        pod, pod_port = self._ready_endpoint(service, port)
        self._open[service, port] = forward = self._start(pod, pod_port)
        return forward[1]

    def close(self) -> None:
        """End all of them."""
        for process, _ in self._open.values():
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
        self._open.clear()

    def _ready_endpoint(self, service: str, port: int) -> tuple[str, int]:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            endpoint = find_endpoint(self.kubectl.items("services", "endpointslices"), service, port)
            if endpoint:
                return endpoint
            if time.monotonic() > deadline:
                raise ToolFailed(
                    f"the Service {service} has no ready pod behind port {port} after {READY_SECONDS:.0f} s"
                )
            time.sleep(POLL_SECONDS)

    def _start(self, pod: str, pod_port: int) -> tuple["subprocess.Popen[bytes]", int]:
        command = self.kubectl.command("port-forward", "--address", "127.0.0.1", f"pod/{pod}", f":{pod_port}")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.stdout is not None
        timer = threading.Timer(READY_SECONDS, process.kill)
        timer.start()
        line = process.stdout.readline()
        timer.cancel()
        if found := FORWARDING.match(line):
            threading.Thread(target=process.stdout.read, daemon=True).start()  # kubectl prints a line per connection
            return process, int(found[1])
        process.kill()
        process.wait()
        raise ToolFailed(f"kubectl port-forward to pod {pod}: {line.decode(errors='replace').strip()}")


def find_endpoint(objects: list[dict[str, Any]], service: str, port: int) -> tuple[str, int] | None:
    """Return (pod name, pod port) of a ready endpoint of ``service``, None if there is none now.

    ``objects`` are the namespace's Services and EndpointSlices. Raises ToolFailed when the Service or its port does not exist.
    """
    name = _port_name([found for found in objects if found["kind"] == "Service"], service, port)
    for piece in objects:
        labels = piece["metadata"].get("labels", {})
        if piece["kind"] != "EndpointSlice" or labels.get("kubernetes.io/service-name") != service:
            continue
        ports = [entry["port"] for entry in piece.get("ports") or [] if entry.get("name", "") == name]
        pods = [entry["targetRef"]["name"] for entry in piece.get("endpoints") or [] if _is_ready_pod(entry)]
        if ports and pods:
            return pods[0], ports[0]
    return None


def _port_name(services: list[dict[str, Any]], service: str, port: int) -> str:
    found = {entry["metadata"]["name"]: entry["spec"].get("ports", []) for entry in services}
    if service not in found:
        raise ToolFailed(f"there is no Service {service}; the namespace has: {', '.join(sorted(found)) or 'none'}")
    names = {entry["port"]: str(entry.get("name", "")) for entry in found[service]}
    if port not in names:
        raise ToolFailed(f"the Service {service} has no port {port}; it has: {', '.join(map(str, sorted(names)))}")
    return names[port]


def _is_ready_pod(endpoint: dict[str, Any]) -> bool:
    return bool(endpoint.get("conditions", {}).get("ready")) and endpoint.get("targetRef", {}).get("kind") == "Pod"
