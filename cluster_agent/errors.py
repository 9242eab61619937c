"""Errors of the agent whose class says what the caller does; the text is for people.

| class        | the agent                                                                  | marks the generation bad |
|--------------|----------------------------------------------------------------------------|--------------------------|
| Untrusted    | refuses and reports: signature, digest, generation or expiry is wrong      | no                       |
| Unreachable  | could not find out: tries again after ``retry_after`` seconds              | no                       |
| ChangeFailed | the release does not run here: rolls back and reports                      | yes                      |
| Conflict     | somebody else wrote in between: reads again before it acts                 | no                       |
"""


class AgentError(Exception):
    """Base of all errors that the agent raises on purpose. ``code`` is a stable machine word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Untrusted(AgentError):
    """What was read may not be believed. Never retried with the same bytes."""


class Unreachable(AgentError):
    """Could not find out; says nothing about the release."""

    def __init__(self, message: str, retry_after: float = 30.0, code: str = "unreachable") -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class ChangeFailed(AgentError):
    """The change was tried and does not work in this cluster. ``message`` quotes the decisive line."""


class Conflict(AgentError):
    """A write met a newer version of the object."""
