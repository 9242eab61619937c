"""What keeps a change out for now: the cluster's own rules, then the rollout. Pure. Installing, upgrading and removing ask alike."""

from datetime import datetime

from cluster_agent.contract.rollout import opens_for
from cluster_agent.decisions import Left, Policy, Wait, Wanted
from cluster_agent.trust.clock import two_clocks


def gate(namespace: str, said: Wanted | Left, policy: Policy, now: datetime) -> Wait | None:
    """Return why nothing in ``namespace`` may change now for what the channel ``said``, or None."""
    if policy.held:
        return Wait("held", policy.held, forbidden=True)
    if namespace not in policy.namespaces:
        words = f"namespace {namespace!r} is not one that this agent serves: add it to `namespaces` of its chart"
        return Wait("namespace_not_served", words, forbidden=True)
    return _rollout_gate(said, policy, now)


def _rollout_gate(said: Wanted | Left, policy: Policy, now: datetime) -> Wait | None:
    rollout, clocks = said.rollout, two_clocks(now, said.clock_skew)
    if rollout is None or rollout.generation != said.generation:
        return Wait("no_rollout", f"generation {said.generation} has no rollout yet")
    if rollout.expires <= now:
        return Wait("stale_rollout", f"the rollout file expired at {rollout.expires:%Y-%m-%d %H:%M} UTC{clocks}")
    if rollout.halted is not None:
        return Wait("halted", f"the rollout is halted: {rollout.halted.reason}")
    opens = opens_for(rollout, policy.cluster)
    if opens is None:
        return Wait("no_wave", "the rollout has no wave for this cluster yet")
    if opens > now:
        return Wait("wave_not_open", f"this cluster's wave opens at {opens:%Y-%m-%d %H:%M:%S} UTC{clocks}")
    return None
