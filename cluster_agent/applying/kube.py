"""The few requests that we make to a Kubernetes API server, as plain dictionaries.

The dynamic client without discovery: the kinds that we touch are known, so their paths are a table. Lists come in chunks.
404 is an answer (None), 409 a ``Conflict``, everything that says nothing about our objects is ``Unreachable``.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec
from kubernetes import config
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError
from kubernetes.stream.ws_client import create_websocket, get_websocket_url
from urllib3.exceptions import HTTPError
from websocket import WebSocket, WebSocketException

from cluster_agent.applying.pod_exec import Conversation
from cluster_agent.errors import AgentError, Conflict, Unreachable

Object = dict[str, Any]

PATHS = {
    "ConfigMap": ("api/v1", "configmaps"),
    "CronJob": ("apis/batch/v1", "cronjobs"),
    "DaemonSet": ("apis/apps/v1", "daemonsets"),
    "Deployment": ("apis/apps/v1", "deployments"),
    "Event": ("api/v1", "events"),
    "Job": ("apis/batch/v1", "jobs"),
    "Lease": ("apis/coordination.k8s.io/v1", "leases"),
    "Namespace": ("api/v1", "namespaces"),
    "Node": ("api/v1", "nodes"),
    "PersistentVolumeClaim": ("api/v1", "persistentvolumeclaims"),
    "Pod": ("api/v1", "pods"),
    "ReplicaSet": ("apis/apps/v1", "replicasets"),
    "Secret": ("api/v1", "secrets"),
    "StatefulSet": ("apis/apps/v1", "statefulsets"),
    "StorageClass": ("apis/storage.k8s.io/v1", "storageclasses"),
}
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
REQUEST_TIMEOUT_SECONDS = 30.0


class Denied(AgentError):
    """The API server understood and said no (403, 422, …). ``code`` is ``forbidden`` or ``invalid_object``."""


@dataclass(frozen=True, slots=True)
class Access:
    """Which cluster: a kubeconfig and context, or (both None) the pod's own service account."""

    kubeconfig: str | None = None
    context: str | None = None


class _NoDiscovery:
    def __init__(self, _client: DynamicClient, _cache_file: str | None) -> None: ...


def connect(access: Access) -> "Kube":
    """Return a client for ``access``. Raises ``Unreachable`` where the configuration cannot be read."""
    try:
        if access.kubeconfig:
            client = config.new_client_from_config(access.kubeconfig, access.context)
        else:
            settings = Configuration()
            config.load_incluster_config(client_configuration=settings)
            client = ApiClient(settings)
    except config.ConfigException as error:
        raise Unreachable(f"no way into the cluster: {error}", code="no_cluster_access") from error
    return Kube(client)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except (DynamicApiError, ApiException) as error:
        status, words = error.status, _words(error)
        if status == 409:
            raise Conflict("conflict", f"{what}: {words}") from error
        if status in {400, 403, 405, 422}:
            raise Denied("forbidden" if status == 403 else "invalid_object", f"{what}: {words}") from error
        raise Unreachable(f"{what}: {status} {words}", retry_after=10.0) from error
    except (HTTPError, OSError, WebSocketException) as error:
        raise Unreachable(f"{what}: {error}", retry_after=10.0) from error


