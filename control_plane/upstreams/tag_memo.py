"""What is remembered of a repository's list of tags, so that an unchanged one is cheap also after a restart. PURE.

A memo holds a hash of all tags and what proves each page unchanged. It is trusted for some hours only: an ETag that a registry makes of the
body alone does not change when a full page gets a successor.
"""

from collections.abc import Mapping, Sequence

import msgspec

from cluster_agent.contract import canonical_json, sha256_hex

TRUSTED_SECONDS = 6 * 3600.0
MAYBE_FULL = 50  # pages are cut at multiples of it: 50, 100, 1,000


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page. ``names`` are None where it did not change; ``next`` is the URL of the page after it. ``proof``: see ``validators``."""

    url: str
    proof: dict[str, str] = {}
    next: str | None = None
    names: list[str] | None = None


class _Known(msgspec.Struct, frozen=True):
    at: float
    pages: tuple[Page, ...]


def make(pages: Sequence[Page], names: Sequence[str], now: float) -> dict[str, str]:
    """Return the memo of what was read at ``now`` (seconds since 1970)."""
    memo = {"tags": sha256_hex(canonical_json(sorted(names)))}
    if all(page.proof for page in pages) and not _may_go_on(pages[-1]):
        known = [Page(url=page.url, proof=page.proof, next=page.next) for page in pages]
        memo["pages"] = msgspec.json.encode(_Known(now, tuple(known))).decode()
    return memo


def known_pages(memo: Mapping[str, str], first: str, now: float) -> list[Page]:
    """Return the pages that may be asked for conditionally: none where the memo is old, damaged, or of another place."""
    try:
        known = msgspec.json.decode(memo.get("pages", ""), type=_Known)
    except (msgspec.DecodeError, ValueError):
        return []
    is_fresh = 0 <= now - known.at < TRUSTED_SECONDS
    return list(known.pages) if is_fresh and known.pages and known.pages[0].url == first else []


def _may_go_on(last: Page) -> bool:
    return bool(last.names) and len(last.names or ()) % MAYBE_FULL == 0
