"""One agent acts: who may take the lease, and when its holder stops."""

import copy
import threading
import time

import pytest

from cluster_agent import lease as lease_module
from cluster_agent.errors import Conflict, Unreachable
from cluster_agent.lease import DURATION_SECONDS, Lease


class Api:
    """The part of an API server that a lease needs: one object, versions, conflicts. ``down``: nothing answers."""

    def __init__(self):
        self.object, self.version, self.down = None, 0, False
        self.lock = threading.Lock()

    def get(self, kind, namespace, name):
        self.answer()
        return copy.deepcopy(self.object)

    def create(self, kind, namespace, body):
        with self.lock:
            self.answer()
            if self.object is not None:
                raise Conflict("conflict", "exists")
            return self.store(body)

    def replace(self, kind, namespace, body):
        with self.lock:
            self.answer()
            if self.object is None:
                return {}  # as ``Kube`` answers a 404
            if body["metadata"]["resourceVersion"] != str(self.version):
                raise Conflict("conflict", "changed")
            return self.store(body)

    def answer(self):
        if self.down:
            raise Unreachable("the API server does not answer")

    def store(self, body):
        self.version += 1
        self.object = copy.deepcopy(body)
        self.object["metadata"]["resourceVersion"] = str(self.version)
        return copy.deepcopy(self.object)

    @property
    def holder(self):
        return self.object["spec"]["holderIdentity"]


class Clock:
    """Time that passes while somebody sleeps; ``meanwhile`` happens each time."""

    def __init__(self, monkeypatch):
        self.now, self.meanwhile = 1000.0, lambda: None
        monkeypatch.setattr(lease_module.time, "monotonic", lambda: self.now)

    def sleep(self, seconds):
        self.now += seconds
        self.meanwhile()


@pytest.fixture
def api():
    return Api()


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def lease(api, holder):
    return Lease(api, "tidegate-agent", "tidegate-agent", holder)


def nobody_sleeps(_):
    raise AssertionError("it waits")


def test_a_free_lease_is_taken_at_once(api):
    lease(api, "a").acquire(nobody_sleeps)
    assert api.holder == "a"


def test_the_same_pod_restarted_takes_it_at_once(api):
    lease(api, "a").acquire(nobody_sleeps)
    lease(api, "a").acquire(nobody_sleeps)
    assert api.holder == "a"


def test_one_given_back_is_taken_at_once(api):
    first = lease(api, "a")
    first.acquire(nobody_sleeps)
    first.release()
    lease(api, "b").acquire(nobody_sleeps)
    assert api.holder == "b"


def test_an_abandoned_lease_is_taken_after_its_duration(api, clock):
    lease(api, "a").acquire(nobody_sleeps)
    began = clock.now
    lease(api, "b").acquire(clock.sleep)
    assert api.holder == "b"
    assert DURATION_SECONDS < clock.now - began <= DURATION_SECONDS + 2


def test_a_lease_that_is_renewed_is_never_taken(api, clock):
    first = lease(api, "a")
    first.acquire(nobody_sleeps)
    slept = []

    class EnoughSeen(Exception):
        pass

    def renew():
        slept.append(clock.now)
        if len(slept) % 5 == 0:
            assert first._take(first._version)
        if len(slept) == 10 * DURATION_SECONDS:
            raise EnoughSeen

    clock.meanwhile = renew
    with pytest.raises(EnoughSeen):
        lease(api, "b").acquire(clock.sleep)
    assert api.holder == "a"


def test_the_holders_clock_does_not_matter(api, clock):
    """A renewTime of long ago or of next year: only what we saw unchanged counts."""
    lease(api, "a").acquire(nobody_sleeps)
    for told in ("1999-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"):
        api.object["spec"].update(holderIdentity="a", renewTime=told)
        began = clock.now
        lease(api, "b").acquire(clock.sleep)
        assert clock.now - began > DURATION_SECONDS


def test_of_two_that_take_it_at_once_one_has_it(api):
    found = api.get("Lease", "", "")
    version = found["metadata"]["resourceVersion"] if found else ""
    assert [lease(api, one)._take(version) for one in ("a", "b")] == [True, False]
    assert api.holder == "a"


