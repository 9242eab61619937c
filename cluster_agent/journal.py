"""The agent's memory, kept in the cluster so that a new pod knows what the old one meant to do.

Three objects in the agent's own namespace: ConfigMap ``…-journal`` (state), Secret ``…-trust`` (TUF metadata), Secret ``…-identity`` (key).
Every write names the version it is based on: two agents can never both write, the second one gets ``Conflict``.
"""

import base64
from collections.abc import Mapping

import msgspec

from cluster_agent.applying.kube import Kube, Object
from cluster_agent.errors import AgentError, Conflict, Untrusted
from cluster_agent.settings import Settings
from cluster_agent.state import State

STATE_KEY = "state.json"


class StoredObject:
    """One ConfigMap or Secret with optimistic locking. Not for concurrent use."""

    def __init__(self, kube: Kube, kind: str, namespace: str, name: str) -> None:
        self._kube = kube
        self._kind = kind
        self._namespace = namespace
        self._name = name
        self._version = ""

    def load(self) -> dict[str, bytes]:
        """Return its content; empty where it does not exist."""
        found = self._kube.get(self._kind, self._namespace, self._name)
        self._version = found["metadata"]["resourceVersion"] if found else ""
        given: dict[str, str] = (found or {}).get("data") or {}
        if self._kind == "Secret":
            return {key: base64.b64decode(value) for key, value in given.items()}
        return {key: value.encode() for key, value in given.items()}

    def save(self, files: Mapping[str, bytes]) -> None:
        """Replace everything by ``files``, in one step. Raises ``Conflict`` where somebody wrote after our last load or save."""
        body = self._body(files)
        if self._version:
            body["metadata"]["resourceVersion"] = self._version
            stored = self._kube.replace(self._kind, self._namespace, body)
        else:
            stored = self._kube.create(self._kind, self._namespace, body)
        self._version = stored["metadata"]["resourceVersion"]

    def _body(self, files: Mapping[str, bytes]) -> Object:
        secret = self._kind == "Secret"
        data = {key: base64.b64encode(value).decode() if secret else value.decode() for key, value in files.items()}
        labels = {"app.kubernetes.io/managed-by": "tidegate-agent"}
        return {
            "apiVersion": "v1",
            "kind": self._kind,
            "metadata": {"name": self._name, "namespace": self._namespace, "labels": labels},
            "data": data,
        }


def stored(kube: Kube, settings: Settings, kind: str, what: str) -> StoredObject:
    """Return the object of the agent's own that keeps ``what``: journal, trust or identity."""
    return StoredObject(kube, kind, settings.namespace, f"{settings.name}-{what}")


class Journal:
    """The state, written before each action."""

    def __init__(self, stored: StoredObject) -> None:
        self._stored = stored
        self.state = State()

    def load(self) -> State:
        """Read the state. Raises ``Untrusted`` (code ``journal_damaged``) for one that cannot be read: a person must look."""
        data = self._stored.load().get(STATE_KEY)
        try:
            self.state = msgspec.json.decode(data, type=State) if data else State()
        except msgspec.DecodeError as error:
            raise Untrusted(
                "journal_damaged", f"the journal cannot be read, delete it to start anew: {error}"
            ) from error
        return self.state

    def save(self, state: State) -> None:
        """Keep ``state``; unchanged state costs nothing. Raises ``Conflict`` where another agent writes the same journal."""
        if state == self.state:
            return
        try:
            self._stored.save({STATE_KEY: msgspec.json.encode(state)})
        except Conflict as error:
            raise SecondAgent("another agent writes this journal: this one stops and looks again") from error
        self.state = state


class SecondAgent(AgentError):
    """Somebody else acts in our place. The loop starts over with what is there now."""

    def __init__(self, message: str) -> None:
        super().__init__("second_agent", message)
