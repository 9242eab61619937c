"""Differences of texts and values say all that differs and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.differences import Change, differences, flat
from control_plane.domain.manifest_changes import manifest_changes
from control_plane.domain.text_diff import text_diff

TEXTS = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=30).map("\n".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("abc"), below, max_size=3),
    max_leaves=8,
)


@given(TEXTS, TEXTS, st.integers(0, 4))
def test_lines_lead_from_one_text_to_the_other(before, after, context):
    lines = text_diff(before, after, context=context)
    old, new = before.splitlines(), after.splitlines()
    if old == new:
        assert lines == ()
        return
    assert [line.text for line in lines if line.kind == "minus"] == [
        old[line.old - 1] for line in lines if line.kind == "minus"
    ]
    assert [line.text for line in lines if line.kind == "plus"] == [
        new[line.new - 1] for line in lines if line.kind == "plus"
    ]
    kept = [
        place for place in range(1, len(old) + 1) if place not in {line.old for line in lines if line.kind == "minus"}
    ]
    added = {line.new for line in lines if line.kind == "plus"}
    assert [old[place - 1] for place in kept] == [text for place, text in enumerate(new, 1) if place not in added]
    folded = sum(int(line.text) for line in lines if line.kind == "folded")
    assert folded + sum(line.kind == "same" for line in lines) == len(kept)


@given(VALUES, VALUES)
def test_values_differ_exactly_where_their_flat_forms_do(before, after):
    changes = differences(before, after)
    assert (changes == ()) == (flat(before) == flat(after))
    assert {one.what for one in changes} <= flat(before).keys() | flat(after).keys()


def test_items_are_found_by_their_names():
    before = {"channels": [{"name": "edge"}, {"name": "stable", "approvals": 1}], "args": ["a", "b"]}
    after = {"channels": [{"name": "beta"}, {"name": "edge"}, {"name": "stable", "approvals": 2}], "args": ["a"]}
    assert differences(before, after) == (
        Change("channels[beta].name", "", "beta"),
        Change("channels[stable].approvals", "1", "2"),
        Change("args[1]", "b", ""),
    )


def test_manifests_differ_by_image_chart_value_and_way_of_installing():
    before = {
        "name": "web",
        "release": "1.0",
        "release_digest": "sha256:r1",
        "artifact": {"ref": "ghcr.io/a/charts/web", "digest": "sha256:c1"},
        "images": {
            "ghcr.io/a/web:1.0": "sha256:i1",
            "host:5000/b": "sha256:b",
            "c/d:1": "sha256:d1",
            "c/d:2": "sha256:d2",
        },
        "values": {"db": {"password": "old", "port": 1}},
        "timeout_seconds": 300,
    }
    after = {
        **before,
        "release": "1.1",
        "release_digest": "sha256:r2",
        "artifact": {"ref": "ghcr.io/a/charts/web", "digest": "sha256:c2"},
        "images": {
            "ghcr.io/a/web:1.1": "sha256:i2",
            "host:5000/b": "sha256:b",
            "c/d:1": "sha256:d1",
            "c/d:2": "sha256:d3",
        },
        "values": {"db": {"password": "new", "port": 2}},
        "timeout_seconds": 600,
    }
    found = manifest_changes(before, after)
    assert found.images == (
        Change("ghcr.io/a/web", "1.0 sha256:i1", "1.1 sha256:i2"),
        Change("c/d:2", "2 sha256:d2", "2 sha256:d3"),
    )
    assert found.chart == (Change("ghcr.io/a/charts/web", "1.0 sha256:c1", "1.1 sha256:c2"),)
    assert found.settings == (Change("values.db.port", "1", "2"), Change("timeout_seconds", "300", "600"))
    assert manifest_changes(before, before).all == ()
    assert [one.before for one in manifest_changes(None, before).all] == [""] * 8
