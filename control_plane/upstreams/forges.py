"""What GitHub, GitLab and Gitea have in common: releases and tags in pages of JSON, a release's words kept for people.

A tag without a release is listed too. Every page is asked for with its ETag, and with the account for the project (``github.com/owner``).
Forges name no digest: that of a tag is the SHA-256 of its commit's id, so that a tag that moves is seen.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from cluster_agent.contract import sha256_hex
from control_plane.domain.errors import NotFound, Refused, Transient
from control_plane.domain.sources import MAX_NOTES, Listing, Notes, SourceSpec
from control_plane.domain.versions.policy import Tag
from control_plane.upstreams.credentials import Account
from control_plane.upstreams.registry_auth import default_scheme
from control_plane.upstreams.registry_protocol import next_page, without_secrets
from control_plane.upstreams.web_client import Answer, WebClient, web_place

MAX_PAGES = 100


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A release, or a tag with its ``commit``, as a forge tells it."""

    tag: str
    commit: str = ""
    prerelease: bool = False
    withheld: str = ""
    created_at: datetime | None = None
    notes: Notes = Notes()


class Forge(Protocol):
    """What differs between forges: addresses and the shape of answers. ``server`` is ``https://host``, or ``https://host/path``.

    ``usual_host``: where a project without a server is. ``has_groups``: a project's name may have more than two parts.
    Reading an item gives None for one of another shape.
    """

    usual_host: str
    has_groups: bool

    def releases_url(self, server: str, project: str) -> str:
        """Return where the first page of releases is."""

    def tags_url(self, server: str, project: str) -> str:
        """Return where the first page of tags is."""

    def release_of(self, item: Any) -> Published | None:
        """Read a release."""

    def tag_of(self, item: Any) -> Published | None:
        """Read a tag."""


class ForgeSource:
    """The releases and tags of a project (``source.Source``). ``location`` is ``owner/name`` or a URL (see ``place_of``)."""

    def __init__(self, web: WebClient, forge: Forge, *, max_pages: int = MAX_PAGES) -> None:
        self._web, self._forge, self._max_pages = web, forge, max_pages

    def host(self, spec: SourceSpec) -> str:
        """See ``Source``."""
        return urlsplit(self._forge.releases_url(*place_of(spec, self._forge))).netloc

    def listing(self, spec: SourceSpec, memo: Mapping[str, str]) -> Listing | None:
        """See ``Source``: releases, and the tags that have none. ``memo`` has what proves each page unchanged, by its address."""
        server, project = place_of(spec, self._forge)
        account = self._web.account(*account_place(spec, self._forge))
        if memo and self._is_unchanged(memo, account):
            return None
        proofs: dict[str, str] = {}
        released = self._all(self._forge.releases_url(server, project), account, self._forge.release_of, proofs)
        tagged = self._all(self._forge.tags_url(server, project), account, self._forge.tag_of, proofs)
        commits = {one.tag: one.commit for one in tagged}
        known = {one.tag: one for one in tagged} | {one.tag: one for one in released}
        notes = {one.tag: one.notes for one in released if one.notes != Notes()}
        tags = tuple(_tag(one, commits.get(name, "")) for name, one in known.items())
        return Listing(tags=tags, memo=proofs, notes=notes)

    def detail(self, spec: SourceSpec, tag: str, *, platforms: bool) -> Tag:
        """See ``Source``. What the listing says of the tag; one that names no commit (yet) is told by its name."""
        del platforms
        listing = self.listing(spec, {})
        found = next((one for one in listing.tags if one.name == tag), None) if listing else None
        if found is None:
            raise NotFound(f"{spec.location} has no release or tag {tag}", code="no_such_tag")
        return found if found.digest else msgspec.structs.replace(found, digest=_digest(tag))

    def notes(self, spec: SourceSpec, tag: str, digest: str, *, since: str) -> Notes | None:
        """See ``Source``: a forge says it in its listings."""
        del spec, tag, digest, since
        return None

    def artifact(self, spec: SourceSpec, tag: str, digest: str) -> bytes:
        """See ``Source``. Refused: a forge's releases say which version there is, the chart comes from elsewhere."""
        del tag, digest
        raise Refused(f"{spec.location} names versions only: declare where its chart is", code="no_artifact")

    def _is_unchanged(self, memo: Mapping[str, str], account: Account | None) -> bool:
        """Ask for every page with its ETag: a tag of an old line may appear on any of them."""
        for url, proof in memo.items():
            answer = self._page(url, account, "" if proof.startswith("sha256:") else proof)
            if answer.status != 304 and _proof(answer) != proof:
                return False
            if (following := _next(answer)) is not None and following not in memo:
                return False
        return True

    def _page(self, url: str, account: Account | None, etag: str = "") -> Answer:
        sent = {"Accept": "application/json", **({"If-None-Match": etag} if etag else {})}
        try:
            return self._web.ask("GET", url, account=account, headers=sent)
        except NotFound as error:
            words = f"{error.message}: is the project misspelt, or private? A token of the host lets us see it"
            raise NotFound(words, code="no_such_project") from error

    def _all(
        self, url: str, account: Account | None, read: Callable[[Any], Published | None], proofs: dict[str, str]
    ) -> list[Published]:
        items = (item for page in self._pages(url, account, proofs) for item in page)
        return [one for item in items if (one := read(item)) is not None and one.tag]

    def _pages(self, first: str, account: Account | None, proofs: dict[str, str]) -> Iterator[list[Any]]:
        """Yield every page and note in ``proofs`` what proves it unchanged."""
        url: str | None = first
        for _ in range(self._max_pages):
            if url is None:
                return
            answer = self._page(url, account)
            page = answer.json()
            if not isinstance(page, list):
                raise Transient(f"{without_secrets(url)} answers no list: is this a forge?", code="not_a_forge")
            proofs[url] = _proof(answer)
            yield page
            url = _next(answer)
        if url is not None:
            raise Transient(f"{without_secrets(first)} has more than {self._max_pages} pages", code="too_many_pages")


