"""The agent's settings: what is missing or wrong is named, with what would be right."""

import re

import pytest

from cluster_agent.settings import PREFIX, ApplicationRules, BadSettings, load

NEEDED = {"URL": "https://tidegate.example.org", "NAMESPACES": "a, b", "NAMESPACE": "tidegate-agent"}


def read(**given):
    return load({f"{PREFIX}{name}": value for name, value in (NEEDED | given).items()})


def test_what_is_not_set_has_its_default():
    settings = read()
    assert (settings.namespaces, settings.on_leave, settings.applications) == (("a", "b"), "keep", {})
    assert settings.listen == "0.0.0.0:8080"


def test_an_empty_listen_listens_nowhere_and_any_other_empty_setting_is_none():
    settings = read(LISTEN="", HOLD=" ", ON_LEAVE="")
    assert (settings.listen, settings.hold, settings.on_leave) == ("", "", "keep")


def test_rules_of_single_applications_are_read():
    settings = read(ON_LEAVE="uninstall", APPLICATIONS='{"miniflux": {"onLeave": "keep"}, "web": {}}')
    assert settings.on_leave == "uninstall"
    assert settings.applications == {"miniflux": ApplicationRules(on_leave="keep"), "web": ApplicationRules()}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"URL": "tidegate.example.org"}, "TIDEGATE_AGENT_URL must start with https://"),
        ({"NAMESPACES": " , "}, "TIDEGATE_AGENT_NAMESPACES is empty"),
        ({"POLL_SECONDS": "0.5"}, "TIDEGATE_AGENT_POLL_SECONDS must be at least 1"),
        ({"ON_LEAVE": "delete"}, "TIDEGATE_AGENT_ON_LEAVE: Invalid enum value 'delete'"),
        ({"APPLICATIONS": "miniflux"}, "TIDEGATE_AGENT_APPLICATIONS is no JSON object"),
        ({"APPLICATIONS": '{"m": {"onleave": "keep"}}'}, "unknown field `onleave`"),
        ({"REGISTRY_MIRRORS": "[1]"}, "TIDEGATE_AGENT_REGISTRY_MIRRORS is no JSON object"),
    ],
)
def test_a_mistake_is_named(given, words):
    with pytest.raises(BadSettings, match=re.escape(words)) as caught:
        read(**given)
    assert PREFIX in str(caught.value)
