"""``.helmignore`` as Helm reads it; ``tests/integration/test_sources_git.py`` compares with Helm itself."""

import pytest

from control_plane.upstreams.errors import ChartInvalid
from control_plane.upstreams.helmignore import read_ignored

FILES = (
    "Chart.yaml", "README.md", "ci/values.yaml", "docs/a.md", "docs/deep/b.md", "templates/.swp", "templates/a.yaml", "x.tmp",
)  # fmt: skip


def kept(text: str) -> list[str]:
    """Walk as Helm does: a folder that is ignored is not entered."""
    ignored = read_ignored(text, where="web")

    def is_out(path: str) -> bool:
        parts = path.split("/")
        above = ("/".join(parts[:end]) for end in range(1, len(parts)))
        return any(ignored(one, is_folder=True) for one in above) or ignored(path, is_folder=False)

    return [path for path in FILES if not is_out(path)]


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("", set()),
        ("# *.md\n\n  \n", set()),
        ("*.md", {"README.md", "docs/a.md", "docs/deep/b.md"}),
        ("/*.md", {"README.md"}),
        ("docs/*.md", {"docs/a.md"}),
        ("docs/", {"docs/a.md", "docs/deep/b.md"}),
        ("docs", {"docs/a.md", "docs/deep/b.md"}),
        ("a.md/", set()),
        ("/docs/deep", {"docs/deep/b.md"}),
        ("deep", {"docs/deep/b.md"}),
        ("  x.tmp  ", {"x.tmp"}),
        ("\ufeffx.tmp", {"x.tmp"}),
        ("?.tmp\nci", {"x.tmp", "ci/values.yaml"}),
        ("[a-x].tmp", {"x.tmp"}),
    ],
)
def test_what_is_left_out(text: str, gone: set[str]) -> None:
    assert kept(text) == [path for path in FILES if path not in gone | {"templates/.swp"}]


def test_a_negated_pattern_leaves_out_everything_else_as_in_helm() -> None:
    assert kept("!*.yaml") == ["Chart.yaml"], "folders do not match *.yaml either"


@pytest.mark.parametrize("line", ["**/x", "[a-", "a\\"])
def test_what_helm_cannot_read_is_told(line: str) -> None:
    with pytest.raises(ChartInvalid, match=r"web/\.helmignore"):
        read_ignored(f"ok\n{line}", where="web")
