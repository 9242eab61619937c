"""Registries that are products: Docker Hub, Quay, Harbor, JFrog Artifactory. PURE."""

from typing import Any

from control_plane.upstreams.webhooks import places, proofs
from control_plane.upstreams.webhooks.content import at, delivery_name, rows, text
from control_plane.upstreams.webhooks.vendor import Call, Vendor

HARBOR_CHANGES = frozenset(
    {
        "PUSH_ARTIFACT",
        "DELETE_ARTIFACT",
        "harbor.artifact.pushed",
        "harbor.artifact.deleted",
        "pushImage",
        "deleteImage",
        "REPLICATION",
        "harbor.replication.status.changed",
    }
)
HUB = {"hub.docker.com": "docker.io"}
JFROG_CHANGES = frozenset({"pushed", "deleted", "promoted", "deployed", "moved", "copied"})
JFROG_IMAGES = frozenset({"docker", "oci"})
MANIFESTS = frozenset({"manifest.json", "list.manifest.json"})


def _docker_hub_names(call: Call, content: Any) -> set[str]:
    del call
    return places.image(text(content, "repository.repo_name"), "docker.io")


def _docker_hub_delivery(call: Call, content: Any) -> str:
    """Each delivery has a call-back of its own; we never call it."""
    del call
    return delivery_name(text(content, "callback_url"))


def _quay_names(call: Call, content: Any) -> set[str] | None:
    """Builds and vulnerabilities name their repository too; a push tells the tags that it moved."""
    del call
    if isinstance(content, dict) and "docker_url" in content and "updated_tags" not in content:
        return None
    return places.image(text(content, "docker_url"))


def _harbor_names(call: Call, content: Any) -> set[str] | None:
    """Read both of Harbor's forms: its own (``event_data``) and CloudEvents (``data``)."""
    kind = call.header("ce-type") or text(content, "type")
    if kind and kind not in HARBOR_CHANGES:
        return None
    data = at(content, "event_data") or at(content, "data") or content
    if at(data, "replication"):
        return replicated(data) or None
    full = [places.image(text(one, "resource_url")) for one in rows(at(data, "resources"))]
    return set().union(*full) or places.image(text(data, "repository.repo_full_name"))


def replicated(data: Any) -> set[str]:
    """Return where Harbor put what it replicated; nothing while it has not, or failed.

    Of an artifact in a folder of a project Harbor tells the folder only, and of one in Docker Hub the web site's address.
    """
    target = at(data, "replication.dest_resource")
    host = places.host_of(text(target, "endpoint"))
    found: set[str] = set()
    for one in rows(at(data, "replication.successful_artifact")):
        name = text(one, "name_tag").partition(" [")[0].partition(":")[0]
        path = "/".join(part for part in (text(target, "namespace"), name) if part)
        found |= places.image(path) | (places.image(path, HUB.get(host, host)) if host else set())
    return found


def _harbor_delivery(call: Call, content: Any) -> str:
    identity, source = (call.header(f"ce-{one}") or text(content, one) for one in ("id", "source"))
    return delivery_name(source, identity)


def _jfrog_names(call: Call, content: Any) -> set[str] | None:
    del call
    domain, event = text(content, "domain"), text(content, "event_type")
    data = at(content, "data")
    if event and event not in JFROG_CHANGES:
        return None
    if domain in JFROG_IMAGES:
        return _jfrog_image(content, text(data, "repo_key"), text(data, "image_name"))
    if domain == "artifact":
        return _jfrog_artifact(content, text(data, "repo_key"), text(data, "path"))
    return None if domain else set()


def _jfrog_artifact(content: Any, key: str, path: str) -> set[str]:
    """A manifest is an image's or a chart's; anything else may be a chart of the Helm repository ``key``."""
    folder, _, name = path.rpartition("/")
    if name in MANIFESTS:
        return _jfrog_image(content, key, folder.rpartition("/")[0])
    origin = text(content, "jpd_origin").rstrip("/")
    found = places.url(f"{origin}/{key}") if key and origin else set()
    return found | (
        places.url(f"{origin}/artifactory/{key}") if found and not origin.endswith("/artifactory") else set()
    )


def _jfrog_image(content: Any, key: str, name: str) -> set[str]:
    """Artifactory serves one image below the host, below a subdomain, and in virtual repositories under another key."""
    host = places.host_of(text(content, "jpd_origin"))
    if not key or not name:
        return set()
    found = places.image(name) | places.image(f"{key}/{name}")
    return found | (places.image(f"{key}/{name}", host) | places.image(name, f"{key}.{host}") if host else set())


DOCKER_HUB = Vendor(
    name="dockerhub",
    proof=proofs.in_url,
    names=_docker_hub_names,
    wanted="repository.repo_name",
    delivery=_docker_hub_delivery,
)
QUAY = Vendor(name="quay", proof=proofs.in_url, names=_quay_names, wanted="docker_url")
HARBOR = Vendor(
    name="harbor",
    proof=proofs.any_of(proofs.header("authorization"), proofs.BEARER),
    names=_harbor_names,
    wanted="event_data.resources[].resource_url",
    delivery=_harbor_delivery,
)
JFROG = Vendor(
    name="jfrog",
    proof=proofs.any_of(proofs.header("x-jfrog-event-auth"), proofs.signature("x-jfrog-event-auth")),
    names=_jfrog_names,
    wanted="domain, data.repo_key and data.image_name or data.path",
)
VENDORS = (DOCKER_HUB, QUAY, HARBOR, JFROG)
