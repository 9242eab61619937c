"""Errors whose class says what the caller does; the text is for people.

| class        | the caller                                   | HTTP | retried |
|--------------|----------------------------------------------|------|---------|
| Refused      | tells the person: understood, not allowed now | 409  | no      |
| Forbidden    | tells the person: not allowed for this actor  | 403  | no      |
| InvalidInput | shows the place in the input                  | 422  | no      |
| NotFound     | says what was looked for                      | 404  | no      |
| Transient    | retries after ``retry_after`` seconds         | 503  | yes     |
| Untrusted    | alerts: signature, digest or generation wrong | 502  | never   |
"""

from dataclasses import dataclass


class TidegateError(Exception):
    """Base of all errors that we raise on purpose. ``code`` is a stable machine word."""

    status = 500

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).__name__.lower()


class Refused(TidegateError):
    """Understood, not allowed now."""

    status = 409


class Forbidden(Refused):
    """Understood, not allowed for this actor."""

    status = 403


@dataclass(frozen=True, slots=True)
class Place:
    """Where in an input a mistake is: ``field`` is a dotted path (``spec.channels[1].after``); ``line`` and ``column`` start at 1."""

    field: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        position = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        return ": ".join(part for part in (position, self.field) if part)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in an input, and what would be right."""

    place: Place
    problem: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.place}: {self.problem}" if str(self.place) else self.problem
        return f"{text}\n    {self.hint}" if self.hint else text


class InvalidInput(TidegateError):
    """The input is wrong; ``mistakes`` name every place that is."""

    status = 422

    def __init__(self, message: str, *, mistakes: tuple[Mistake, ...] = (), code: str = "") -> None:
        super().__init__(message, code=code)
        self.mistakes = mistakes


class NotFound(TidegateError):
    """There is no such thing."""

    status = 404


class Transient(TidegateError):
    """Could not find out; try again after ``retry_after`` seconds."""

    status = 503

    def __init__(self, message: str, *, retry_after: float = 30.0, code: str = "") -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class Untrusted(TidegateError):
    """A signature, digest or generation is wrong. Never retried, always an alert."""

    status = 502
