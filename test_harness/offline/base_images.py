"""Base images for our Dockerfiles' `ARG BASE`: the public one where it can be pulled, Debian's own otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from test_harness.offline.debian_root import ensure_image

if TYPE_CHECKING:
    from test_harness.offline.engine import Engine
    from test_harness.offline.provisioning import Mode

PUBLIC = "python:3.12-slim-bookworm"
REPOSITORY = "tidegate.local/base"
_PACKAGES = ("python3", "python3-venv", "ca-certificates")


def ensure_base(engine: Engine, mode: Mode) -> str:
    """An image with Debian 12, Python ≥ 3.11 with venv, and CA certificates; what `--build-arg BASE=` is given."""
    if mode == "online":
        return PUBLIC
    return ensure_image(engine, REPOSITORY, _PACKAGES, expected=40)
