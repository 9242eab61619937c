"""The client of the HTTP API. Address from ``TIDEGATE_URL``, token from ``TIDEGATE_TOKEN_FILE``.

On the machine where ``tidegate up`` runs both are found in its data directory, so that nothing has to be set.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx2

from control_plane.domain.errors import (
    Forbidden,
    InvalidInput,
    Mistake,
    NotFound,
    Place,
    Refused,
    TidegateError,
    Transient,
)
from control_plane.settings import get_settings

TIMEOUT_SECONDS = 30.0
LOCAL_TOKEN = "cli-token"  # noqa: S105  a file's name
LOCAL_URL = "cli-url"


class Client:
    """Calls ``/api/v1`` of one control plane; an answer that is a problem becomes the error of its class."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        try:
            self._http = httpx2.Client(
                base_url=f"{self.url}/api/v1/", headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_SECONDS
            )
        except (httpx2.InvalidURL, UnicodeEncodeError) as error:
            raise InvalidInput(f"TIDEGATE_URL {self.url!r} or the token cannot be used: {error}") from None

    def get(self, path: str, **params: str | int | None) -> Any:
        """Read ``path``."""
        return self._call("GET", path, params={key: value for key, value in params.items() if value is not None})

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Ask for a change."""
        return self._call("POST", path, json=body)

    def delete(self, path: str) -> Any:
        """Remove ``path``."""
        return self._call("DELETE", path)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
        except httpx2.TransportError as error:
            raise Transient(
                f"no control plane answers at {self.url} ({error}). Start one with `tidegate up`, or set TIDEGATE_URL.",
                code="unreachable",
            ) from error
        if not answer.is_success:
            raise _error_of(answer)
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise _no_reason(answer) from None


def _error_of(answer: httpx2.Response) -> TidegateError:
    try:
        body = answer.json()
        detail, code = str(body["detail"]), str(body["code"])
    except (ValueError, KeyError, TypeError):
        return _no_reason(answer)
    if answer.status_code == 401:
        detail += f" ({answer.request.url.host} does not know this one: make one in the dashboard under Settings)"
    if answer.status_code == 422:
        return InvalidInput(detail, code=code, mistakes=tuple(_mistake(one) for one in body.get("mistakes", ())))
    if answer.status_code == 503:
        return Transient(detail, code=code, retry_after=float(body.get("retry_after", 30)))
    kinds: dict[int, type[TidegateError]] = {
        401: Forbidden,
        403: Forbidden,
        404: NotFound,
        409: Refused,
        413: InvalidInput,
    }
    return kinds.get(answer.status_code, TidegateError)(detail, code=code)


def _no_reason(answer: httpx2.Response) -> Transient:
    where, status = answer.request.url.host, answer.status_code
    if status >= 500:
        return Transient(f"{where} answered {status}: the control plane's log says why")
    return Transient(f"{where} answered {status}, not as Tidegate does: check TIDEGATE_URL")


def _mistake(body: dict[str, Any]) -> Mistake:
    place = Place(
        field=body.get("field", ""), file=body.get("file", ""), line=body.get("line"), column=body.get("column")
    )
    return Mistake(place, problem=body.get("problem", ""), hint=body.get("hint", ""))


@lru_cache(maxsize=1)
def get_client() -> Client:
    """Return the client of the control plane that the environment or the local data directory names."""
    settings = get_settings()
    url = os.environ.get("TIDEGATE_URL") or read_text(settings.data_dir / LOCAL_URL) or settings.url
    if not url.startswith(("http://", "https://")):
        raise InvalidInput(f"TIDEGATE_URL={url} has to begin with https:// or http://", code="url")
    return Client(url, _token(settings.data_dir / LOCAL_TOKEN))


def _token(local: Path) -> str:
    named = os.environ.get("TIDEGATE_TOKEN_FILE")
    file = Path(named) if named else local
    token = read_text(file)
    if token is None:
        raise Refused(
            f"no token: {file} is {'empty' if file.exists() else 'not there'}. Run this where `tidegate up` runs, or make a token "
            "in the dashboard under Settings and name its file in TIDEGATE_TOKEN_FILE.",
            code="no_token",
        )
    if not token.isascii() or len(token.split()) != 1:
        raise InvalidInput(f"{file} has to hold one token and nothing else (tgp_…)", code="token")
    return token


def read_text(path: Path) -> str | None:
    """Return a small file's text without surrounding space; None if it is absent or empty."""
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
