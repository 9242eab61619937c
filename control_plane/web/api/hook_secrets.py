"""Secrets of webhooks: read from files at each call, so that a new one counts at once; and kept out of every path that is told.

Some vendors can only call a URL, so their secret is its last part. It is taken out before anything else sees the request.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from django.http import HttpRequest

from control_plane.settings import Settings
from control_plane.upstreams.webhooks import VENDORS

PREFIX = "/api/webhooks/"
UNKNOWN = "unknown"
_ATTRIBUTE = "tidegate_url_secret"
log = structlog.get_logger(__name__)


def secrets_of(vendor: str, settings: Settings) -> tuple[str, ...]:
    """Return the secrets that ``vendor`` may send, one per line of its file; none where none can be read.

    Its file is ``webhook_secrets_dir/<vendor>``; where there is none, ``webhook_secret_file``.
    """
    file = _file_of(vendor, settings)
    if file is None:
        return ()
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        log.warning("a webhook's secret cannot be read: none is accepted", vendor=vendor, file=str(file), reason=reason)
        return ()
    return tuple(line.strip() for line in lines if line.strip())


def _file_of(vendor: str, settings: Settings) -> Path | None:
    own = settings.webhook_secrets_dir / vendor if settings.webhook_secrets_dir else None
    return own if own is not None and own.exists() else settings.webhook_secret_file


def hidden_secrets(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware, the outermost: a webhook's path ends with its vendor's name, for routes, logs and error pages alike."""

    def answer(request: Any) -> Any:
        before, mark, rest = request.path_info.partition(PREFIX)
        if mark:
            vendor, _, secret = rest.partition("/")
            setattr(request, _ATTRIBUTE, secret)
            path = f"{before}{PREFIX}{vendor if vendor in VENDORS else UNKNOWN}"
            request.path = request.path_info = request.META["PATH_INFO"] = path
        return get_response(request)

    return answer


def url_secret(request: HttpRequest) -> str:
    """Return what stood behind the vendor's name."""
    found: str = getattr(request, _ATTRIBUTE, "")
    return found
