"""From a name in a webhook to places as sources store them. What cannot be read as a name is no place. PURE."""

import re
from urllib.parse import urlsplit

from control_plane.domain.versions import references
from control_plane.domain.versions.references import InvalidReference

MAX_URL = 1024
_URL = re.compile(r"(?:https?|ssh|git)://[!-~]+|[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:[!-~]+")
_PATH = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+")


def image(name: str, host: str = "") -> set[str]:
    """Return the repository of an image or chart: in full, and as a bare path where no host is told (then also as Docker reads it)."""
    name = name.removeprefix("oci://")
    try:
        if host == references.DEFAULT_DOMAIN:
            return {references.normalise(f"{host}/{name}").repository}
        if host:
            return {references.parse(f"{host}/{name}").repository}
        return {references.parse(name).repository, references.normalise(name).repository}
    except InvalidReference:
        return set()


def anything(name: str) -> set[str]:
    """Return the place that a person wrote: a repository, or a URL of a chart repository, of Git, of JSON."""
    return url(name) if _URL.fullmatch(name) else image(name)


def url(address: str) -> set[str]:
    """Return ``address`` without a password: as it is, and with and without ``.git`` at its end."""
    if len(address) > MAX_URL or not _URL.fullmatch(address):
        return set()
    given = _without_account(address)
    bare = given.rstrip("/").removesuffix(".git")
    return {given, bare, f"{bare}.git"}


def _without_account(address: str) -> str:
    """HTTP's account is nobody's business; in SSH it is part of the address."""
    if not address.startswith("http"):
        return address
    scheme, _, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def forge(full_name: str, *addresses: str) -> set[str]:
    """Return ``owner/name`` of a forge's repository, as written and in lower case, and its clone URLs."""
    found = {full_name, full_name.lower()} if _is_path(full_name) else set()
    return found.union(*(url(address) for address in addresses))


def _is_path(text: str) -> bool:
    return len(text) <= MAX_URL and _PATH.fullmatch(text) is not None


def host_of(address: str) -> str:
    """Return the host, with its port, of a URL; an empty text if it has none."""
    try:
        authority = urlsplit(address).netloc.rpartition("@")[2]
    except ValueError:
        return ""
    return authority if references.is_domain(authority) else ""
