"""The agent's figures on a real cluster: memory, requests per poll, and how long a published release takes to be healthy.

Run: ``python -m tests.bench.agent``. Memory is the proportional set size of the agent's process and all its children, sampled every 20 ms.
The time is compared with ``helm upgrade --wait`` of the same chart by hand, in the same run; the poll interval is taken off.
"""

import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.e2e.agent_world import AgentWorld, surroundings

IDLE_LIMIT_MIB, APPLYING_LIMIT_MIB, RATIO_LIMIT = 64.0, 128.0, 1.15
POLL_SECONDS = 1.0
ROUNDS = 3


class Memory(threading.Thread):
    """Samples the memory of a process tree."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak = 0.0

    def run(self) -> None:
        while Path(f"/proc/{self.pid}").exists():
            self.peak = max(self.peak, tree_mib(self.pid))
            time.sleep(0.02)


def tree_mib(pid: int) -> float:
    """Return the proportional set size of ``pid`` and its descendants in MiB."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    own = next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    return own / 1024 + sum(tree_mib(int(child)) for child in children)


def by_hand(world: AgentWorld, version: str) -> float:
    """Return the seconds that ``helm upgrade --wait`` takes to the same chart with the same values."""
    message = f"message={world.releases.release(version).values['message']}"
    began = time.monotonic()
    world.run_helm("upgrade", "--install", "echo", *world.releases.by_hand(version), "--wait", "--set", message)
    return time.monotonic() - began


def by_agent(world: AgentWorld, version: str) -> tuple[float, dict[str, float]]:
    """Return the seconds from published to reported healthy, and what the agent's steps took of them."""
    application = world.releases.release(version, backup=False)
    began = time.monotonic()
    generation = world.control_plane.publish(application)
    world.wait(lambda: "healthy" in world.control_plane.outcomes(generation))
    return time.monotonic() - began, world.control_plane.last("healthy").timings


def main() -> int:
    """Measure, print the table; 1 where a figure misses its limit."""
    rows: list[tuple[str, float, float | None]] = []
    with tempfile.TemporaryDirectory() as folder, surroundings(Path(folder), "bench-agent") as place:
        world = AgentWorld(Path(folder), *place)
        agent = world.start(POLL_SECONDS=str(POLL_SECONDS))
        try:
            rows = measure(world, agent)
        finally:
            agent.terminate()
            agent.wait(30)
            world.forget()
    for name, value, limit in rows:
        verdict = "" if limit is None else ("ok" if value <= limit else "MISSED")
        print(f"{name:<58} {value:>8.2f} {'' if limit is None else f'≤ {limit:g}':>8} {verdict}")
    return int(any(limit is not None and value > limit for _, value, limit in rows))


def measure(world: AgentWorld, agent: Any) -> list[tuple[str, float, float | None]]:
    """Return rows of name, value and limit."""
    by_agent(world, "1.0.0")
    time.sleep(3)
    idle, before, polls = tree_mib(agent.pid), len(world.control_plane.requests), 10
    time.sleep(polls * POLL_SECONDS)
    asked = len([one for one in world.control_plane.requests[before:] if "/tuf/" in one[0]])
    memory = Memory(agent.pid)
    memory.start()
    with_agent = [by_agent(world, f"1.{number}.1") for number in range(ROUNDS)]
    peak = memory.peak
    agent.terminate()
    agent.wait(30)
    hand = [by_hand(world, f"1.{number}.2") for number in range(ROUNDS)]
    seconds, alone = statistics.median(took for took, _ in with_agent), statistics.median(hand)
    steps = {step: statistics.median(steps[step] for _, steps in with_agent) for step in ("fetch", "apply", "settle")}
    return [
        ("agent idle, MiB", idle, IDLE_LIMIT_MIB),
        ("agent applying, peak MiB of all its processes", peak, APPLYING_LIMIT_MIB),
        (f"requests in {polls} polls with nothing new", float(asked), polls * 1.2),
        ("helm upgrade --wait by hand, s", alone, None),
        (f"published to healthy, s (poll every {POLL_SECONDS:g} s)", seconds, None),
        *((f"  of which {step}, s", took, None) for step, took in steps.items()),
        ("ratio, poll interval taken off", (seconds - POLL_SECONDS) / alone, RATIO_LIMIT),
    ]


if __name__ == "__main__":
    sys.exit(main())
