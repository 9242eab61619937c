"""Property: whatever is done to the bytes of any file, an agent believes the truth or refuses; it never falls over."""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cluster_agent.errors import Unreachable, Untrusted
from cluster_agent.trust import News

FILES = (
    "timestamp.json",
    ".snapshot.json",
    "2.targets.json",
    ".stable.json",
    ".rollouts.json",
    ".manifest.json",
    ".rollout.json",
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.sampled_from(FILES), place=st.floats(0, 1), cut=st.integers(0, 40), put=st.binary(max_size=40))
@example(file="timestamp.json", place=0.0, cut=10**6, put=b"[" * 16_000)
@example(file="timestamp.json", place=0.0, cut=10**6, put=b"null")
@example(file=".stable.json", place=0.0, cut=10**6, put=b'{"signatures":[],"signed":{"_type":"targets"}}')
@example(file=".snapshot.json", place=0.0, cut=10**6, put=b'{"signatures":{},"signed":[]}')
@example(file=".manifest.json", place=0.0, cut=10**6, put=b"")
def test_changed_bytes_are_refused_or_change_nothing(file, place, cut, put, world):
    truth = world.fresh_agent().poll("stable", world.now)

    def changed(handler):
        path = world.site.root / handler.path.removeprefix("/")
        data = path.read_bytes()
        at = int(place * len(data))
        return handler.reply(200, data[:at] + put + data[at + cut :])

    world.site.answers = {file: changed}
    try:
        believed = world.fresh_agent().poll("stable", world.now)
    except (Untrusted, Unreachable):
        believed = truth
    finally:
        world.site.answers = {}
    assert isinstance(truth, News)
    assert believed == truth
