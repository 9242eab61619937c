"""Parsers of what strangers write, against hostile text for a minute in all: no crash but by the declared errors, and no hang.

``pytest tests/fuzz -s`` prints each target's seeds and how many inputs it took; ``TIDEGATE_FUZZ_SECONDS`` (60) is the time for all,
``TIDEGATE_FUZZ_SEED`` repeats a run.
"""

import faulthandler
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from control_plane.domain.errors import TidegateError
from control_plane.domain.versions import InvalidRange, InvalidReference, InvalidVersion, references, semver
from control_plane.domain.versions.dialects import DIALECTS
from control_plane.domain.versions.policy import Dialect, Tag
from control_plane.upstreams import (
    chart_dependencies,
    docker_config,
    helmignore,
    kustomize,
    politeness,
    registry_auth,
    registry_protocol,
    tag_memo,
)
from control_plane.upstreams.http import retry_after
from control_plane.upstreams.oci import RegistryClient

SECONDS = float(os.environ.get("TIDEGATE_FUZZ_SECONDS", "60"))
SEED = int(os.environ.get("TIDEGATE_FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
SLOWEST_MS = 2_000  # for one input, on a busy machine
STUCK_SECONDS = 120
REFUSALS = (TidegateError, InvalidReference, InvalidRange, InvalidVersion)

ANYTHING = st.text(max_size=300)
TAGS = st.text("0123456789.-+_vVabrcdefx*~^<>=|, latestRCALPHA", max_size=80) | ANYTHING
RULES = st.text("0123456789.-+xX*~^<>=|&, !vsemverglobregexp:()[]{}?$\\allmajorYMD", max_size=80) | ANYTHING
NAMES = st.text("abcXYZ019._-/:@[]sha256é", max_size=300) | ANYTHING
URLS = st.tuples(
    st.sampled_from(["https://", "http://", "//", "/", "file://", ""]),
    st.sampled_from(
        ["registry.example.com", "[", "[::1]", "[::1", "a@b", "\u2100.x", "x:99999999", "127.0.0.1", "0x7f.1", "\x7f"]
    ),
    st.text("/?&=n1lastoken%[]@:#", max_size=30),
).map("".join)
HEADERS = (
    URLS.map(lambda url: f'<{url}>; rel="next"')
    | URLS.map(lambda url: f'Bearer realm="{url}"')
    | URLS
    | st.text('BearerBasic realm="https://x/",service=scope;<>?n=1&rel=next\\', max_size=300)
    | ANYTHING
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANYTHING,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(
                ["tags", "name", "auths", "auth", "ghcr.io", "manifests", "digest", "platform", "config", "errors"]
            )
            | ANYTHING,
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)
JSON_BYTES = JSON.map(
    lambda value: httpx2.Response(200, json=value).content if _is_plain(value) else repr(value).encode()
)
KEYS = [
    *("dependencies", "name", "version", "repository", "apiVersion", "resources", "bases", "components", "generators"),
    *("transformers", "patches", "path", "configMapGenerator", "files", "envs", "env", "openapi", "helmCharts"),
]
VALUES = st.sampled_from(
    ["../b", "a", "t.yaml", "https://x.example/y", "k=x", "file://../x", "oci://x/y", ">=1", "1.2.3", "v2"]
)
MANIFESTS = st.recursive(
    VALUES | st.none() | st.booleans() | st.integers() | ANYTHING,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | ANYTHING, inner, max_size=5),
    max_leaves=20,
).map(lambda value: yaml.safe_dump(value, allow_unicode=True).encode(errors="replace"))
DEEP = st.tuples(st.sampled_from([b"[", b'{"a":', b'{"tags":[']), st.integers(500, 60_000)).map(
    lambda one: one[0] * one[1]
)
BODIES = DEEP | st.binary(max_size=300) | ANYTHING.map(lambda text: text.encode(errors="replace")) | JSON_BYTES


def _is_plain(value: Any) -> bool:
    """JSON without what httpx2 refuses to write: NaN, lone surrogates."""
    try:
        httpx2.Response(200, json=value)
    except ValueError:
        return False
    return True


def read_tags(body: bytes, link: str) -> None:
    """A registry's whole answer through the client: tags, then the same bytes as a manifest."""
    headers = {"Content-Type": "application/json"} | ({"Link": link} if link.isascii() and link.isprintable() else {})
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=body, headers=headers))
    with RegistryClient(transport=transport, max_pages=2) as client:
        for ask in (client.tags, client.detail, lambda name: client.referrers(name, "sha256:" + "0" * 64)):
            with suppress(REFUSALS):
                ask("registry.example.com/acme/job")


