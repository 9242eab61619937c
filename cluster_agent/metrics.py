"""``/healthz`` for the kubelet and ``/metrics`` for Prometheus, from one small thread. The text format needs no library."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HELP = {
    "tidegate_agent_polls_total": ("counter", "Polls of the channel, by result."),
    "tidegate_agent_last_poll_timestamp_seconds": ("gauge", "When the channel was last read, seconds since 1970."),
    "tidegate_agent_generation": ("gauge", "Generation of the channel that is believed."),
    "tidegate_agent_reports_waiting": ("gauge", "Reports that the control plane does not have yet."),
}


class Metrics:
    """Numbers by name and labels; safe to use from several threads."""

    def __init__(self, *, silent_limit: float) -> None:
        self._values: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()
        self._beat = time.monotonic()
        self._silent_limit = silent_limit

    def add(self, name: str, label: str = "", amount: float = 1.0) -> None:
        """Count up; ``label`` is ``key="value"``."""
        with self._lock:
            self._values[name, label] = self._values.get((name, label), 0.0) + amount

    def set(self, name: str, value: float) -> None:
        """Set a gauge."""
        with self._lock:
            self._values[name, ""] = value

    def beat(self) -> None:
        """Say that the loop is alive."""
        self._beat = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether the loop gave a sign within its limit."""
        return time.monotonic() - self._beat < self._silent_limit

    def text(self) -> str:
        """Return everything in Prometheus' text format."""
        with self._lock:
            values = sorted(self._values.items())
        lines = []
        for name in sorted({name for (name, _), _ in values}):
            kind, words = HELP[name]
            lines += [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
            mine = [(label, value) for (one, label), value in values if one == name]
            lines += [f"{name}{{{label}}} {value:g}" if label else f"{name} {value:.15g}" for label, value in mine]
        return "\n".join([*lines, ""])


def serve(metrics: Metrics, listen: str) -> ThreadingHTTPServer:
    """Answer on ``host:port`` from a thread that ends with the process."""
    host, _, port = listen.rpartition(":")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = {
                "/metrics": (200, metrics.text()),
                "/healthz": (200, "ok\n") if metrics.alive else (503, "stuck\n"),
            }
            status, text = known.get(self.path, (404, "try /healthz or /metrics\n"))
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_args: Any) -> None:
            """Probes are no news."""

    server = ThreadingHTTPServer((host or "127.0.0.1", int(port)), Handler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
