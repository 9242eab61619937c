"""Ask the peers themselves: draws inputs, lets each peer's program answer, compares ours, and writes the cases that are committed.

``python -m tests.conformance.oracles.generate`` writes ``tests/conformance/cases/drawn`` anew (needs Go and its module proxy).
``--compare 20000 [FILE …]`` writes nothing: it draws so many with another seed and prints what we answer otherwise.
"""

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from tests.conformance.case_files import DRAWN
from tests.conformance.dialects.answering import Unsupported
from tests.conformance.oracles import inputs
from tests.conformance.test_conformance import agrees, answered

HERE = Path(__file__).parent
SEED, KEPT, ASKED = 20261125, 150, 6_000
LONGEST = 400  # characters of a committed line's input


class Peer(NamedTuple):
    program: str
    source: str  # as in go.mod
    draw: inputs.Draw


PEERS = {
    "masterminds-semver": Peer("semver", "github.com/Masterminds/semver/v3", inputs.semver),
    "distribution-reference": Peer("reference", "github.com/distribution/reference", inputs.references),
    "ggcr-name": Peer("ggcr", "github.com/google/go-containerregistry", inputs.names),
    "oras-reference": Peer("oras", "oras.land/oras-go/v2", inputs.artifacts),
    "helm-version-select": Peer("helm", "helm.sh/helm/v4", inputs.charts),
    "flux-imagepolicy": Peer("golang", "regexp", inputs.filters),
    "argocd-image-updater": Peer("golang", "regexp, path/filepath", inputs.ignored),
    "flux1-tagpattern-image": Peer("golang", "regexp, github.com/ryanuber/go-glob", inputs.matched),
    "registry-api": Peer(
        "registryapi", "oras.land/oras-go/v2, github.com/google/go-containerregistry", inputs.registry_api
    ),
}


def drawn(peer: Peer, count: int, seed: int) -> list[inputs.Question]:
    """Return ``count`` questions, no two the same, always the same ones for a seed."""

    def all_of() -> Iterator[inputs.Question]:
        dice, seen = random.Random(seed), set()
        while True:
            for op, given in peer.draw(dice):
                key = json.dumps([op, given])
                if key not in seen:
                    seen.add(key)
                    yield op, given

    return list(islice(all_of(), count))


def asked(program: str, questions: list[inputs.Question]) -> list[Any]:
    """Return what the peer says to each question."""
    lines = "".join(json.dumps({"op": op, "input": given}) + "\n" for op, given in questions)
    done = subprocess.run(
        ["go", "run", f"./{program}"], cwd=HERE, input=lines, text=True, stdout=subprocess.PIPE, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def ours(dialect: str, op: str, given: dict[str, Any]) -> Any:
    """Return our answer, or the exception where there should be none."""
    try:
        return answered(dialect, op, given)
    except Unsupported as reason:
        return f"not supported: {reason}"
    except Exception as error:  # a crash is a difference to show, not the end of the run
        return error


def compare(dialect: str, count: int, seed: int) -> int:
    questions = drawn(PEERS[dialect], count, seed)
    answers = asked(PEERS[dialect].program, questions)
    wrong = [
        (op, given, said, own)
        for (op, given), said in zip(questions, answers, strict=True)
        if not agrees(own := ours(dialect, op, given), said)
    ]
    print(f"{dialect:26}{len(questions):8,} compared{len(wrong):6} differ")
    for op, given, said, own in sorted(wrong, key=lambda one: len(str(one[1])))[:20]:
        print(f"  {op} {json.dumps(given)}: the peer says {json.dumps(said)}, we {own!r}")
    return len(wrong)


def write(dialect: str) -> None:
    """Keep a few cases of each operation and outcome, turn by turn."""
    questions = [one for one in drawn(PEERS[dialect], ASKED, SEED) if len(json.dumps(one[1])) <= LONGEST]
    kinds: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for (op, given), said in zip(questions, asked(PEERS[dialect].program, questions), strict=True):
        outcome = (
            json.dumps(said)
            if isinstance(said, bool) or said in ({"valid": True}, {"valid": False})
            else str(_refused(said))
        )
        kinds.setdefault((op, outcome), []).append({"op": op, "input": given, "expected": said})
    turns = (case for turn in zip_longest(*kinds.values()) for case in turn if case is not None)
    lines = [
        json.dumps(
            {
                "id": f"{dialect}-oracle-{number:04}",
                "source": _version(PEERS[dialect].source),
                "test": "differential",
                **case,
            }
        )
        for number, case in enumerate(islice(turns, KEPT), 1)
    ]
    DRAWN.mkdir(parents=True, exist_ok=True)
    (DRAWN / f"{dialect}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{dialect:26}{len(lines):8} written")


def _refused(said: Any) -> bool:
    return isinstance(said, dict) and said.get("error") is True


def _version(source: str) -> str:
    """Return the modules of ``source`` with the versions that go.mod pins; Go's own library has Go's."""
    pinned = dict(
        line.split()[:2] for line in (HERE / "go.mod").read_text().splitlines() if line.startswith(("\t", "go "))
    )
    return ", ".join(f"{name}@{pinned.get(name) or 'go' + pinned['go']}" for name in source.split(", "))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="FILE", help=f"which of {', '.join(PEERS)} (default: all)")
    parser.add_argument("--compare", type=int, metavar="N", help="compare N drawn inputs, write nothing")
    parser.add_argument("--seed", type=int, help="of what is compared (default: another each time)")
    given = parser.parse_args()
    wanted = given.files or list(PEERS)
    if given.compare is None:
        for dialect in wanted:
            write(dialect)
        return 0
    seed = random.randrange(2**32) if given.seed is None else given.seed
    print(f"seed {seed}")
    return min(1, sum(compare(dialect, given.compare, seed) for dialect in wanted))


if __name__ == "__main__":
    sys.exit(main())
