"""What a kustomization needs: everything in the commit, nothing from elsewhere. kubectl itself is in the integration tests."""

import posixpath

import pytest

from control_plane.domain.errors import NotFound, Transient
from control_plane.upstreams.errors import ChartInvalid
from control_plane.upstreams.kustomize import kustomized, needed_files

BASE = {"base/kustomization.yaml": "resources: [app.yaml]\n", "base/app.yaml": "kind: A\n", "base/rest/x.txt": "x"}


class Folders:
    """A commit in memory."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files

    def has_folder(self, path: str) -> bool:
        prefix = "" if path in {"", "."} else f"{posixpath.normpath(path)}/"
        return any(name.startswith(prefix) for name in self._files)

    def files(self, path: str) -> dict[str, bytes]:
        if not self.has_folder(path):
            raise NotFound(f"{path} is no folder")
        prefix = "" if path in {"", "."} else f"{path}/"
        return {
            name.removeprefix(prefix): text.encode() for name, text in self._files.items() if name.startswith(prefix)
        }


def needed(kustomization: str, **more: str) -> set[str]:
    files = BASE | {"over/prod/kustomization.yaml": kustomization, "elsewhere/y.yaml": "kind: Y\n"} | more
    return set(needed_files(Folders(files), "over/prod", where="over/prod"))


OWN = {"over/prod/kustomization.yaml"}


@pytest.mark.parametrize("field", ["resources", "bases", "components"])
def test_bases_are_followed_and_nothing_else_is_taken(field: str) -> None:
    assert needed(f"{field}: [../../base]\n") == OWN | set(BASE)


def test_a_base_may_name_further_ones_and_a_circle_ends() -> None:
    more = {"mid/kustomization.yml": "resources: [../base/, ../over/prod]\n"}
    assert needed("resources: [../../mid]\n", **more) == OWN | set(BASE) | set(more)


def test_the_roots_own_kustomization() -> None:
    files = {"kustomization.yaml": "resources: [base]\n", **BASE}
    assert set(needed_files(Folders(files), "", where="x")) == set(files)


def test_files_of_its_own_folder_may_be_named_anywhere() -> None:
    more = {f"over/prod/{name}": "a: 1\n" for name in ("p.yaml", "q.yaml", "c/conf", "k.env", "o.json", "t.yaml")}
    text = """
patches:
- path: p.yaml
- patch: |-
    - {op: remove, path: /spec/https://x}
patchesStrategicMerge: [q.yaml, "{kind: A}"]
configMapGenerator:
- name: a
  files: [c/conf, "name=c/conf"]
  envs: [k.env]
  literals: ["URL=https://example.com"]
secretGenerator:
- name: b
  env: k.env
openapi: {path: o.json}
transformers:
- t.yaml
- |-
  kind: LabelTransformer
  fieldSpecs: [{path: metadata/labels}]
commonAnnotations: {home: "https://example.com"}
"""
    assert needed(text, **more) == OWN | set(more)


@pytest.mark.parametrize(
    "text",
    [
        "resources: [https://example.com/x.yaml]",
        "resources: ['https://github.com/acme/web//deploy?ref=v1']",
        "resources: ['git@github.com:acme/web.git']",
        "resources: [github.com/acme/web/deploy]",
        "bases: ['ssh://git@example.com/x']",
        "components: ['https://example.com/x']",
        "patches: [{path: 'https://example.com/x'}]",
        "patchesStrategicMerge: ['https://example.com/x']",
        "patchesJson6902: [{path: 'https://example.com/x'}]",
        "replacements: [{path: 'https://example.com/x'}]",
        "configMapGenerator: [{name: a, files: ['k=https://example.com/x']}]",
        "secretGenerator: [{name: a, envs: ['https://example.com/x']}]",
        "crds: ['https://example.com/x']",
        "openapi: {path: 'https://example.com/x'}",
        "generators: ['https://example.com/x']",
        "transformers: ['kind: PatchTransformer\n\npath: https://example.com/x\n']",
        "transformers: [t.yaml]",
    ],
)
def test_what_lies_elsewhere_is_refused(text: str) -> None:
    plugin = {"over/prod/t.yaml": "kind: ConfigMapGenerator\ninside: [{files: [a=http://169.254.169.254/x]}]\n"}
    with pytest.raises(
        ChartInvalid, match=r"over/prod/(kustomization|t)\.yaml names .*remote bases and files are not fetched"
    ):
        needed(text, **plugin)


@pytest.mark.parametrize(
    "text", ["resources: [no.yaml]", "resources: [../../../x]", "resources: [/etc]", "crds: [../x]"]
)
def test_what_is_not_there_is_told(text: str) -> None:
    with pytest.raises(ChartInvalid, match="no file of its folder and no folder of the repository"):
        needed(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("helmCharts: [{name: x}]", "name that chart as the application's own"),
        ("resources: [../../elsewhere]", "has none"),
        ("- a", "is no mapping"),
        ("a: [", "no YAML"),
        ("a: 1\na: 2", "given twice"),
    ],
)
def test_kustomizations_that_cannot_be_used(text: str, words: str) -> None:
    with pytest.raises(ChartInvalid, match=words):
        needed(text)


def test_no_kustomization_needs_more_than_is_packed() -> None:
    with pytest.raises(ChartInvalid, match="needs more than"):
        needed("resources: [../../base]", **{"base/large": "x" * 11_000_000})


def test_without_kubectl_nothing_is_said_of_the_folder() -> None:
    with pytest.raises(Transient, match="set TIDEGATE_KUBECTL or run `tidegate doctor`"):
        kustomized(Folders(BASE), "base", where="base", kubectl="/nonexistent/kubectl")
