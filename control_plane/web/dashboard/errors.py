"""Errors as pages: what happened, why, what to do. The status follows the error's class."""

from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from control_plane.domain.errors import InvalidInput, TidegateError

log = structlog.get_logger(__name__)
TITLES = {
    403: "You may not do this",
    404: "There is no such page",
    409: "Not done",
    422: "Not done: something in the form is wrong",
    502: "Not done: something cannot be trusted",
    503: "Not now",
}


class DomainErrors:
    """Middleware: an error that we raised on purpose becomes a page that says it."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response

    def __call__(self, request: Any) -> Any:
        """Pass the request on."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> Any:
        """Return the page for our own errors, None for all others."""
        if not isinstance(error, TidegateError):
            return None
        mistakes = error.mistakes if isinstance(error, InvalidInput) else ()
        return _page(request, error.status, problem=error.message, mistakes=mistakes)


def _page(request: HttpRequest, status: int, *, problem: str, **more: Any) -> Any:
    context = {"status": status, "title": TITLES.get(status, "Something broke"), "problem": problem, **more}
    return render(request, "error.html", {**context, "back": _came_from(request)}, status=status)


def _came_from(request: HttpRequest) -> str:
    """Return the page the person came from, if it is one of ours and another one."""
    referer = request.headers.get("Referer", "")
    if referer == request.build_absolute_uri():
        return ""
    return referer if url_has_allowed_host_and_scheme(referer, {request.get_host()}) else ""


def forbidden(request: HttpRequest, exception: Exception | None = None) -> Any:
    """403."""
    return _page(request, 403, problem=str(exception or "") or "Ask an administrator for the role that this needs.")


def csrf_failure(request: HttpRequest, reason: str = "") -> Any:
    """403: the form is not ours, or it is too old."""
    log.info("form refused", reason=reason, path=request.path)
    return _page(
        request, 403, problem="The form was sent without its secret, or it is too old. Load the page again and repeat."
    )


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: mostly a host name that we do not answer to. Plain text: no page may use that name."""
    log.warning("bad request", path=request.path, reason=str(exception))
    words = "400: not answered under this name. Add it to TIDEGATE_ALLOWED_HOSTS if it is yours.\n"
    return HttpResponse(words, status=400, content_type="text/plain; charset=utf-8")


def not_found(request: HttpRequest, exception: Exception | None = None) -> Any:
    """404."""
    del exception
    return _page(request, 404, problem=f"Nothing is at {request.path}. Search for it, or start from the overview.")


def server_error(request: HttpRequest) -> Any:
    """500: nothing here may fail, so it uses no database."""
    log.error("a page failed", path=request.path)
    return render(request, "broken.html", {"status": 500}, status=500)
