"""Security of every answer: nothing inline, nothing from elsewhere, never in a frame; pages only under a known host name."""

from collections.abc import Callable
from typing import Any

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def security_headers(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware: add ``HEADERS``; pages of signed-in people are never stored by caches."""

    def answer(request: Any) -> Any:
        response = get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answer


PROGRAMS = (
    "/api/",
    "/tuf/",
    "/healthz",
    "/readyz",
)  # authenticated by key or public; called by whatever name the network gives us


def known_host(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware: pages are answered under known host names only, so that no other site's name leads to them."""

    def answer(request: Any) -> Any:
        if not request.path.startswith(PROGRAMS):
            request.get_host()  # raises DisallowedHost, which becomes 400
        return get_response(request)

    return answer
