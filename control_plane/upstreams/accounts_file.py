"""The file that ``TIDEGATE_ACCOUNTS_FILE`` names: accounts per host, path and application. Every mistake is told at its place.

It is read again when it changes, and its secrets, best in files of their own, each time they are needed: a rotated one is used at once.
A file that became wrong is an error at each look, never "no account".
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from control_plane.domain.accounts import Kind, scope_of
from control_plane.domain.errors import InvalidInput, Mistake, Place, Transient
from control_plane.upstreams import programs
from control_plane.upstreams.credentials import Account, Entry, checked_secret
from control_plane.upstreams.yaml_source import Value, read_yaml

ORIGIN = "accounts file"
_SECRETS: dict[str, Kind] = {
    "password": "password",
    "passwordFile": "password",
    "passwordEnv": "password",
    "tokenFile": "token",
    "tokenEnv": "token",
    "identityTokenFile": "identity",
    "sshKeyFile": "ssh-key",
}
_NAMES = frozenset({"place", "username", "application", *_SECRETS})
_EXAMPLE = "- place: ghcr.io/acme"


class AccountsFile:
    """The file as an origin of accounts. May be used by many threads."""

    def __init__(self, path: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._path, self._environment = path, environment
        self._stamp: tuple[int, int] | None = None
        self._by_host: dict[str, list[Entry]] = {}
        self._lock = Lock()

    def entries(self, host: str) -> Sequence[Entry]:
        """See ``Origin``. Raises ``InvalidInput`` with every mistake of the file."""
        with self._lock:
            if self._stamp != (stamp := self._changed()):
                self._by_host = {"": read_accounts(self._path, self._environment)}
                for entry in self._by_host[""]:
                    self._by_host.setdefault(entry.scope.host, []).append(entry)
                self._stamp = stamp
            return self._by_host.get(host, ())

    def _changed(self) -> tuple[int, int]:
        try:
            state = self._path.stat()
        except OSError as error:
            raise _unreadable(self._path, error) from None
        return state.st_mtime_ns, state.st_size


def read_accounts(path: Path, environment: Mapping[str, str] = os.environ) -> list[Entry]:
    """Read a list of ``{place: host[/path], username?, application?}``, each with one secret: ``password``, ``passwordFile`` …

    Files are beside this one unless absolute. Raises ``InvalidInput`` with every mistake; no message holds a secret.
    """
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from None
    source = _read(text, path)
    if not isinstance(source.content, list):
        raise _wrong(path, [_mistake(path, source, "", "no list of accounts", _EXAMPLE)])
    mistakes = [one for position, entry in enumerate(source.content) for one in _mistakes(path, entry, f"[{position}]")]
    if mistakes:
        raise _wrong(path, mistakes)
    return [_entry(path.parent, one.plain(), environment) for one in source.content]


def _read(text: str, path: Path) -> Value:
    """Read the YAML; what the parser says of a mistake may quote a secret, so only the place is told."""
    try:
        return read_yaml(text, file=str(path))
    except InvalidInput as error:
        told = [Mistake(one.place, "is no YAML that can be read", "look at the quotes there") for one in error.mistakes]
        raise _wrong(path, told) from None


def _mistakes(path: Path, entry: Value, field: str) -> list[Mistake]:
    if not isinstance(entry.content, dict):
        return [_mistake(path, entry, field, "an account is a mapping", _EXAMPLE.removeprefix("- "))]
    names = set(entry.content)
    found = [
        _mistake(path, value, f"{field}.{name}", *problem)
        for name, value in entry.content.items()
        if (problem := _problem(name, value))
    ]
    secrets = names.intersection(_SECRETS)
    if "place" not in names:
        found.append(_mistake(path, entry, field, "it names no place", _EXAMPLE.removeprefix("- ")))
    if len(secrets) != 1:
        found.append(_mistake(path, entry, field, "one secret is needed", f"one of {', '.join(_SECRETS)}"))
    kinds = {_SECRETS[name] for name in secrets}
    if "username" not in names and kinds == {"password"}:
        found.append(_mistake(path, entry, field, "a password needs its user", "username: ci-bot"))
    if "username" in names and kinds & {"ssh-key", "identity"}:
        found.append(_mistake(path, entry, field, "a key or identity token has no user", "leave `username` out"))
    return found


def _problem(name: str, value: Value) -> tuple[str, str] | None:
    if name not in _NAMES:
        return "it is not known", f"one of {', '.join(sorted(_NAMES))}"
    if not isinstance(value.content, str) or not value.content:
        return "it is no text", "write it in quotes"
    if name == "place" and ("://" in value.content or "@" in value.content):
        return "it is no host or host/path", "write it without a scheme and a user: ghcr.io/acme"
    if name.endswith("Env") and not value.content.startswith(programs.SECRETS):
        return f"the variable's name does not begin with {programs.SECRETS}", f"{programs.SECRETS}GHCR"
    return None


def _entry(folder: Path, entry: dict[str, Any], environment: Mapping[str, str]) -> Entry:
    name = next(name for name in _SECRETS if name in entry)
    user, kind = entry.get("username", ""), _SECRETS[name]
    kind = "password" if kind == "token" and user else kind  # a token with a user is sent as a password is
    scope = scope_of(entry["place"], entry.get("application", ""))
    read = partial(_account, user, kind, scope.place, _reader(name, entry[name], folder, environment))
    return Entry(scope=scope, origin=ORIGIN, read=read, user=user, kind=kind)


def _account(user: str, kind: Kind, place: str, read: Callable[[], str]) -> Account:
    return Account(user, checked_secret(read(), kind, f"the {kind} for {place}"), kind)


def _reader(name: str, value: str, folder: Path, environment: Mapping[str, str]) -> Callable[[], str]:
    if name.endswith("File"):
        return partial(_from_file, folder / value)
    return partial(_from_environment, value, environment) if name.endswith("Env") else lambda: value


def _from_file(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        told = f"the secret of an account cannot be read from {file}: {type(error).__name__}"
        raise Transient(told, code="password_file", retry_after=60) from None


def _from_environment(variable: str, environment: Mapping[str, str]) -> str:
    if variable not in environment:
        raise Transient(
            f"the variable {variable} is not set: an account needs it", code="password_env", retry_after=300
        )
    return environment[variable]


def _mistake(path: Path, value: Value, field: str, problem: str, hint: str) -> Mistake:
    return Mistake(Place(field, str(path), value.line, value.column), problem, hint)


def _wrong(path: Path, mistakes: list[Mistake]) -> InvalidInput:
    return InvalidInput(f"the accounts file {path} is wrong", mistakes=tuple(mistakes), code="accounts")


def _unreadable(path: Path, error: Exception) -> InvalidInput:
    return InvalidInput(f"the accounts file {path} cannot be read: {type(error).__name__}", code="accounts")
