"""Hosts take turns: a slow one holds up nobody, whatever it has waiting."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.turns import Turns, choose

HOSTS = st.sampled_from("abcde")


def busy(turns: Turns[int]) -> list[str]:
    """Begin all that may begin now."""
    begun = []
    while (one := turns.begin(0.0)) is not None:
        begun.append(one[0])
    return begun


def test_one_host_leaves_half_of_the_threads_and_a_new_one_finds_room() -> None:
    turns: Turns[int] = Turns(threads=12, per_host=10, waiting=100)
    for number in range(50):
        turns.add("slow", number)
    assert len(busy(turns)) == 6
    turns.add("other", 1)
    assert busy(turns) == ["other"]
    for number in range(50):
        turns.add("second", number)
    assert Counter(busy(turns)) == {"second": 3}


def test_hosts_take_turns_and_their_work_keeps_its_order() -> None:
    turns: Turns[int] = Turns(threads=100, per_host=10, waiting=100)
    for number in range(3):
        turns.add("a", number)
        turns.add("b", number)
    turns.add("b", 9, first=True)
    assert [turns.begin(0.0) for _ in range(8)] == [
        ("a", 0), ("b", 9), ("a", 1), ("b", 0), ("a", 2), ("b", 1), ("b", 2), None,
    ]  # fmt: skip


def test_a_host_that_rests_is_begun_after_it() -> None:
    turns: Turns[int] = Turns(threads=4, per_host=4, waiting=4)
    turns.add("a", 1)
    turns.rest("a", 5.0)
    turns.rest("a", 3.0)
    assert (turns.begin(4.9), turns.can_begin(4.9), turns.can_begin(5.0)) == (None, False, True)
    assert turns.begin(5.0) == ("a", 1)
    assert (turns.drop(), turns.waiting, turns.running) == ([], 0, 1)


@given(st.lists(st.tuples(HOSTS, st.booleans()), max_size=200), st.integers(1, 12), st.integers(1, 5))
def test_never_more_than_allowed_and_never_stuck(steps: list[tuple[str, bool]], threads: int, per_host: int) -> None:
    turns: Turns[int] = Turns(threads=threads, per_host=per_host, waiting=1_000)
    running: Counter[str] = Counter()
    for host, ends in steps:
        if ends and running[host]:
            turns.end(host)
            running[host] -= 1
        else:
            turns.add(host, 0)
        running.update(busy(turns))
        assert running.total() == turns.running <= threads
        assert max(running.values(), default=0) <= per_host
        assert turns.running or not turns.waiting, "something runs while something waits"
        if turns.running < threads:
            newcomer: Turns[int] = turns
            newcomer.add("new", 1)
            assert newcomer.begin(0.0) == ("new", 1), "a host that comes new finds a thread while there is one"
            newcomer.end("new")


@given(st.lists(HOSTS, max_size=60), st.integers(0, 5), st.integers(0, 40))
def test_a_backlog_of_one_host_leaves_room_for_the_others(due: list[str], room: int, most: int) -> None:
    chosen, is_left = choose(((host, (host, number)) for number, host in enumerate(due)), lambda _: room, most)
    taken = Counter(host for host, _ in chosen)
    wanted = Counter(due)
    assert len(chosen) <= most
    assert all(count <= min(room, wanted[host]) for host, count in taken.items())
    assert is_left == (len(chosen) < len(due))
    if len(chosen) < most:
        assert all(taken[host] == min(room, wanted[host]) for host in wanted)
    assert [number for _, number in chosen] == sorted(number for _, number in chosen)
