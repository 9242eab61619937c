"""What proves that something on the web has not changed: its ETag, else its date where that can be relied on. PURE.

A date has whole seconds: of two changes in one second the later would never be seen. So it counts only where the answer itself is at
least two seconds younger (RFC 9110, 8.8.2.2).
"""

from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime

SAFE = timedelta(seconds=2)
_ASKED = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}


def told(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what an answer's headers (names in lower case, or a mapping that does not care) tell: one proof, or none."""
    if etag := headers.get("etag"):
        return {"etag": etag}
    modified = headers.get("last-modified", "")
    return {"last-modified": modified} if modified and _is_old(modified, headers.get("date", "")) else {}


def asked(known: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that ask whether it has changed since; ``known`` is what was told."""
    return {header: known[name] for name, header in _ASKED.items() if known.get(name)}


def _is_old(modified: str, date: str) -> bool:
    try:
        return parsedate_to_datetime(date) - parsedate_to_datetime(modified) >= SAFE
    except (ValueError, TypeError, OverflowError):
        return False