def test_two_that_wait_for_an_abandoned_one_do_not_both_take_it(api, clock):
    lease(api, "gone").acquire(nobody_sleeps)
    old = str(api.version)
    first, second = lease(api, "a"), lease(api, "b")
    assert first._take(old)
    assert not second._take(old)
    assert api.holder == "a"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(lease_module, "RENEW_SECONDS", 0.02)
    monkeypatch.setattr(lease_module, "GIVE_UP_SECONDS", 0.3)
    monkeypatch.setattr(lease_module, "WATCH_SECONDS", 0.01)


def test_the_old_holder_stops_soon_after_another_took_it(api, quick):
    first, lost = lease(api, "a"), threading.Event()
    first.acquire(nobody_sleeps)
    first.keep(lost.set)
    assert not lost.wait(0.6), "it renews"
    api.object["spec"]["holderIdentity"] = "b"
    api.version += 1
    api.object["metadata"]["resourceVersion"] = str(api.version)
    assert lost.wait(5)
    assert api.holder == "b"


def test_a_holder_that_comes_back_to_a_lease_taken_by_another_stops(api, quick):
    """The API server was away from it alone, for less time than it may live without."""
    first, lost = lease(api, "a"), threading.Event()
    first.acquire(nobody_sleeps)
    lease(api, "b")._take(str(api.version))
    first.keep(lost.set)
    assert lost.wait(5)
    assert api.holder == "b"


def test_a_holder_that_cannot_renew_stops_before_another_may_take_it(api, quick):
    assert lease_module.GIVE_UP_SECONDS < DURATION_SECONDS
    first, lost = lease(api, "a"), threading.Event()
    first.acquire(nobody_sleeps)
    first.keep(lost.set)
    time.sleep(0.1)
    began, api.down = time.monotonic(), True
    assert lost.wait(5)
    assert time.monotonic() - began < 2


def test_a_holder_whose_renewal_hangs_stops_all_the_same(api, quick):
    first, lost, answered = lease(api, "a"), threading.Event(), threading.Event()
    first.acquire(nobody_sleeps)
    api.answer = lambda: answered.wait(30)
    began = time.monotonic()
    first.keep(lost.set)
    assert lost.wait(5)
    assert time.monotonic() - began < 2
    answered.set()


def test_there_are_seconds_between_a_holders_end_and_another_ones_beginning():
    times = lease_module.GIVE_UP_SECONDS, lease_module.WATCH_SECONDS
    assert sum(times) + 3 < DURATION_SECONDS
    assert lease_module.RENEW_SECONDS * 2 < lease_module.GIVE_UP_SECONDS


def test_a_renewal_whose_answer_was_lost_is_still_ours(api, quick):
    first, lost = lease(api, "a"), threading.Event()
    first.acquire(nobody_sleeps)
    api.store({**api.object})
    first.keep(lost.set)
    assert not lost.wait(0.6)
    assert api.version > 5


def test_one_that_was_given_back_is_not_renewed(api, quick):
    first, lost = lease(api, "a"), threading.Event()
    first.acquire(nobody_sleeps)
    first.keep(lost.set)
    time.sleep(0.1)
    first.release()
    time.sleep(0.5)
    assert not lost.is_set()
    assert api.holder in {"", "a"}
    version = api.version
    time.sleep(0.1)
    assert api.version == version


def test_a_holder_whose_lease_is_deleted_stops(api, quick):
    first, lost = lease(api, "a"), threading.Event()
    first.acquire(nobody_sleeps)
    api.object = None
    first.keep(lost.set)
    assert lost.wait(5)
    first.release()


def test_a_short_trouble_does_not_end_the_holder(api, quick):
    first, lost = lease(api, "a"), threading.Event()
    first.acquire(nobody_sleeps)
    first.keep(lost.set)
    api.down = True
    time.sleep(0.1)
    api.down = False
    assert not lost.wait(0.8)


def test_who_lost_it_cannot_give_it_away(api):
    first = lease(api, "a")
    first.acquire(nobody_sleeps)
    assert lease(api, "b")._take(str(api.version))
    first.release()
    assert api.holder == "b"
