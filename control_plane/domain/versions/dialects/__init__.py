"""The dialects a policy may be written in, each held to its peer's own cases in ``tests/conformance``. PURE.

A dialect is one module: functions that answer as the peer does, and ``compile_…`` which makes a ``policy.Rule`` of them.
"""

from control_plane.domain.versions.dialects import argocd, calendar, docker, flux, flux1, frontier, helm, keel, pep440
from control_plane.domain.versions.policy import CompileRule, Dialect

DIALECTS: dict[Dialect, CompileRule] = {
    "helm": helm.compile_range,
    "keel": keel.compile_policy,
    "flux-semver": flux.compile_semver,
    "flux-alphabetical": flux.compile_alphabetical,
    "flux-numerical": flux.compile_numerical,
    "flux1": flux1.compile_pattern,
    "argocd-semver": argocd.compile_semver,
    "argocd-newest-build": argocd.compile_newest_build,
    "argocd-alphabetical": argocd.compile_alphabetical,
    "argocd-digest": argocd.compile_digest,
    "frontier": frontier.compile_frontier,
    "pep440": pep440.compile_specifier,
    "calendar": calendar.compile_format,
    "docker": docker.compile_family,
}
