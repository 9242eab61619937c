"""A JSON document on the web, with a path (JMESPath) that finds the versions in it.

The path gives a list of texts, or of objects with ``version`` and, where known, ``digest``, ``created`` and ``prerelease``. What is of any
other shape says nothing: a document that changed its shape is not a document without versions.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError

from cluster_agent.contract import sha256_hex
from control_plane.domain.errors import InvalidInput, NotFound, Refused, Transient
from control_plane.domain.sources import Listing, Notes, SourceSpec
from control_plane.domain.versions.policy import Tag
from control_plane.upstreams import validators
from control_plane.upstreams.forges import text_of, time_of
from control_plane.upstreams.registry_protocol import without_secrets
from control_plane.upstreams.web_client import WebClient

MAX_PATH = 1_000
_DIGEST_LENGTH = len("sha256:") + 64


class JsonSource:
    """Versions in JSON documents (``source.Source``)."""

    def __init__(self, web: WebClient) -> None:
        self._web = web

    def host(self, spec: SourceSpec) -> str:
        """See ``Source``."""
        return urlsplit(_url(spec)).netloc

    def listing(self, spec: SourceSpec, memo: Mapping[str, str]) -> Listing | None:
        """See ``Source``: what ``spec.path`` finds in the document at ``spec.location``."""
        check_path(spec.path)
        headers = {"Accept": "application/json", **validators.asked(memo)}
        url = _url(spec)
        answer = self._web.ask("GET", url, account=self._web.account_for(url), headers=headers)
        if answer.status == 304:
            return None
        new = validators.told(answer.headers) | {"sha256": sha256_hex(answer.body)}
        if new == memo:
            return None
        return Listing(tags=found_tags(answer.json(), spec.path, where=without_secrets(url)), memo=new)

    def detail(self, spec: SourceSpec, tag: str, *, platforms: bool) -> Tag:
        """See ``Source``: what the document says of the version; without a digest there, it is told by its name."""
        del platforms
        listing = self.listing(spec, {})
        found = next((one for one in listing.tags if one.name == tag), None) if listing else None
        if found is None:
            raise NotFound(f"{without_secrets(spec.location)} has no version {tag}", code="no_such_tag")
        digest = found.digest or f"sha256:{sha256_hex(tag.encode())}"
        return msgspec.structs.replace(found, digest=digest)

    def notes(self, spec: SourceSpec, tag: str, digest: str, *, since: str) -> Notes | None:
        """See ``Source``: a document says it in its listing, if at all."""
        del spec, tag, digest, since
        return None

    def artifact(self, spec: SourceSpec, tag: str, digest: str) -> bytes:
        """See ``Source``. Refused: the document names versions only."""
        del tag, digest
        words = f"{without_secrets(spec.location)} names versions only: declare where its chart is"
        raise Refused(words, code="no_artifact")


def check_path(path: str) -> None:
    """Refuse a path that is no JMESPath. Raises ``InvalidInput``."""
    if len(path) > MAX_PATH:
        raise InvalidInput(f"the path has more than {MAX_PATH} characters", code="json_path")
    try:
        jmespath.compile(path)
    except JMESPathError as error:
        words = f"{path!r} is no JMESPath: {str(error).splitlines()[0]}; for example 'releases[].version'"
        raise InvalidInput(words, code="json_path") from None


def found_tags(content: Any, path: str, *, where: str) -> tuple[Tag, ...]:
    """Return the versions that ``path`` finds, the first of equal ones. Raises ``Transient`` where it finds no list of versions."""
    try:
        found = jmespath.search(path, content)
    except (JMESPathError, TypeError, ValueError, RecursionError) as error:
        raise _unlike(where, path, str(error).splitlines()[0]) from None
    if not isinstance(found, list):
        raise _unlike(where, path, f"finds {'nothing' if found is None else 'no list'}")
    tags: dict[str, Tag] = {}
    for position, item in enumerate(found):
        tag = _tag(item)
        if tag is None:
            raise _unlike(where, path, f"finds something at {position} that is neither text nor has a `version`")
        tags.setdefault(tag.name, tag)
    return tuple(tags.values())


def _url(spec: SourceSpec) -> str:
    return spec.location if "://" in spec.location else f"https://{spec.location}"


def _tag(item: Any) -> Tag | None:
    if isinstance(item, str) and item:
        return Tag(name=item)
    version = text_of(item, "version") if isinstance(item, dict) else ""
    if not version:
        return None
    digest, prerelease = text_of(item, "digest"), item.get("prerelease")
    return Tag(
        name=version,
        digest=digest if digest.startswith("sha256:") and len(digest) == _DIGEST_LENGTH else "",
        created_at=time_of(item, "created"),
        prerelease=prerelease if isinstance(prerelease, bool) else None,
    )


def _unlike(where: str, path: str, problem: str) -> Transient:
    host = urlsplit(where).hostname or where
    words = f"the path {path!r} {problem} in {where}: look at what {host} answers and change the path"
    return Transient(words, retry_after=300, code="json_shape")
