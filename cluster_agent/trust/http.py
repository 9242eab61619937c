"""One bounded GET: in size, in time, in redirects (none). What comes back is bytes to be verified, nothing more."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from cluster_agent.errors import Unreachable

STEP_TIMEOUT_SECONDS = 10.0
TOTAL_TIMEOUT_SECONDS = 60.0
NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. ``date`` is the server's clock as it says, unproved: good for words, never for decisions.

    ``cut`` is True where the body was longer than the limit; it then holds the beginning.
    """

    url: str
    status: int
    body: bytes
    etag: str
    date: datetime | None
    content_type: str
    retry_after: float
    cut: bool


def get(client: httpx2.Client, url: str, *, limit: int, etag: str = "") -> Answer:
    """Read ``url``, at most ``limit`` bytes of it. Raises ``Unreachable`` if no whole answer came."""
    # Identity: a compressed answer could unpack to any size, and metadata is small.
    headers = {"Accept-Encoding": "identity"} | ({"If-None-Match": etag} if etag else {})
    try:
        with client.stream(
            "GET", url, headers=headers, timeout=STEP_TIMEOUT_SECONDS, follow_redirects=False
        ) as response:
            body, cut = _read(response, url, limit)
            return _answer(url, response, body, cut=cut)
    except httpx2.TimeoutException:
        raise Unreachable(f"no answer from {url} within {STEP_TIMEOUT_SECONDS:.0f} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Unreachable(f"cannot read {url}: {str(error) or type(error).__name__}") from None


def refuse_status(answer: Answer) -> Unreachable:
    """Return the error for an answer that is neither 200 nor 304, with the next step."""
    if 300 <= answer.status < 400:
        hint = "it redirects: set the agent's address to where the files really are"
    elif answer.status in (401, 403):
        hint = "the server or a proxy wants a sign-in: published files must be readable without one"
    elif answer.status == 404:
        hint = "there is no repository: check the agent's address"
    else:
        hint = "the server has a problem; what runs goes on running"
    return Unreachable(f"{answer.url} answers {answer.status}: {hint}", retry_after=answer.retry_after)


def _read(response: httpx2.Response, url: str, limit: int) -> tuple[bytes, bool]:
    deadline = time.monotonic() + TOTAL_TIMEOUT_SECONDS
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > limit:
            return bytes(body[:limit]), True
        if time.monotonic() > deadline:
            raise Unreachable(f"{url} did not arrive within {TOTAL_TIMEOUT_SECONDS:.0f} s")
    return bytes(body), False


def _answer(url: str, response: httpx2.Response, body: bytes, *, cut: bool) -> Answer:
    return Answer(
        url=url,
        status=response.status_code,
        body=body,
        etag=response.headers.get("etag", ""),
        date=_date(response.headers.get("date", "")),
        content_type=response.headers.get("content-type", "").partition(";")[0].strip().lower(),
        retry_after=_seconds(response.headers.get("retry-after", "")),
        cut=cut,
    )


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _seconds(text: str) -> float:
    """Return a ``Retry-After`` in seconds, held between 1 second and 1 hour; 30 where there is none."""
    return min(max(float(text), 1.0), 3600.0) if text.isdigit() else 30.0
