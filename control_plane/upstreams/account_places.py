"""Under which host and path an account is looked for, for each kind of place. PURE."""

from control_plane.domain.accounts import Use
from control_plane.domain.sources import SourceSpec
from control_plane.upstreams.forges import Forge
from control_plane.upstreams.forges import account_place as forge_place
from control_plane.upstreams.git_address import place_of as git_place
from control_plane.upstreams.gitea import Gitea
from control_plane.upstreams.github import GitHub
from control_plane.upstreams.gitlab import GitLab
from control_plane.upstreams.web_client import web_place

FORGES: dict[str, Forge] = {"github": GitHub(), "gitlab": GitLab(), "gitea": Gitea()}


def account_place(spec: SourceSpec) -> tuple[str, str, Use]:
    """Return host (with an unusual port), path and what the account is used for."""
    if spec.kind == "oci":
        host, _, path = spec.location.partition("/")
        return host, path, "registry"
    if spec.kind in FORGES:
        return *forge_place(spec, FORGES[spec.kind]), "web"
    if spec.kind == "git" and (place := git_place(spec.location)).host:
        return place.server, place.name, "ssh"
    url = spec.location if "://" in spec.location else f"https://{spec.location}"
    return *web_place(url), "web"
