"""Tests that take seconds by their nature (generated input, bursts, killed processes) are a part of their own: ``long``."""

import pytest

LONG = frozenset(
    {
        "control_plane/domain/versions/test_dialects_hostile.py",
        "control_plane/domain/versions/test_selection_properties.py",
        "control_plane/services/test_invariants.py",
        "control_plane/upstreams/test_helm_index.py",
        "control_plane/web/test_statements.py",
        "control_plane/web/test_webhooks_burst.py",
        "control_plane/web/test_webhooks_fuzz.py",
        "cluster_agent/trust/test_fuzz.py",
        "cluster_agent/trust/test_generations.py",
        "cluster_agent/trust/test_killed_processes.py",
        "cluster_agent/trust/test_kills.py",
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.as_posix().partition("tests/unit/")[2] in LONG:
            item.add_marker(pytest.mark.long)
