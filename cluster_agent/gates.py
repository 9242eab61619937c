"""What keeps a change out for now: the cluster's own rules, then the rollout. Pure. Installing, upgrading and removing ask alike."""

from datetime import datetime

from cluster_agent.contract import Rollout
from cluster_agent.contract.rollout import opens_for
from cluster_agent.decisions import Policy, Wait


def gate(namespace: str, generation: int, rollout: Rollout | None, policy: Policy, now: datetime) -> Wait | None:
    """Return why nothing in ``namespace`` may change for ``generation`` now, or None."""
    if policy.held:
        return Wait("held", policy.held, forbidden=True)
    if namespace not in policy.namespaces:
        words = f"namespace {namespace!r} is not one that this agent serves: add it to `namespaces` of its chart"
        return Wait("namespace_not_served", words, forbidden=True)
    return _rollout_gate(generation, rollout, policy, now)


def _rollout_gate(generation: int, rollout: Rollout | None, policy: Policy, now: datetime) -> Wait | None:
    if rollout is None or rollout.generation != generation:
        return Wait("no_rollout", f"generation {generation} has no rollout yet")
    if rollout.expires <= now:
        return Wait("stale_rollout", f"the rollout file expired at {rollout.expires:%Y-%m-%d %H:%M} UTC")
    if rollout.halted is not None:
        return Wait("halted", f"the rollout is halted: {rollout.halted.reason}")
    opens = opens_for(rollout, policy.cluster)
    if opens is None:
        return Wait("no_wave", "the rollout has no wave for this cluster yet")
    if opens > now:
        return Wait("wave_not_open", f"this cluster's wave opens at {opens:%Y-%m-%d %H:%M:%S} UTC", until=opens)
    return None