def place_of(spec: SourceSpec, forge: Forge) -> tuple[str, str]:
    """Return server (``https://github.com``) and project of ``owner/name``, ``host/owner/name`` or a URL.

    Without a scheme, a first part with a dot or a port is a host where two more parts follow. A server that lives below a path is told
    by ``spec.path``; where projects have two parts, whatever stands before them is that path.
    """
    scheme, given, text = spec.location.rpartition("://")
    first, _, rest = text.strip("/").partition("/")
    is_host = bool(given) or ("/" in rest and ("." in first or ":" in first))
    host, project = (first, rest) if is_host else (forge.usual_host, text.strip("/"))
    server = f"{scheme or default_scheme(host)}://{host}"
    below = spec.path.strip("/")
    if not below and is_host and not forge.has_groups:
        below = "/".join(project.split("/")[:-2])
    if below and project.startswith(f"{below}/"):
        return f"{server}/{below}", project.removeprefix(f"{below}/")
    return server, project


def account_place(spec: SourceSpec, forge: Forge) -> tuple[str, str]:
    """Return host and path under which an account for the project is looked for: as people write it, not the API's."""
    server, project = place_of(spec, forge)
    host, path = web_place(server)
    return host, f"{path}/{project}" if path else project


def text_of(item: Mapping[str, Any], *path: str) -> str:
    """Return the text at ``path``, empty where there is none."""
    value: Any = item
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def time_of(item: Mapping[str, Any], *path: str) -> datetime | None:
    """Return the time at ``path`` (RFC 3339), None where there is none."""
    try:
        read = datetime.fromisoformat(text_of(item, *path))
    except ValueError:
        return None
    return read if read.tzinfo is not None else None


def notes_body(text: str) -> str:
    """Return a release's words, cut where they are too long."""
    return text if len(text.encode()) <= MAX_NOTES else text.encode()[: MAX_NOTES - 3].decode(errors="ignore") + "…"


def _proof(answer: Answer) -> str:
    """Return a page's ETag; a server without ETags (Gitea) is believed by the bytes."""
    return answer.headers.get("etag") or f"sha256:{sha256_hex(answer.body)}"


def _next(answer: Answer) -> str | None:
    """Return the address of the next page. Forges name first, previous and last ones in the same header."""
    return next_page(answer.url, answer.headers.get("link", ""))


def _tag(one: Published, commit: str) -> Tag:
    return Tag(
        name=one.tag,
        digest=_digest(commit) if commit else "",
        created_at=one.created_at,
        prerelease=one.prerelease or None,
        withheld=one.withheld,
    )


def _digest(text: str) -> str:
    return f"sha256:{sha256_hex(text.encode())}"


def githubs_release(item: Any) -> Published | None:
    """Read an entry of ``releases`` as GitHub writes it; Gitea and Forgejo write it the same way."""
    if not isinstance(item, dict):
        return None
    notes = Notes(
        title=text_of(item, "name"),
        body=notes_body(text_of(item, "body")),
        url=text_of(item, "html_url"),
        published_at=time_of(item, "published_at"),
        author=text_of(item, "author", "login"),
    )
    return Published(
        tag=text_of(item, "tag_name"),
        prerelease=item.get("prerelease") is True,
        withheld="it is a draft" if item.get("draft") is True else "",
        created_at=time_of(item, "published_at") or time_of(item, "created_at"),
        notes=notes,
    )
