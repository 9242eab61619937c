"""Which part of a version's suffix is the variant, and which only says when."""

import pytest

from control_plane.domain.versions.families import family_of


@pytest.mark.parametrize(
    ("suffix", "family"),
    [
        ("", ""),
        ("alpine", "alpine"),
        ("alpine3.19", "alpine3.19"),
        ("rc.1", ""),
        ("rc-1", ""),
        ("rc1-alpine3.19", "alpine3.19"),
        ("beta", ""),
        ("alpha.beta", ""),
        ("0.3.7", ""),
        ("20240131", ""),
        ("20240131T101500Z", ""),
        ("12-gabcdef1", ""),
        ("debian-12-r4", "debian-12"),
        ("debian-12-r5", "debian-12"),
        ("k3s1", "k3s"),
        ("ce.0", "ce"),
        ("jdk17-slim", "jdk17-slim"),
        ("windowsservercore-ltsc2022", "windowsservercore-ltsc2022"),
    ],
)
def test_family(suffix: str, family: str) -> None:
    assert family_of(suffix) == family
