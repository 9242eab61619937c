"""Which kept charts are needed, and which may go."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.kept_charts import GRACE, MAY_RUN, UNNAMED_GRACE, Holder, is_needed, unneeded
from control_plane.domain.releases import RELEASE, ReleaseState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=365)
STATES = st.sampled_from(list(ReleaseState))
HOLDERS = st.builds(
    Holder,
    state=STATES,
    since=st.timedeltas(timedelta(), timedelta(days=365)).map(lambda age: NOW - age),
    is_in_use=st.booleans(),
    is_newest=st.booleans(),
    is_removed=st.booleans(),
)


def holder(state: ReleaseState, **more: bool) -> Holder:
    return Holder(state=state, since=LONG_AGO, **more)


@given(STATES, st.booleans(), st.booleans())
def test_what_a_channel_has_or_a_cluster_runs_is_always_needed(
    state: ReleaseState, newest: bool, removed: bool
) -> None:
    assert is_needed(holder(state, is_in_use=True, is_newest=newest, is_removed=removed))


@pytest.mark.parametrize("state", list(ReleaseState))
def test_of_other_releases_those_that_may_run_are_needed(state: ReleaseState) -> None:
    goes_on = any(RELEASE.allows(state, target) for target in MAY_RUN) or state == ReleaseState.VERIFIED
    is_over = state == ReleaseState.FAILED
    assert is_needed(holder(state)) is (goes_on and not is_over)
    assert is_needed(holder(state, is_newest=True)) is goes_on, "a person may rehearse the newest that failed again"
    assert not is_needed(holder(state, is_newest=True, is_removed=True))


@given(st.lists(HOLDERS, max_size=4), st.timedeltas(timedelta(), timedelta(days=400)))
def test_nothing_goes_that_anybody_needs_or_that_was_needed_lately(holders: list[Holder], age: timedelta) -> None:
    gone = unneeded({"sha256:a": NOW - age}, {"sha256:a": holders} if holders else {}, NOW)
    if gone:
        assert not any(map(is_needed, holders))
        assert age > (GRACE if holders else UNNAMED_GRACE)
        assert all(NOW - one.since > GRACE for one in holders)
    else:
        assert any(map(is_needed, holders)) or age <= UNNAMED_GRACE or any(NOW - one.since <= GRACE for one in holders)


def test_what_nobody_needs_goes_after_its_grace() -> None:
    rejected = {"sha256:a": [holder(ReleaseState.REJECTED)]}
    assert unneeded({"sha256:a": LONG_AGO}, rejected, NOW) == ["sha256:a"]
    assert unneeded({"sha256:a": NOW - timedelta(days=1)}, rejected, NOW) == []
    assert unneeded({"sha256:b": LONG_AGO}, rejected, NOW) == ["sha256:b"], "named by nobody, for long enough"
    assert unneeded({"sha256:b": NOW - GRACE * 2}, rejected, NOW) == []
