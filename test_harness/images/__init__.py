"""The one road of images: a Dockerfile, the Docker Engine, a registry on loopback under the public name's path.

`docker.io/miniflux/miniflux:2.2.8` lies at `127.0.0.1:PORT/miniflux/miniflux:2.2.8`, where a cluster's mirror setting
finds it by its unmodified name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from test_harness.images.names import parse_image_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from test_harness.offline.engine import Engine


def build(
    engine: Engine,
    dockerfile: Path,
    context: Path,
    tag: str,
    *,
    base: str | None = None,
    arguments: Mapping[str, str] | None = None,
) -> str:
    """Build an image and give its id (`sha256:…`). `base` is put in for the Dockerfile's `ARG BASE`.

    Where our own engine builds, steps use this machine's network directly, so that packages can be installed.
    """
    given = dict(arguments or {}) | ({"BASE": base} if base else {})
    words = [word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")]
    network = ["--network", "host"] if engine.ours else []
    engine.docker("build", "--tag", tag, "--file", dockerfile, *words, *network, context, timeout=1800)
    return engine.docker("image", "inspect", "--format", "{{.Id}}", tag).strip()


def push(engine: Engine, tag: str, registry: str) -> str:
    """Push the engine's image `tag` to the registry at `HOST:PORT` on loopback; gives its digest (`sha256:…`)."""
    target = parse_image_name(tag).at(registry)
    engine.docker("tag", tag, target)
    try:
        engine.docker("push", target)
        return _digest(engine, target)
    finally:
        engine.docker("rmi", "--no-prune", target)


def copy_public(engine: Engine, name: str, registry: str) -> str:
    """Bring a public image into our registry where the public ones can be reached; gives its digest there."""
    engine.docker("pull", name, timeout=1800)
    return push(engine, name, registry)


def _digest(engine: Engine, target: str) -> str:
    repository = target.rpartition(":")[0]
    pushed = engine.docker("image", "inspect", "--format", '{{join .RepoDigests "\\n"}}', target).split()
    return next(each for each in pushed if each.startswith(f"{repository}@")).partition("@")[2]
