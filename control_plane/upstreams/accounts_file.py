"""The file that ``TIDEGATE_REGISTRY_ACCOUNTS_FILE`` names: accounts per host, path and application. Every mistake is told at its place.

Its passwords, best in files of their own, are read each time they are needed: a rotated secret is used at once.
"""

from functools import partial
from pathlib import Path
from typing import Any

from control_plane.domain.errors import InvalidInput, Mistake, Place, Transient
from control_plane.upstreams.credentials import Account, Rule, usual_host
from control_plane.upstreams.yaml_source import Value, read_yaml

_NAMES = frozenset({"registry", "username", "password", "passwordFile", "tokenFile", "application"})
_SECRETS = ("password", "passwordFile", "tokenFile")
TOKEN_USER = "token"  # noqa: S105 – registries that take a token as password accept any user name


def read_accounts(path: Path) -> list[Rule]:
    """Read a list of ``{registry: host[/path], username, passwordFile | password | tokenFile, application?}``.

    Files are beside this one unless absolute. Raises ``InvalidInput`` with every mistake; no message holds a secret.
    """
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"the accounts file {path} cannot be read: {type(error).__name__}", code="accounts"
        ) from None
    source = read_yaml(text, file=str(path))
    if not isinstance(source.content, list):
        raise _wrong(path, [_mistake(path, source, "", "no list of accounts", "- registry: ghcr.io/acme")])
    mistakes = [one for position, entry in enumerate(source.content) for one in _mistakes(path, entry, f"[{position}]")]
    if mistakes:
        raise _wrong(path, mistakes)
    return [_rule(path.parent, entry.plain()) for entry in source.content]


def _mistakes(path: Path, entry: Value, field: str) -> list[Mistake]:
    if not isinstance(entry.content, dict):
        return [_mistake(path, entry, field, "an account is a mapping", "registry: ghcr.io/acme")]
    names = set(entry.content)
    found = [
        _mistake(path, value, f"{field}.{name}", problem, f"one of {', '.join(sorted(_NAMES))}")
        for name, value in entry.content.items()
        if (problem := _problem(name, value))
    ]
    if "registry" not in names:
        found.append(_mistake(path, entry, field, "it names no registry", "registry: ghcr.io/acme"))
    if len(names.intersection(_SECRETS)) != 1:
        found.append(_mistake(path, entry, field, "one secret is needed", f"one of {', '.join(_SECRETS)}"))
    if "username" not in names and "tokenFile" not in names:
        found.append(_mistake(path, entry, field, "a password needs its user", "username: ci-bot"))
    return found


def _problem(name: str, value: Value) -> str:
    if name not in _NAMES:
        return "it is not known"
    if not isinstance(value.content, str) or not value.content:
        return "it is no text: write it in quotes"
    return "write it without a scheme" if name == "registry" and "://" in value.content else ""


def _rule(folder: Path, entry: dict[str, Any]) -> Rule:
    host, _, path = entry["registry"].strip("/").partition("/")
    user = entry.get("username", TOKEN_USER)
    file = entry.get("passwordFile") or entry.get("tokenFile")
    read = partial(_from_file, user, folder / file) if file else partial(Account, user, entry.get("password", ""))
    return Rule(usual_host(host), read, path, entry.get("application", ""))


def _from_file(user: str, file: Path) -> Account:
    try:
        return Account(user, file.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        told = f"the password of {user} cannot be read from {file}: {type(error).__name__}"
        raise Transient(told, code="password_file", retry_after=60) from None


def _mistake(path: Path, value: Value, field: str, problem: str, hint: str) -> Mistake:
    return Mistake(Place(field, str(path), value.line, value.column), problem, hint)


def _wrong(path: Path, mistakes: list[Mistake]) -> InvalidInput:
    return InvalidInput(f"the accounts file {path} is wrong", mistakes=tuple(mistakes), code="accounts")
