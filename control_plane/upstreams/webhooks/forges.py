"""GitHub with its container registry (GHCR), GitLab, Gitea and Forgejo. PURE.

Only events that can bring a version are of interest: pushes, tags, releases, packages.
"""

from typing import Any

from control_plane.upstreams.webhooks import places, proofs
from control_plane.upstreams.webhooks.content import at, delivery_name, text
from control_plane.upstreams.webhooks.vendor import Call, Vendor

CHANGES = frozenset({"push", "create", "delete", "release"})
PACKAGES = frozenset({"package", "registry_package"})
GITLAB_HOOKS = frozenset({"Push Hook", "Tag Push Hook", "Release Hook"})
GITLAB_SYSTEM = frozenset({"push", "tag_push", "repository_update"})
GITEA_EVENTS = ("x-gitea-event", "x-forgejo-event")


def _github_names(call: Call, content: Any) -> set[str] | None:
    event = call.header("x-github-event")
    if event in CHANGES:
        return _repository(content)
    return _package_names(call, content)


def _repository(content: Any) -> set[str]:
    addresses = ("html_url", "clone_url", "ssh_url", "git_url")
    return places.forge(
        text(content, "repository.full_name"), *(text(content, f"repository.{one}") for one in addresses)
    )


def _package_names(call: Call, content: Any) -> set[str] | None:
    """GitHub's events of images and charts; packages of other kinds are None's."""
    event = call.header("x-github-event")
    if event and event not in PACKAGES:
        return None
    package = at(content, "registry_package") or at(content, "package")
    if text(package, "package_type", "ecosystem").lower() not in ("container", "docker", ""):
        return None
    owner, name = text(package, "namespace", "owner.login"), text(package, "name")
    found = places.image(f"{owner}/{name}".lower(), "ghcr.io") if owner and name else set()
    address = text(package, "package_version.package_url").rstrip(":")
    return found | (places.image(address) if address.partition("/")[0].count(".") else set())


def _github_delivery(call: Call, content: Any) -> str:
    del content
    return delivery_name(call.header("x-github-delivery"))


def _gitlab_names(call: Call, content: Any) -> set[str] | None:
    event = call.header("x-gitlab-event")
    is_system = event == "System Hook" and text(content, "event_name") in GITLAB_SYSTEM
    if event and not is_system and event not in GITLAB_HOOKS:
        return None
    addresses = ("web_url", "git_http_url", "git_ssh_url")
    return places.forge(
        text(content, "project.path_with_namespace"), *(text(content, f"project.{one}") for one in addresses)
    )


def _gitlab_delivery(call: Call, content: Any) -> str:
    del content
    return delivery_name(call.header("webhook-id", "idempotency-key", "x-gitlab-event-uuid"))


def _gitea_names(call: Call, content: Any) -> set[str] | None:
    event = call.header(*GITEA_EVENTS)
    if event == "package":
        return _gitea_package(at(content, "package"))
    return _repository(content) if event in CHANGES or not event else None


def _gitea_package(package: Any) -> set[str] | None:
    """Gitea serves images and Helm charts under its own host name; other kinds of packages are None's."""
    kind, owner = text(package, "type"), text(package, "owner.login", "owner.username")
    address = text(package, "html_url")
    host, base = places.host_of(address), address.partition(f"/{owner}/-/")[0]  # the server may live below a path
    if kind == "container":
        return places.image(f"{owner}/{text(package, 'name')}".lower(), host)
    return places.url(f"{base}/api/packages/{owner}/helm") if kind == "helm" and host else None


def _gitea_delivery(call: Call, content: Any) -> str:
    del content
    return delivery_name(call.header("x-gitea-delivery", "x-forgejo-delivery"))


_GITHUB_PROOF = proofs.signature("x-hub-signature-256", "sha256=")
_GITEA_PROOF = proofs.any_of(proofs.signature("x-gitea-signature"), proofs.signature("x-forgejo-signature"))
_REPOSITORY = "repository.full_name and the header of the event"

GITHUB = Vendor(name="github", proof=_GITHUB_PROOF, names=_github_names, wanted=_REPOSITORY, delivery=_github_delivery)
GHCR = Vendor(
    name="ghcr",
    proof=_GITHUB_PROOF,
    names=_package_names,
    wanted="package.namespace and package.name",
    delivery=_github_delivery,
)
GITLAB = Vendor(
    name="gitlab",
    proof=proofs.any_of(proofs.standard, proofs.header("x-gitlab-token")),
    names=_gitlab_names,
    wanted="project.path_with_namespace",
    delivery=_gitlab_delivery,
)
GITEA = Vendor(name="gitea", proof=_GITEA_PROOF, names=_gitea_names, wanted=_REPOSITORY, delivery=_gitea_delivery)
FORGEJO = Vendor(name="forgejo", proof=_GITEA_PROOF, names=_gitea_names, wanted=_REPOSITORY, delivery=_gitea_delivery)
VENDORS = (GITHUB, GHCR, GITLAB, GITEA, FORGEJO)
