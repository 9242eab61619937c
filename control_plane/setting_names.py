"""Which variables ``TIDEGATE_*`` mean something: a name that does nothing is told, instead of being ignored. Values are never told.

A known former name is an error; any other that is unknown a warning of the servers, because it may belong to somebody's own scripts.
"""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

PREFIX = "TIDEGATE_"
RENAMED = {"REGISTRY_ACCOUNTS_FILE": "ACCOUNTS_FILE"}
OTHERS = frozenset(
    {
        # the command line, the harness, the demo
        *("URL", "TOKEN_FILE", "PROVISIONING", "DEMO_DIR", "PYTHON"),
        # docker-compose.yml
        *("IMAGE", "BASE_IMAGE", "POSTGRES_IMAGE", "REDIS_IMAGE", "LISTEN", "SECRETS"),
    }
)
# Variables of the agent, and of accounts' secrets (docs/credentials.md), whose names their owner chooses.
FAMILIES = ("AGENT_", "ACCOUNT_")
# Kubernetes tells a pod of each service of its namespace by variables like these, and some services are called tidegate-….
SERVICE_HOST, OF_SERVICES = "SERVICE_HOST", ("SERVICE_", "PORT")
LEAST_LIKENESS = 0.7


def renamed(environment: Iterable[str]) -> dict[str, str]:
    """Return the variables that have a former name, each with its present one."""
    return {
        variable: PREFIX + RENAMED[name] for variable, name in sorted(_ours(environment).items()) if name in RENAMED
    }


def unknown(environment: Iterable[str], fields: Collection[str]) -> dict[str, str]:
    """Return the variables that nothing reads, each with the one that was probably meant, or an empty text. ``fields``: of ``Settings``."""
    known, named = {field.upper() for field in fields} | OTHERS, _ours(environment)
    services = {name.removesuffix(SERVICE_HOST) for name in named.values() if name.endswith(SERVICE_HOST)}
    silent = (*FAMILIES, *(service + end for service in services for end in OF_SERVICES))
    return {
        variable: _closest(name, known)
        for variable, name in sorted(named.items())
        if name not in known and not name.startswith(silent)
    }


def _ours(environment: Iterable[str]) -> dict[str, str]:
    """Return our variables with their names as settings know them; letters may be small."""
    return {one: one.upper().removeprefix(PREFIX) for one in environment if one.upper().startswith(PREFIX)}


def _closest(name: str, known: Collection[str]) -> str:
    return next((PREFIX + one for one in get_close_matches(name, sorted(known), n=1, cutoff=LEAST_LIKENESS)), "")