def read_rule(dialect: Dialect) -> Callable[..., None]:
    def read(rule: str, tags: list[str], current: str) -> None:
        compiled = DIALECTS[dialect](rule, current=current)
        readings = [compiled.read(tag, Tag(name=tag)) for tag in tags]
        sorted(reading.key for reading in readings if reading.key is not None)

    return read


def read_headers(text: str) -> None:
    challenge = registry_auth.parse_challenge(text)
    registry_auth.is_realm_allowed(challenge.params.get("realm", text), "registry.example.com", insecure=False)
    retry_after({"retry-after": text})
    politeness.read_quota({"ratelimit-limit": text, "ratelimit-remaining": text, "x-ratelimit-reset": text}, 1e9)


def read_docker(body: bytes) -> None:
    content = docker_config.read_config(body)
    for entry in docker_config.stored_entries(content):
        account = entry.read()
        assert account is not None
        assert account.secret not in f"{account!r} {entry!r}" or len(account.secret) < 4


class Tree:
    """A commit that has the folders ``a`` and ``b``, with these files and nothing else."""

    def __init__(self, content: bytes) -> None:
        self.content = {"kustomization.yaml": content, "t.yaml": content, "x": b""}

    def has_folder(self, path: str) -> bool:
        return path in {"a", "b", "."}

    def files(self, path: str) -> dict[str, bytes]:
        return self.content


def read_ignore(text: str, path: str) -> None:
    helmignore.read_ignored(text, where="chart")(path, is_folder=False)


def read_dependencies(chart: bytes, lock: bytes) -> None:
    for version in (b"", b"apiVersion: v2\n"):
        files = {
            "Chart.yaml": version + chart,
            "Chart.lock": lock,
            "requirements.yaml": chart,
            "requirements.lock": lock,
        }
        chart_dependencies.lacking(files, where="chart")


def read_link(link: str) -> None:
    following = registry_protocol.next_page("https://registry.example.com/v2/a/tags/list", link)
    if following is not None:
        parts = urlsplit(following)
        assert (parts.scheme, parts.hostname, parts.port or 443, parts.username) == (
            "https",
            "registry.example.com",
            443,
            None,
        )


TARGETS: dict[str, tuple[Callable[..., object], tuple[st.SearchStrategy[Any], ...]]] = {
    "references": (references.parse, (NAMES,)),
    "references as docker": (references.normalise, (NAMES,)),
    "versions": (semver.parse, (TAGS,)),
    "WWW-Authenticate, Retry-After, quotas": (read_headers, (HEADERS,)),
    "Link": (read_link, (HEADERS,)),
    "messages about URLs": (registry_protocol.without_secrets, (HEADERS,)),
    "answers of registries": (read_tags, (BODIES, HEADERS)),
    "error bodies": (registry_protocol.error_codes, (BODIES,)),
    ".helmignore": (read_ignore, (st.text("*?[]!/#\\abc-^.\n ", max_size=80) | ANYTHING, NAMES)),
    "dependencies of charts": (read_dependencies, (MANIFESTS | BODIES, MANIFESTS | BODIES)),
    "kustomizations": (lambda text: kustomize.needed_files(Tree(text), "a", where="a"), (MANIFESTS | BODIES,)),
    "docker config": (read_docker, (BODIES,)),
    "memos": (lambda text: tag_memo.known_pages({"pages": text}, text, 1e9), (ANYTHING,)),
    **{f"dialect {dialect}": (read_rule(dialect), (RULES, st.lists(TAGS, max_size=6), TAGS)) for dialect in DIALECTS},
}


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    faulthandler.dump_traceback_later(SECONDS / len(TARGETS) + STUCK_SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_input_is_read_or_refused(name: str) -> None:
    read, strategies = TARGETS[name]
    until, count, number = time.monotonic() + SECONDS / len(TARGETS), 0, SEED

    def one(values: tuple[Any, ...]) -> None:
        nonlocal count
        count += 1
        with suppress(REFUSALS):
            read(*values)

    while True:
        run = settings(
            max_examples=100,
            deadline=SLOWEST_MS,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )(given(st.tuples(*strategies))(one))
        seed(number)(run)()
        number += 1
        if time.monotonic() > until:
            break
    print(f"\n{name}: {count} inputs, seeds {SEED} to {number - 1}")
