"""Who calls, behind a reverse proxy: only proxies that settings name are believed about it, so that nobody chooses his own address.

Sign-ins are slowed down by address, and refused webhooks are logged with it.
"""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from control_plane.settings import get_settings

Network = IPv4Network | IPv6Network


def caller_address(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware: ``REMOTE_ADDR`` is the caller's address, not that of a proxy of ours."""
    trusted = get_settings().trusted_proxies

    def answer(request: Any) -> Any:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
        if trusted and forwarded:
            request.META["REMOTE_ADDR"] = address_of(request.META.get("REMOTE_ADDR", ""), forwarded, trusted)
        return get_response(request)

    return answer


def address_of(remote: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """Return the nearest address that is no proxy of ours: each proxy appends the one that called it."""
    chain = [*(part.strip() for part in forwarded.split(",")), remote]
    for nearest in reversed(chain):
        if not _is_trusted(nearest, trusted):
            return nearest if _is_address(nearest) else remote
    return chain[0]


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in trusted)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
