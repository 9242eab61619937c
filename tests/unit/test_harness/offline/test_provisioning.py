"""The decision where images come from and whose engine is used, from facts alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from test_harness.offline.provisioning import Facts, choose_provisioning

REACHABLE = {"registry-1.docker.io": True, "registry.k8s.io": True}
ORDINARY = Facts(
    platform="linux",
    can_be_root=True,
    engine="28.2.2",
    dockerd=True,
    mmdebstrap=True,
    sys_resource=True,
    cgroup=2,
    registries=REACHABLE,
)
NO_REGISTRY = REACHABLE | {"registry-1.docker.io": False}


def test_ordinary_machine_is_left_alone():
    decision = choose_provisioning(ORDINARY)

    assert decision.mode == "online"
    assert [decision.start_engine, decision.runtime_wrapper, decision.kubeadm_patches] == [False, False, False]
    assert decision.obstacles == ()
    assert decision.reasons == (
        "the public image registries can be reached: kind pulls its node image",
        "Docker Engine 28.2.2 answers: it is used",
    )


def test_one_silent_registry_means_offline_and_is_named():
    decision = choose_provisioning(replace(ORDINARY, registries=NO_REGISTRY))

    assert decision.mode == "offline"
    assert decision.reasons[0] == "cannot reach registry-1.docker.io: images are built here"


def test_missing_capability_rules_out_the_public_node_image():
    decision = choose_provisioning(replace(ORDINARY, sys_resource=False))

    assert decision.mode == "offline"
    assert decision.kubeadm_patches


@pytest.mark.parametrize(("sys_resource", "wrapper"), [(True, False), (False, True)])
def test_own_engine_gets_the_wrapper_only_where_the_capability_is_missing(sys_resource: bool, wrapper: bool):
    decision = choose_provisioning(replace(ORDINARY, engine=None, sys_resource=sys_resource))

    assert decision.start_engine
    assert decision.runtime_wrapper is wrapper


def test_control_groups_v1_need_patches_also_online():
    decision = choose_provisioning(replace(ORDINARY, cgroup=1))

    assert decision.mode == "online"
    assert decision.kubeadm_patches


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_the_persons_choice_wins(mode):
    decision = choose_provisioning(replace(ORDINARY, registries=NO_REGISTRY, sys_resource=False, forced=mode))

    assert decision.mode == mode
    assert decision.reasons[0] == f"TIDEGATE_PROVISIONING={mode} was set"


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"engine": None, "platform": "darwin"}, "start Docker Desktop"),
        ({"engine": None, "dockerd": False}, "apt-get install docker.io"),
        ({"engine": None, "can_be_root": False}, "run as root"),
        ({"registries": NO_REGISTRY, "platform": "darwin"}, "connect to a network"),
        ({"registries": NO_REGISTRY, "mmdebstrap": False}, "apt-get install mmdebstrap"),
        ({"registries": NO_REGISTRY, "can_be_root": False}, "mmdebstrap needs root"),
    ],
)
def test_each_obstacle_names_the_next_step(changes, step):
    (obstacle,) = choose_provisioning(replace(ORDINARY, **changes)).obstacles

    assert step in obstacle
