"""One JSON shape for every error: ``{code, detail, mistakes?, retry_after?}``; the status follows the error's class."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from control_plane.domain.errors import InvalidInput, Mistake, TidegateError, Transient


def problem(status: int, code: str, detail: str, **more: Any) -> JsonResponse:
    """Return the problem as a response."""
    return JsonResponse({"code": code, "detail": detail, **more}, status=status)


def mistake_row(mistake: Mistake) -> dict[str, Any]:
    """Return a mistake, or a warning, as JSON: where it is, what is wrong, what would be right."""
    place = mistake.place
    return {
        "field": place.field,
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "problem": mistake.problem,
        "hint": mistake.hint,
    }


def problem_of(error: TidegateError) -> JsonResponse:
    """Return the response that says ``error``."""
    more: dict[str, Any] = {}
    if isinstance(error, InvalidInput):
        more["mistakes"] = [mistake_row(mistake) for mistake in error.mistakes]
    if isinstance(error, Transient):
        more["retry_after"] = error.retry_after
    response = problem(error.status, error.code, error.message, **more)
    if isinstance(error, Transient):
        response["Retry-After"] = str(max(1, round(error.retry_after)))
    return response


def _on_tidegate_error(request: HttpRequest, error: Any) -> HttpResponse:
    del request
    return problem_of(error)


def _on_validation_error(request: HttpRequest, error: Any) -> HttpResponse:
    del request
    mistakes = [
        {"field": ".".join(str(part) for part in one["loc"][1:]), "problem": one["msg"], "hint": ""}
        for one in error.errors
    ]
    return problem(422, "invalid_input", "the request is not as the API describes it", mistakes=mistakes)


def _on_unauthenticated(request: HttpRequest, error: Any) -> HttpResponse:
    del request, error
    response = problem(401, "unauthenticated", "a valid token is needed: Authorization: Bearer …")
    response["WWW-Authenticate"] = "Bearer"
    return response


def _on_http_error(request: HttpRequest, error: Any) -> HttpResponse:
    del request
    return problem(error.status_code, "http_error", str(error))


def install_handlers(api: NinjaAPI) -> None:
    """Make ``api`` answer every error as a problem."""
    api.add_exception_handler(TidegateError, _on_tidegate_error)
    api.add_exception_handler(ValidationError, _on_validation_error)
    api.add_exception_handler(AuthenticationError, _on_unauthenticated)
    api.add_exception_handler(HttpError, _on_http_error)
