"""Which accounts a rehearsal gets: those for the chart and the images of its releases, and no others."""

from collections.abc import Iterable, Iterator, Mapping

from cluster_agent.contract import ApplicationManifest
from cluster_agent.contract.manifest import KEPT
from control_plane.domain.versions import references
from control_plane.domain.versions.references import Reference
from control_plane.upstreams.credentials import TOKEN_USER, Account, Accounts
from control_plane.upstreams.docker_config import TOKEN_NAME
from test_harness.runner import Login


def logins_for(
    manifests: Iterable[ApplicationManifest], accounts: Accounts, mirrors: Mapping[str, str]
) -> dict[str, Login]:
    """Return a login by repository. What a mirror reads has none. Raises what reading an account raises."""
    found: dict[str, Login] = {}
    for manifest in manifests:
        for name in _names(manifest):
            if mirrors.get(name.domain) or mirrors.get("*"):
                continue
            account = accounts.find(name.domain, name.path, manifest.name)
            if account is not None:
                found[name.repository] = _login(account)
    return found


def _names(manifest: ApplicationManifest) -> Iterator[Reference]:
    for name in (manifest.artifact.ref, *manifest.images):
        if not name.startswith(KEPT):
            yield references.normalise(name.removeprefix("oci://"))


def _login(account: Account) -> Login:
    if account.kind == "identity":
        return Login("" if account.user == TOKEN_NAME else account.user, account.secret, is_identity=True)
    return Login(account.user or TOKEN_USER, account.secret)
