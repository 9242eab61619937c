"""Images are found and pinned where a pod's specification stands, and no other byte changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_agent.applying.images import pin_images
from cluster_agent.contract import yamls
from cluster_agent.contract.rendered import find_images

MANIFEST = """\
---
# Source: é.yaml
kind: Deployment
spec: {template: {spec: {containers: [{name: a, image: "docker.io/x/y:1" , args: [1:30, yes]}], initContainers: [{image: 'b:2'}]}}}
---
kind: CronJob
spec:
  jobTemplate:
    spec:
      template:
        spec:
          containers:
          - image: c:3   # a comment
          - image: already@sha256:aa
          ephemeralContainers:
          - {image: e:5}
          volumes:
          - name: v
            image: {reference: f:6}
---
kind: ConfigMap
data:
  image: not:this
  x: |
    containers:
    - image: nor:that
"""
FOUND = {"docker.io/x/y:1", "b:2", "c:3", "e:5", "f:6", "already@sha256:aa"}
PINS = {image: "sha256:" + "1" * 64 for image in FOUND if "@" not in image}


def test_images_are_found_everywhere_a_pod_is_described():
    assert find_images(MANIFEST) == (FOUND, set())


def test_pinning_changes_nothing_else():
    pinned = pin_images(MANIFEST, PINS)
    assert pinned.replace("@sha256:" + "1" * 64, "") == MANIFEST
    expected = {f"{image}@{digest}" for image, digest in PINS.items()} | {"already@sha256:aa"}
    assert find_images(pinned).running == expected


def test_an_unpinned_image_is_refused_by_name():
    with pytest.raises(ValueError, match="c:3"):
        pin_images(MANIFEST, {image: digest for image, digest in PINS.items() if image != "c:3"})


HOOKS = """\
kind: Job
metadata: {name: migrate, annotations: {"helm.sh/hook": "pre-upgrade, test"}}
spec: {template: {spec: {containers: [{image: migrate:1}]}}}
---
kind: Pod
metadata:
  annotations:
    helm.sh/hook: test-success
spec:
  containers: [{image: probe:1}, {image: migrate:1}]
---
kind: Service
"""


def test_a_hook_is_pinned_like_anything_else_and_only_a_test_is_told_apart():
    assert find_images(HOOKS) == ({"migrate:1"}, {"probe:1"})
    pinned = pin_images(HOOKS, {"migrate:1": "sha256:a", "probe:1": "sha256:b"})
    assert find_images(pinned) == ({"migrate:1@sha256:a"}, {"probe:1@sha256:b"})
    with pytest.raises(ValueError, match="migrate:1"):
        pin_images(HOOKS, {"probe:1": "sha256:b"})


def test_a_test_that_is_not_pinned_is_left_out_and_the_rest_stays():
    pinned = pin_images(HOOKS, {"migrate:1": "sha256:a"})
    assert [document["kind"] for document in yamls.documents(pinned)] == ["Job", "Service"]
    assert "probe:1" not in pinned


@given(
    names=st.lists(st.from_regex(r"[a-z]{1,8}(/[a-z]{1,5})?:[0-9]{1,3}", fullmatch=True), min_size=1, max_size=5),
    style=st.sampled_from(["{}", '"{}"', "'{}'", "{}   # why", ">-\n        {}"]),
    noise=st.text(alphabet="aé漢😀 ", max_size=10),
)
def test_any_style_of_scalar_reads_pinned_afterwards(names, style, noise):
    containers = "".join(f"    - name: n\n      image: {style.format(name)}\n" for name in names)
    text = f"# {noise}\nspec:\n  containers:\n{containers}---\nkind: Other\n"
    pins = dict.fromkeys(names, "sha256:" + "2" * 64)
    assert find_images(pin_images(text, pins)).running == {f"{name}@{digest}" for name, digest in pins.items()}


def test_yaml_is_read_by_kubernetes_rules():
    text = "a: 1:30\nb: yes\nc: 2020-01-01\nd: 0x10\ne: 1e3\nf: 010\ng:\nh: n\ni: '1:30'\n"
    expected = {
        "a": "1:30",
        "b": True,
        "c": "2020-01-01",
        "d": 16,
        "e": 1000.0,
        "f": 8,
        "g": None,
        "h": False,
        "i": "1:30",
    }
    assert list(yamls.documents(text)) == [expected]
