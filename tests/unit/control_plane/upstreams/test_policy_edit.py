"""One policy of a file is changed: it is read out of it, and nothing else is another."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.domain.versions.policy import Policy
from control_plane.upstreams.application_file import parse_application_file
from control_plane.upstreams.policy_edit import policy_path, policy_places, with_policy
from tests.unit.control_plane.upstreams.policies import POLICIES

FILE = """\
# the head
apiVersion: tidegate.dev/v1
kind: Application
metadata: {name: web}
spec:
  chart:
    oci: ghcr.io/acme/web  # beside the place
    version:  # beside the colon
      rule: ">=1"
      majors: ask

  # about images
  images:
    - {name: docker.io/acme/web, tag: "~1"}
    - name: docker.io/acme/worker
    # about the last
    - name: docker.io/acme/cron
      tag: {rule: "~1"}   # behind it
  upstreams: [{name: notes, github: acme/web}]
  channels: [{name: edge}]
"""
COMMENTS = [line.strip() for line in FILE.splitlines() if line.strip().startswith("#")]
ALIASES = ("chart", "web", "worker", "cron", "notes")


@given(st.sampled_from(ALIASES), POLICIES)
def test_only_that_policy_is_another(alias, policy):
    before = parse_application_file(FILE)
    text = with_policy(FILE, policy_places(before)[alias], policy)
    after = {one.alias: one for one in parse_application_file(text).upstreams}
    assert after.pop(alias).policy == policy
    assert after == {one.alias: one for one in before.upstreams if one.alias != alias}
    assert [line.strip() for line in text.splitlines() if line.strip().startswith("#")] == COMMENTS
    assert "  # beside the place\n" in text
    assert "   # behind it\n" in text
    assert "  # beside the colon\n" in text


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(ALIASES), POLICIES), max_size=6))
def test_the_last_change_of_each_counts(changes):
    text, places = FILE, policy_places(parse_application_file(FILE))
    for alias, policy in changes:
        text = with_policy(text, places[alias], policy)
    found = {one.alias: one.policy for one in parse_application_file(text).upstreams}
    assert {alias: found[alias] for alias in dict(changes)} == dict(changes)


def test_a_file_in_json_and_one_that_ends_at_the_place_are_changed_too():
    as_json = (
        '{"apiVersion": "tidegate.dev/v1", "kind": "Application", "metadata": {"name": "web"},'
        ' "spec": {"channels": [{"name": "edge"}], "chart": {"oci": "ghcr.io/acme/web"}}}'
    )
    short = FILE.partition("spec:")[0] + "spec:\n  channels: [{name: edge}]\n  chart:\n    oci: ghcr.io/acme/web"
    for text in (as_json, short):
        changed = with_policy(text, ("chart", None), Policy(rule=">=2"))
        assert parse_application_file(changed).upstreams[0].policy == Policy(rule=">=2")


@pytest.mark.parametrize(
    ("place", "path"), [(("chart", None), "spec.chart.version"), (("images", 1), "spec.images[1].tag")]
)
def test_places_are_named_as_mistakes_name_them(place, path):
    assert policy_path(place) == path


def test_the_rest_of_the_declaration_is_the_same():
    before = parse_application_file(FILE)
    after = parse_application_file(with_policy(FILE, ("images", 1), Policy(rule="~2")))
    assert msgspec.structs.replace(after, images=before.images) == before
