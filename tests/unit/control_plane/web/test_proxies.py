"""Behind proxies: the caller's address is what ours say, and never what the caller says."""

from ipaddress import ip_network

import pytest

from control_plane.web.proxies import address_of

OURS = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("10.1.1.1", "198.51.100.7", "198.51.100.7"),
        ("10.1.1.1", "198.51.100.7, 10.2.2.2", "198.51.100.7"),
        ("10.1.1.1", "192.0.2.1, 198.51.100.7", "198.51.100.7"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("203.0.113.9", "192.0.2.1", "203.0.113.9"),
        ("10.1.1.1", "nonsense", "10.1.1.1"),
        ("10.1.1.1", "10.9.9.9", "10.9.9.9"),
    ],
    ids=["one", "two of ours", "caller's own header", "version 6", "no proxy of ours", "nonsense", "inside"],
)
def test_the_nearest_address_that_is_not_ours_counts(remote: str, forwarded: str, address: str) -> None:
    assert address_of(remote, forwarded, OURS) == address


def test_without_proxies_the_header_is_not_read(client_of) -> None:
    from control_plane.web.accounts.models import FailedSignIn

    client = client_of("", REMOTE_ADDR="192.0.2.77", HTTP_X_FORWARDED_FOR="198.51.100.1")
    client.post("/sign-in", {"name": "somebody", "password": "no"})
    assert FailedSignIn.objects.filter(name="somebody").last().address == "192.0.2.77"
