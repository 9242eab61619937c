"""What must not be told: every secret that was handed out. Servers repeat what they are sent, in errors, headers and redirects.

So whatever goes wrong while the outside is read is told without them, in every spelling in which a server might repeat them. One place
does this for all (``reader``); nobody else has to think of it.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import Protocol

from control_plane.domain.errors import InvalidInput, Mistake, TidegateError, Transient

HIDDEN = "[secret]"
SHORTEST = 4  # a shorter secret stands in half of all messages, and hiding it there would say where it is
TOKENS = 1_000  # as many of the tokens that registries lent are remembered


class Secret(Protocol):
    """Something with a secret."""

    def spellings(self) -> Sequence[str]:
        """Return the secret in every way in which a server might repeat it."""


class Unspoken:
    """The secrets of one process. May be used by many threads."""

    def __init__(self) -> None:
        self._known: set[Secret] = set()
        self._tokens: deque[str] = deque(maxlen=TOKENS)
        self._lock = Lock()

    def add(self, secret: Secret) -> None:
        """Remember a secret for ever: it may be repeated at any time."""
        if secret not in self._known:
            with self._lock:
                self._known.add(secret)

    def add_token(self, header: str) -> None:
        """Remember a token that was lent, as the header that shows it."""
        self._tokens.append(header.partition(" ")[2] or header)

    def clean(self, text: str) -> str:
        """Return ``text`` without any of them."""
        with self._lock:
            spellings = {one for secret in self._known for one in secret.spellings()} | set(self._tokens)
        for one in sorted(spellings, key=len, reverse=True):
            if len(one) >= SHORTEST:
                text = text.replace(one, HIDDEN)
        return text

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Whatever goes wrong inside is told without them; what led to it is left out where it would tell one."""
        try:
            yield
        except Exception as error:
            cleaned = self._cleaned(error)
            if cleaned is None:
                raise
            raise cleaned from None

    def _cleaned(self, error: Exception) -> Exception | None:
        """Return the error to raise in place of this one; None where nothing that it tells is secret."""
        told = "\n".join(_told(error))
        if self.clean(told) == told:
            return None
        if not isinstance(error, TidegateError):
            return Transient(
                f"{type(error).__name__} while the outside was read: what it says is secret", code="unspoken"
            )
        error.message = self.clean(error.message)
        error.args = (error.message,)
        if isinstance(error, InvalidInput):
            error.mistakes = tuple(self._clean_mistake(one) for one in error.mistakes)
        return error

    def _clean_mistake(self, mistake: Mistake) -> Mistake:
        return replace(mistake, problem=self.clean(mistake.problem), hint=self.clean(mistake.hint))


def _told(error: BaseException) -> Iterator[str]:
    """Yield all that a trace of the error would show."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield f"{following} {following.args}"
        if isinstance(following, InvalidInput):
            yield from map(str, following.mistakes)
        following = following.__cause__ or following.__context__
