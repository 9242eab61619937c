"""What was read of a tag is remembered, and is what would be read again."""

import pytest

from control_plane.domain.versions import readings
from control_plane.domain.versions.policy import Filter, Policy, Tag
from control_plane.domain.versions.ranges import InvalidRange


def test_texts_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "REMEMBERED", 2)
    read = readings.reader(Policy(rule=">=7.7.1"), "")
    first = read("8.0.0", Tag(name="8.0.0"))
    assert read("8.0.0", Tag(name="8.0.0")) is first
    read("8.0.1", Tag(name="8.0.1"))
    read("8.0.2", Tag(name="8.0.2"))  # one too many: all are forgotten
    again = read("8.0.0", Tag(name="8.0.0"))
    assert again == first
    assert again is not first


def test_what_is_followed_belongs_to_a_reading() -> None:
    policy = Policy(dialect="keel", rule="minor")
    near, far = (readings.reader(policy, current)("1.9.0", Tag(name="1.9.0")) for current in ("1.2.0", "2.0.0"))
    assert (near.refusal, bool(far.refusal)) == ("", True)


def test_a_tag_of_a_policy_by_time_is_read_anew() -> None:
    policy = Policy(dialect="argocd-newest-build", rule="any")
    assert readings.is_by_time(policy)
    assert readings.reader(policy, "")("a", Tag(name="a")) is not readings.reader(policy, "")("a", Tag(name="a"))


def test_a_text_to_compare_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidRange, match="characters"):
        readings.compile_policy(Policy(filter=Filter(extract="regexp:.*", to="$0" * 600)))
