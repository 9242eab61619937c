"""Which versions of several upstreams make one release, how it is called, and what is waited for."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.versions.combining import (
    Candidates,
    Combination,
    InvalidAgreement,
    Waiting,
    check_together,
    combine,
)
from control_plane.domain.versions.policy import Choice
from control_plane.domain.versions.semver import parse

AGREE = "images.web.tag == images.worker.tag"


def offer(alias: str, *tags: str, **more: Any) -> Candidates:
    role = "chart" if alias == "chart" else more.pop("role", "image")
    choices = tuple(Choice(tag, tag.removeprefix("v")) for tag in tags)
    return Candidates(alias=alias, role=role, choices=choices, **more)


def follower(alias: str = "web", **more: Any) -> Candidates:
    return offer(alias, follows_chart=True, place=f"ghcr.io/acme/{alias}", **more)


def tags(result: Combination | Waiting) -> dict[str, str]:
    assert isinstance(result, Combination), result
    return {alias: choice.tag for alias, choice in result.choices.items()}


def reason(result: Combination | Waiting) -> str:
    assert isinstance(result, Waiting), result
    return result.reason


def test_a_chart_alone() -> None:
    result = combine([offer("chart", "v2.3.0", "2.2.0")])
    assert (tags(result), result.version) == ({"chart": "v2.3.0"}, "2.3.0")


def test_an_image_follows_its_chart_by_version_with_or_without_v() -> None:
    chart = offer("chart", "2.3.0", "2.2.0")
    assert tags(combine([chart, follower()]))["web"] == "2.3.0"
    assert tags(combine([chart, follower(digests={"v2.3.0": "sha256:a"})]))["web"] == "v2.3.0"
    assert tags(combine([chart, follower(absent=frozenset({"2.3.0"}))]))["web"] == "v2.3.0"
    assert combine([chart, follower(digests={"v2.3.0": "sha256:a"})]).version == "2.3.0"


def test_a_charts_metadata_is_written_with_an_underscore_in_the_images_tag() -> None:
    chart = Candidates(alias="chart", role="chart", choices=(Choice("1.0.0_b.2", "1.0.0+b.2"),))
    assert tags(combine([chart, follower()]))["web"] == "1.0.0_b.2"


def test_an_image_that_is_not_there_yet_is_waited_for() -> None:
    result = combine([offer("chart", "2.3.0", "2.2.0"), follower(absent=frozenset({"2.3.0", "v2.3.0"}))])
    assert result == Waiting("the chart 2.3.0 is there, the image ghcr.io/acme/web:2.3.0 is not yet", asks_again=True)


def test_nothing_wanted_is_told_by_name() -> None:
    assert reason(combine([offer("chart")])) == "no version of chart may be taken now"
    named = offer("web", place="ghcr.io/acme/web", absent=frozenset({"3.0.0"}))
    assert reason(combine([offer("chart", "1.0.0"), named])) == "web (ghcr.io/acme/web) has no tag 3.0.0"


def test_upstreams_move_apart_and_the_version_says_so() -> None:
    result = combine([offer("chart", "2.3.0"), offer("web", "v1.4.0", "v1.3.0"), follower("worker")])
    assert tags(result) == {"chart": "2.3.0", "web": "v1.4.0", "worker": "2.3.0"}
    assert result.version == "2.3.0+web.v1.4.0"


def test_a_mutable_tag_is_told_by_its_digest() -> None:
    digests = {"main": "sha256:0123456789abcdef"}
    web = offer("web", "main", by_digest=True, digests=digests)
    assert combine([offer("chart", "2.3.0+b1"), web]).version == "2.3.0+b1.web.main.01234567"
    assert combine([offer("chart", "main", by_digest=True, digests=digests)]).version == "main+01234567"


def test_the_same_version_everywhere() -> None:
    parts = [offer("chart", "2.4.0", "2.3.0"), offer("web", "v2.4.0", "v2.3.0"), offer("notes", "2.3.0", role="other")]
    result = combine(parts, "same version")
    assert (tags(result), result.version) == ({"chart": "2.3.0", "web": "v2.3.0", "notes": "2.3.0"}, "2.3.0")
    assert reason(combine([*parts[:2], offer("notes", "1.0.0", role="other")], "same version")) == (
        "no versions have the same version; the newest are chart 2.4.0, web v2.4.0, notes 1.0.0"
    )


def test_an_expression_has_to_be_true() -> None:
    parts = [offer("chart", "9.0.0"), offer("web", "1.4", "1.3", "1.2"), offer("worker", "1.5", "1.3", "1.2")]
    assert tags(combine(parts, AGREE)) == {"chart": "9.0.0", "web": "1.3", "worker": "1.3"}
    never = "images.web.tag == chart.version"
    assert reason(combine(parts, never)) == (
        f"no versions agree by {never!r}; the newest are chart 9.0.0, web 1.4, worker 1.5"
    )


def test_the_best_chart_goes_first_even_where_one_has_nothing_that_agrees() -> None:
    parts = [offer("chart", "3.0.0", "2.0.0"), offer("web", "2.0.0", "1.0.0")]
    assert tags(combine(parts, "images.web.version == chart.version")) == {"chart": "2.0.0", "web": "2.0.0"}


def test_the_search_is_bounded() -> None:
    many = [f"1.{number}" for number in range(100)]
    parts = [offer("chart", *many), *(offer(f"i{number}", *many) for number in range(8))]
    started = time.process_time()
    assert isinstance(combine(parts, "images.i0.tag == 'never'"), Waiting)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("images.web.tag ==", "cannot be read at character"),
        ("images.web-app.tag == 'x'", "cannot be read at character 11"),
        ("images.wep.tag == images.worker.tag", "there is no images.wep: images here are web, worker"),
        ("image.web.tag == chart.tag", "'image' is not known: write chart, images.ALIAS or upstreams.ALIAS"),
        ("images.web.digest == chart.tag", "'images.web.digest' is not known: each has tag and version"),
        ("images.web.tag", "it is neither true nor false"),
        ("abs(chart.tag) == `1`", "abs()"),
        ("upstreams.notes.tag == chart.tag", "there is no upstreams.notes: upstreams here are none"),
        ("x" * 2_000, "at most 1024"),
    ],
)
def test_what_upstreams_cannot_agree_on_is_told_when_it_is_declared(text: str, said: str) -> None:
    with pytest.raises(InvalidAgreement) as caught:
        check_together(text, ["web", "worker"], [])
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "same version", AGREE, f"{AGREE} && starts_with(chart.version, '2.')", "length(images.*.tag) == `2`"]
)
def test_what_they_can_agree_on(text: str) -> None:
    check_together(text, ["web", "worker"], [])


names = st.lists(st.sampled_from(["1.0.0", "1.1.0", "2.0.0", "v2.0.0", "latest", "a/b c"]), max_size=4, unique=True)


@given(names, names, names, st.sampled_from(["", "same version", AGREE]), st.booleans())
def test_a_combination_is_whole_agrees_and_has_a_fitting_version(
    charts: list[str], web: list[str], worker: list[str], together: str, by_digest: bool
) -> None:
    parts = [offer("chart", *charts), offer("web", *web, by_digest=by_digest), offer("worker", *worker), follower("db")]
    result = combine(parts, together)
    if isinstance(result, Waiting):
        assert result.reason
        return
    assert combine(parts, together) == result
    chosen = tags(result)
    assert all(chosen[part.alias] in {choice.tag for choice in part.choices} for part in parts[:3])
    if together == AGREE:
        assert chosen["web"] == chosen["worker"]
    if not together:
        assert [chosen[part.alias] for part in parts[:3]] == [part.choices[0].tag for part in parts[:3]]
    if chosen["chart"][-1].isdigit():
        assert parse(result.version)
