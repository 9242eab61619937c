"""What sources that are no registries need of HTTP: one request, its redirects followed with care, what its status means.

An account goes only to the host it is for, never over plain HTTP (but on this machine), and not along with a redirect.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

import httpx2
import msgspec

from control_plane.domain.accounts import usual_host
from control_plane.domain.errors import InvalidInput, NotFound, Transient
from control_plane.upstreams.credentials import NOBODY, Account, Accounts, Scheme
from control_plane.upstreams.http import MAX_RETRY_AFTER, PoliteClient, retry_after
from control_plane.upstreams.politeness import read_quota
from control_plane.upstreams.registry_auth import is_internal, is_loopback
from control_plane.upstreams.registry_protocol import read_json, without_secrets

MAX_DOCUMENT = 16 * 1024 * 1024
MAX_REDIRECTS = 5
USUAL_PAUSE = 30.0  # seconds
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Answer(msgspec.Struct, frozen=True):
    """A usable answer (2xx or 304). ``url`` is where it came from in the end; ``body`` is empty where it was written to a file."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def json(self) -> Any:
        """Return the body as JSON. Raises ``Transient``: what is no JSON says nothing."""
        return read_json(self.body, without_secrets(self.url))


class WebClient:
    """Asks web servers through ``http``, which takes turns at each host and may be shared; None: one of its own.

    ``accounts`` are those of ``application``, where it has its own. Not for use after fork.
    """

    def __init__(
        self, http: httpx2.Client | None = None, *, accounts: Accounts = NOBODY, application: str = ""
    ) -> None:
        self._http, self.accounts, self._application = http or PoliteClient(), accounts, application

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def account(self, host: str, path: str = "") -> Account | None:
        """Return the account for a host and path, None where there is none."""
        return self.accounts.find(host, path, self._application, use="web")

    def account_for(self, url: str) -> Account | None:
        """Return the account for the place that a URL names."""
        return self.account(*web_place(url))

    def granted_for(self, url: str) -> Account | None:
        """Return the application's own account for the place that a URL names: others are not for what strangers name."""
        return self.accounts.granted().find(*web_place(url), self._application, use="web")

    def ask(
        self,
        method: str,
        url: str,
        *,
        account: Account | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        scheme: Scheme = "bearer",
        limit: int = MAX_DOCUMENT,
        into: BinaryIO | None = None,
        patience: float | None = None,
    ) -> Answer:
        """Ask as ``account``, following redirects. A body of at most ``limit`` bytes comes back, or is written to ``into``.

        ``patience``: seconds to wait for the next bytes, where the client's own time is too short.

        Raises NotFound (404, 410), Transient (anything that leaves the question open), InvalidInput (too large, no URL).
        """
        authorization = account.header(scheme) if account and _is_private(url) else ""
        sent = {**(headers or {}), **({"Authorization": authorization} if authorization else {})}
        answer = self._follow(url, sent, _Call(method, content, limit, into, patience))
        if account is not None and authorization:
            self._note(account, answer)
        elif account is not None and answer.status == 401:
            raise Transient(f"{without_secrets(url)} wants a password, which is sent over https only", code="denied")
        return _checked(answer)

    def _note(self, account: Account, answer: Answer) -> None:
        if answer.status in {401, 403, 407} and not _is_limited(answer):
            self.accounts.note(account, f"HTTP {answer.status}")
        elif answer.status < 400 or answer.status in {404, 410}:
            self.accounts.note(account, "")

    def _follow(self, url: str, headers: dict[str, str], call: "_Call") -> Answer:
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._send(url, headers, call)
            if answer.status not in _REDIRECTS:
                return answer
            target = urljoin(url, answer.headers.get("location", ""))
            _check_redirect(url, target)
            if urlsplit(target)[:2] != urlsplit(url)[:2]:
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
            url = target
        raise Transient(f"{without_secrets(url)} redirects in a circle", retry_after=300, code="redirects")

    def _send(self, url: str, headers: Mapping[str, str], call: "_Call") -> Answer:
        body = bytearray()
        timeout = httpx2.USE_CLIENT_DEFAULT if call.patience is None else httpx2.Timeout(call.patience)
        with (
            _network_errors(url),
            self._http.stream(call.method, url, headers=headers, content=call.content, timeout=timeout) as response,
        ):
            size = 0
            for chunk in response.iter_bytes():
                size += len(chunk)
                if size > call.limit:
                    raise InvalidInput(f"{without_secrets(url)} is larger than {call.limit} bytes", code="too_large")
                if call.into is not None and response.status_code == 200:
                    call.into.write(chunk)
                else:
                    body += chunk
            return Answer(response.status_code, response.headers, bytes(body), url)


@dataclass(frozen=True, slots=True)
class _Call:
    """What stays the same from redirect to redirect."""

    method: str
    content: bytes | None
    limit: int
    into: BinaryIO | None
    patience: float | None


def web_place(url: str) -> tuple[str, str]:
    """Return host and path of a URL, as accounts name places."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2], parts.path.strip("/").removesuffix(".git")


def same_host(url: str, other: str) -> bool:
    """Say whether two URLs are of the same host and port: an account for one may be shown to the other."""
    return usual_host(web_place(url)[0]) == usual_host(web_place(other)[0])


def _is_private(url: str) -> bool:
    """Say whether what is sent there is heard by nobody else."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.netloc)


def _check_redirect(origin: str, target: str) -> None:
    """Never from HTTPS to HTTP, and never to an internal address that is not the server itself."""
    old, new = urlsplit(origin), urlsplit(target)
    shown = f"{without_secrets(origin)} redirects to {without_secrets(target)}: refused"
    if new.scheme not in {"http", "https"} or (old.scheme == "https" and new.scheme == "http"):
        raise Transient(f"{shown}, it is less safe", retry_after=300, code="unsafe_redirect")
    if new.hostname != old.hostname and is_internal(new.netloc):
        raise Transient(f"{shown}, it is an internal address", retry_after=300, code="unsafe_redirect")


def _checked(answer: Answer) -> Answer:
    """Return an answer that can be used, or raise what its status means."""
    where, status = without_secrets(answer.url), answer.status
    if 200 <= status < 300 or status == 304:
        return answer
    if status in {404, 410}:
        raise NotFound(f"{where} does not exist (HTTP {status}), or we may not see it", code="not_found")
    if status == 429 or status >= 500 or _is_limited(answer):
        raise Transient(f"{where} answers HTTP {status}", retry_after=_pause(answer.headers), code="registry_busy")
    if status in {401, 403, 407}:
        raise Transient(f"{where} does not let us in: HTTP {status}", retry_after=300, code="denied")
    raise Transient(f"{where} answers HTTP {status}", retry_after=300, code="refused")


def _is_limited(answer: Answer) -> bool:
    """GitHub and GitLab refuse with 403 when the hour's requests are used up."""
    left = answer.headers.get("x-ratelimit-remaining") or answer.headers.get("ratelimit-remaining")
    return answer.status == 403 and (left == "0" or "retry-after" in answer.headers)


def _pause(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait, at most an hour: what ``Retry-After`` says, else until a rate limit ends; 30 where neither is told."""
    quota = read_quota(headers, time.time())
    told = retry_after(headers) or (quota.reset if quota else 0.0)
    return min(told, MAX_RETRY_AFTER) or USUAL_PAUSE


@contextmanager
def _network_errors(url: str) -> Iterator[None]:
    try:
        yield
    except httpx2.TimeoutException as error:
        raise Transient(f"{without_secrets(url)} did not answer in time", code="timeout") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Transient(f"{without_secrets(url)} cannot be reached: {error}", code="unreachable") from error
