"""Which pod a port-forward goes to: a ready endpoint of the Service, by the Service's port."""

import pytest

from test_harness.errors import ToolFailed
from test_harness.forwarding import find_endpoint

SERVICE = {
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"ports": [{"port": 80, "name": "http"}, {"port": 9, "name": "m"}]},
}


def slice_(*pods, service="web", port=8080, name="http"):
    return {
        "kind": "EndpointSlice",
        "metadata": {"name": "s", "labels": {"kubernetes.io/service-name": service}},
        "ports": [{"name": name, "port": port}],
        "endpoints": [
            {"conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": pod}} for pod, ready in pods
        ],
    }


def test_the_ready_pod_is_chosen_and_not_the_one_that_ends():
    assert find_endpoint([SERVICE, slice_(("old", False), ("new", True))], "web", 80) == ("new", 8080)


def test_the_port_is_found_by_its_name():
    assert find_endpoint([SERVICE, slice_(("a", True)), slice_(("a", True), port=9100, name="m")], "web", 9) == (
        "a",
        9100,
    )


@pytest.mark.parametrize(
    "objects",
    [[SERVICE], [SERVICE, slice_(("a", False))], [SERVICE, slice_()], [SERVICE, slice_(("a", True), service="other")]],
)
def test_no_ready_pod_yet(objects):
    assert find_endpoint(objects, "web", 80) is None


def test_a_service_without_a_port_name():
    plain = {"kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}
    assert find_endpoint([plain, slice_(("a", True), name="")], "web", 80) == ("a", 8080)


@pytest.mark.parametrize(("service", "port", "words"), [("wbe", 80, "it has|web"), ("web", 81, "9, 80")])
def test_what_does_not_exist_is_said_with_what_does(service, port, words):
    with pytest.raises(ToolFailed, match=words):
        find_endpoint([SERVICE], service, port)
