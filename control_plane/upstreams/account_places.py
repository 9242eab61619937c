"""Under which host and path an account is looked for, for each kind of place, and places as people name them. PURE."""

from typing import get_args

import msgspec

from control_plane.domain.accounts import Use
from control_plane.domain.errors import InvalidInput
from control_plane.domain.sources import Kind, SourceSpec
from control_plane.domain.versions import references
from control_plane.domain.versions.references import InvalidReference
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


def spec_named(place: str, kind: str = "", *, chart: str = "") -> SourceSpec:
    """Read a place as a person names it: a repository, a URL, ``git@host:path``. Raises ``InvalidInput``.

    ``kind`` says what is there where the address does not: a URL may be a Helm repository (of which ``chart`` is asked for), git or JSON.
    """
    if kind and kind not in get_args(Kind):
        raise InvalidInput(f"{kind!r} is no kind of place: {', '.join(get_args(Kind))}", code="source_kind")
    found = kind or _kind_of(place)
    location = _repository(place) if found == "oci" else place.rstrip("/")
    more = {"name": chart or "chart"} if found == "helm" else {"path": "@"} if found == "json" else {}
    return msgspec.convert({"kind": found, "location": location, **more}, SourceSpec)


def _kind_of(place: str) -> Kind:
    if (
        place.startswith("ssh://")
        or ("@" in place and "://" not in place and "@sha256:" not in place)
        or place.endswith(".git")
    ):
        return "git"
    if place.startswith(("https://", "http://")):
        raise InvalidInput(f"{place} may be many things: say which with --kind helm, git or json", code="source_kind")
    return "oci"


def _repository(place: str) -> str:
    try:
        found = references.normalise(place.removeprefix("oci://"))
    except InvalidReference as error:
        raise InvalidInput(str(error), code="invalid_reference") from error
    if "/" not in place.removeprefix("oci://"):
        raise InvalidInput(f"{place} names no repository: for example ghcr.io/acme/web", code="invalid_reference")
    return found.repository
