"""Helm's ``.helmignore``: which files of a chart's folder are not packed, in Helm's own reading of it. PURE.

One pattern a line (``#`` begins a comment), as Go's ``filepath.Match``; the first that matches decides. One without a slash is for names
at any depth, one with a slash for paths from the chart's folder; ``/`` at its end: directories only. ``!`` ignores what does *not* match.
"""

from collections.abc import Sequence

import msgspec

from control_plane.domain.versions.file_patterns import file_match, file_pattern
from control_plane.upstreams.errors import ChartInvalid

FILE = ".helmignore"
MAX_LINES = 1_000
ALWAYS = "templates/.?*"  # Helm's own rule: editors leave such files behind


class Pattern(msgspec.Struct, frozen=True):
    """One line, taken apart. ``whole``: it is for paths, not for names."""

    glob: str
    negate: bool = False
    folders_only: bool = False
    whole: bool = False

    def matches(self, path: str) -> bool:
        """Say whether the glob matches ``path`` (from the chart's folder)."""
        return file_match(self.glob, path if self.whole else path.rpartition("/")[2])


class Ignored(msgspec.Struct, frozen=True):
    """The patterns of one chart. Call it with a path and whether that is a folder."""

    patterns: tuple[Pattern, ...] = ()

    def __call__(self, path: str, *, is_folder: bool) -> bool:
        """Say whether Helm would leave ``path`` out, with all that is in it."""
        for pattern in self.patterns:
            if pattern.negate:
                if (pattern.folders_only and not is_folder) or not pattern.matches(path):
                    return True
            elif (is_folder or not pattern.folders_only) and pattern.matches(path):
                return True
        return False


def read_ignored(text: str, *, where: str) -> Ignored:
    """Return what a chart's ``.helmignore`` says; empty text for a chart without one. Raises ``ChartInvalid``."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    if len(lines) > MAX_LINES:
        raise ChartInvalid(f"{where}/{FILE} has more than {MAX_LINES} lines", code="chart_ignore")
    wanted: Sequence[str] = [line for line in lines if line and not line.startswith("#")]
    return Ignored((*(_pattern(line, where) for line in wanted), _pattern(ALWAYS, where)))


def _pattern(line: str, where: str) -> Pattern:
    if "**" in line:
        raise ChartInvalid(f"{where}/{FILE}: Helm knows no **, which is in {line!r}", code="chart_ignore")
    rule = line.removeprefix("!")
    glob = rule.removesuffix("/")
    if file_pattern(glob) is None:
        raise ChartInvalid(f"{where}/{FILE}: {line!r} is no pattern that Helm can read", code="chart_ignore")
    return Pattern(glob.removeprefix("/"), negate=rule != line, folders_only=glob != rule, whole="/" in glob)
