"""The pytest plugin that maintainers write their suites with: the fixture ``app`` and the markers ``seed`` and ``verify``.

Installed as the pytest plugin ``tidegate``; it does nothing in a test run that neither asks for ``app`` nor gives a phase.
Which tests run in which phase is the table in ``test_harness.phases``. Without ``--tidegate-phase`` every test runs.
"""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from test_harness.forwarding import Forwards
from test_harness.kubectl import LIMIT_SECONDS, Kubectl
from test_harness.phases import SELECTION, Kind, Phase

STATE_FILE = ".tidegate-state.json"
NO_CLUSTER = (
    "the fixture 'app' needs a cluster: give --tidegate-kubeconfig FILE and --tidegate-namespace NAME "
    "(in a rehearsal the harness gives them)"
)


@dataclass
class App:
    """The application under test.

    ``release`` is the version that runs now (empty when started by hand without it), ``phase`` the phase of the rehearsal.
    ``state`` is kept between the phases of one rehearsal: JSON values only.
    """

    namespace: str
    release: str
    phase: str
    state: dict[str, Any]
    _kubectl: Kubectl = field(repr=False)
    _forwards: Forwards = field(repr=False)

    def service_url(self, service: str, port: int) -> str:
        """Return ``http://127.0.0.1:N`` that leads to ``port`` of the Service ``service``, once it has a ready pod."""
        return f"http://127.0.0.1:{self._forwards.local_port(service, port)}"

    def secret(self, name: str) -> dict[str, str]:
        """Return the decoded values of the Secret ``name``."""
        data = self._kubectl.json("get", "secret", name).get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def exec(
        self, pod_selector: str, command: list[str], container: str | None = None, *, limit: float = LIMIT_SECONDS
    ) -> str:
        """Run ``command`` in the first ready pod of the label selector; return its standard output.

        Raises ToolFailed when there is no such pod, the command fails, or ``limit`` seconds have passed.
        """
        choice = ["-c", container] if container else []
        output = self._kubectl.run("exec", self._ready_pod(pod_selector), *choice, "--", *command, limit=limit)
        return output.decode(errors="replace")

    def _ready_pod(self, selector: str) -> str:
        arguments = ("wait", "pod", "-l", selector, "--for=condition=Ready", f"--timeout={LIMIT_SECONDS:.0f}s")
        names = self._kubectl.run(*arguments, "-o", "name", limit=LIMIT_SECONDS + 5).decode().split()
        return names[0]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; the harness gives them all."""
    group = parser.getgroup("tidegate", "Tidegate: the application under test")
    group.addoption("--tidegate-kubeconfig", metavar="FILE", help="kubeconfig of the cluster with the application")
    group.addoption("--tidegate-context", metavar="NAME", help="context in it (default: its current one)")
    group.addoption("--tidegate-namespace", metavar="NAME", help="namespace of the application")
    group.addoption("--tidegate-release", metavar="VERSION", default="", help="version that runs now")
    group.addoption("--tidegate-phase", choices=tuple(SELECTION), help="run only the tests of this phase")
    group.addoption("--tidegate-state", metavar="FILE", help=f"keeps app.state between phases (default: {STATE_FILE})")
    group.addoption("--tidegate-kubectl", metavar="PROGRAM", default="kubectl", help="kubectl program")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    config.addinivalue_line("markers", "seed: puts data into the application; runs once, after the first install")
    config.addinivalue_line("markers", "verify: checks the data; runs after every step of a rehearsal")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of the phase."""
    phase = cast("Phase | None", config.getoption("--tidegate-phase"))
    if phase is None:
        return
    kept = [item for item in items if kind_of(item) in SELECTION[phase]]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def kind_of(item: pytest.Item) -> Kind:
    """Return how the test is marked; ``seed`` wins over ``verify``."""
    if item.get_closest_marker("seed"):
        return "seed"
    return "verify" if item.get_closest_marker("verify") else "unmarked"


@pytest.fixture(scope="session")
def app(pytestconfig: pytest.Config) -> Iterator[App]:
    """The application under test; its state is saved at the end of the session."""
    kubeconfig, namespace = (pytestconfig.getoption(f"--tidegate-{name}") for name in ("kubeconfig", "namespace"))
    if not kubeconfig or not namespace:
        pytest.fail(NO_CLUSTER, pytrace=False)
    kubectl = Kubectl(
        kubeconfig=Path(kubeconfig).absolute(),
        namespace=namespace,
        context=pytestconfig.getoption("--tidegate-context"),
        program=pytestconfig.getoption("--tidegate-kubectl"),
    )
    state_file = Path(pytestconfig.getoption("--tidegate-state") or pytestconfig.rootpath / STATE_FILE)
    forwards = Forwards(kubectl)
    subject = App(
        namespace=namespace,
        release=pytestconfig.getoption("--tidegate-release"),
        phase=pytestconfig.getoption("--tidegate-phase") or "",
        state=load_state(state_file),
        _kubectl=kubectl,
        _forwards=forwards,
    )
    yield subject
    forwards.close()
    save_state(state_file, subject.state)


def load_state(file: Path) -> dict[str, Any]:
    """Return what an earlier phase saved, or an empty dict."""
    if not file.exists():
        return {}
    state: dict[str, Any] = json.loads(file.read_text())
    return state


def save_state(file: Path, state: dict[str, Any]) -> None:
    """Replace ``file``; readable by its owner only, as suites keep passwords in it. TypeError for what is not JSON."""
    text = json.dumps(state)
    fresh = file.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
    fresh.replace(file)
