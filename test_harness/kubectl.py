"""Questions to a cluster through the `kubectl` program: killable, time-limited, nothing to import.

The plugin and the evidence read the cluster this way; what changes the application goes through the agent's code.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from test_harness.errors import ToolFailed

LIMIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Kubectl:
    """`kubectl` bound to one namespace of one cluster. ``context`` None: the kubeconfig's current one."""

    kubeconfig: Path
    namespace: str
    context: str | None = None
    program: str = "kubectl"

    def command(self, *arguments: str) -> list[str]:
        """Return the command line for ``arguments``."""
        context = ["--context", self.context] if self.context else []
        return [self.program, "--kubeconfig", str(self.kubeconfig), *context, "-n", self.namespace, *arguments]

    def run(self, *arguments: str, stdin: bytes | None = None, limit: float = LIMIT_SECONDS) -> bytes:
        """Return standard output; raise ToolFailed with the program's own words, or when ``limit`` seconds have passed."""
        try:
            done = subprocess.run(
                self.command(*arguments), input=stdin, capture_output=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ToolFailed(f"kubectl {arguments[0]} did not answer within {limit:.0f} s") from error
        except FileNotFoundError as error:
            raise ToolFailed(
                f"the program {self.program} was not found; `tidegate doctor` tells how to get it"
            ) from error
        if done.returncode != 0:
            words = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
            raise ToolFailed(f"kubectl {arguments[0]}: {words}")
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """Return what ``kubectl … -o json`` prints, decoded."""
        return json.loads(self.run(*arguments, "-o", "json"))

    def items(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the namespace's objects of ``kinds`` (plural resource names)."""
        found: list[dict[str, Any]] = self.json("get", ",".join(kinds))["items"]
        return found
