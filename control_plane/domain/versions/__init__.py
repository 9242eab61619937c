"""Versions: schemes, ranges, selection policies, references. PURE; each dialect is held to its cases in ``tests/conformance``."""

from control_plane.domain.versions.policy import Choice, Context, Policy, Tag, Verdict
from control_plane.domain.versions.ranges import InvalidRange, Range, parse_range
from control_plane.domain.versions.references import InvalidReference, Reference
from control_plane.domain.versions.selection import choose, explain
from control_plane.domain.versions.semver import InvalidVersion, Version

__all__ = [
    "Choice",
    "Context",
    "InvalidRange",
    "InvalidReference",
    "InvalidVersion",
    "Policy",
    "Range",
    "Reference",
    "Tag",
    "Verdict",
    "Version",
    "choose",
    "explain",
    "parse_range",
]