def _words(error: ApiException) -> str:
    try:
        return str(msgspec.json.decode(error.body or "")["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return str(error.reason)


class Kube:
    """One cluster, by its API. Every method raises ``Unreachable``, ``Denied`` or (writes) ``Conflict``."""

    def __init__(self, client: ApiClient) -> None:
        self._client = DynamicClient(client, discoverer=_NoDiscovery)

    def get(self, kind: str, namespace: str | None, name: str) -> Object | None:
        """Return the object, or None where there is none."""
        return self._request("get", _path(kind, namespace, name))

    def list(
        self,
        kind: str,
        namespace: str | None,
        *,
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
        chunk: int = 200,
    ) -> Iterator[Object]:
        """Yield objects by label and field selector, ``chunk`` per request; ``metadata_only`` leaves the rest on the server."""
        query = {"labelSelector": labels, "fieldSelector": fields, "limit": str(chunk)}
        while True:
            accept = METADATA_ONLY if metadata_only else "application/json"
            page = self._request("get", _path(kind, namespace), query=query, accept=accept) or {}
            yield from page.get("items") or ()
            query["continue"] = page.get("metadata", {}).get("continue", "")
            if not query["continue"]:
                return

    def create(self, kind: str, namespace: str | None, body: Object) -> Object:
        """Create ``body``. Raises ``Conflict`` where it exists."""
        return self._request("post", _path(kind, namespace), body=body) or {}

    def replace(self, kind: str, namespace: str | None, body: Object) -> Object:
        """Replace the object; with ``metadata.resourceVersion`` only that version of it."""
        return self._request("put", _path(kind, namespace, body["metadata"]["name"]), body=body) or {}

    def patch(self, kind: str, namespace: str | None, name: str, body: Object) -> Object:
        """Apply a JSON merge patch."""
        path = _path(kind, namespace, name)
        return self._request("patch", path, body=body, content_type="application/merge-patch+json") or {}

    def delete(self, kind: str, namespace: str | None, name: str) -> None:
        """Delete the object and (in the background) what it owns; one that is not there is deleted already."""
        self._request("delete", _path(kind, namespace, name), body={"propagationPolicy": "Background"})

    def log(self, namespace: str, pod: str, container: str, *, tail: int = 40, previous: bool = False) -> str:
        """Return the last ``tail`` lines of a container's log; empty where there is none (yet)."""
        query = {"container": container, "tailLines": str(tail), "previous": "true" if previous else ""}
        try:
            return self._text(_path("Pod", namespace, pod) + "/log", query)
        except Denied:
            return ""  # 400: the container has not started; 403: no right to read logs is no reason to fail

    def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: tuple[str, ...],
        *,
        stdin: Iterator[bytes] | None = None,
        stdout: Callable[[bytes], object] = bytes,
        timeout: float = 3600.0,
    ) -> tuple[int, str]:
        """Run ``command`` in a container; stream its input and output. Returns its exit code and the end of its stderr."""
        query = [("container", container), ("stdout", "true"), ("stderr", "true"), *(("command", c) for c in command)]
        query += [("stdin", "true")] if stdin is not None else []
        path = f"{_path('Pod', namespace, pod)}/exec?{urlencode(query)}"
        with _translated(f"exec in pod {namespace}/{pod}"):
            socket = self._websocket(path)
            try:
                return Conversation(socket, stdout, time.monotonic() + timeout).run(stdin)
            finally:
                socket.close()

    def version(self) -> str:
        """Return the server's version, ``v1.36.3``."""
        return str((self._request("get", "/version") or {}).get("gitVersion", ""))

    def _websocket(self, path: str) -> WebSocket:
        settings = self._client.configuration
        if settings.refresh_api_key_hook:
            settings.refresh_api_key_hook(settings)
        token = settings.get_api_key_with_prefix("BearerToken")
        headers = {"authorization": token} if token else None
        socket: WebSocket = create_websocket(settings, get_websocket_url(settings.host + path), headers)
        return socket

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Object | None = None,
        accept: str = "application/json",
        content_type: str = "application/json",
    ) -> Object | None:
        given = urlencode({key: value for key, value in (query or {}).items() if value})
        with _translated(f"{method} {path}"):
            try:
                answer = self._client.request(
                    method,
                    f"{path}?{given}" if given else path,
                    body=body,
                    header_params={"Accept": accept},
                    content_type=content_type,
                    serialize=False,
                    _request_timeout=REQUEST_TIMEOUT_SECONDS,
                )
            except DynamicApiError as error:
                if error.status == 404 and method in {"get", "delete"}:
                    return None
                raise
            return msgspec.json.decode(answer.data, type=dict[str, Any])

    def _text(self, path: str, query: dict[str, str]) -> str:
        given = urlencode({key: value for key, value in query.items() if value})
        with _translated(f"get {path}"):
            try:
                answer = self._client.request(
                    "get", f"{path}?{given}", serialize=False, _request_timeout=REQUEST_TIMEOUT_SECONDS
                )
            except DynamicApiError as error:
                if error.status == 404:
                    return ""
                raise
            return bytes(answer.data).decode(errors="replace")


def _path(kind: str, namespace: str | None, name: str = "") -> str:
    group, plural = PATHS[kind]
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"/{group}{scope}/{plural}" + (f"/{name}" if name else "")
