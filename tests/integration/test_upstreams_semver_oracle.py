"""Our ranges against Helm's own ``semverCompare``: thousands of generated cases in one rendering."""

import os
import random
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from control_plane.domain.versions import parse_range
from control_plane.domain.versions.dialects.helm import compile_range
from control_plane.domain.versions.policy import Tag
from control_plane.domain.versions.semver import parse

CASES = 4_000
OPERATORS = ("", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^")
TEMPLATE = """\
{{- range $case := .Values.cases }}
{{ semverCompare (index $case 0) (index $case 1) }}
{{- end }}
"""


def version(dice: random.Random, *, wild: bool) -> str:
    numbers = ["0", "0", "1", "2", "3", "11", "007", *(["x", "*", "X"] if wild else [])]
    text = dice.choice(["", "", "v"]) + ".".join(dice.choice(numbers) for _ in range(dice.choice([1, 2, 3, 3, 3])))
    return text + dice.choice(
        ["", "", "", "-alpha", "-beta.2", "-0", "-rc.11", "-rc.2", "-1.a", "-alpine", "+b.1", "-0+b"]
    )


def version_range(dice: random.Random) -> str:
    parts = []
    for _ in range(dice.choice([1, 1, 2])):
        if dice.random() < 0.15:
            parts.append(f"{version(dice, wild=True)} - {version(dice, wild=True)}")
            continue
        comparators = [
            dice.choice(OPERATORS) + dice.choice(["", " "]) + version(dice, wild=True)
            for _ in range(dice.choice([1, 1, 2]))
        ]
        parts.append(dice.choice([" ", ", ", ","]).join(comparators))
    return " || ".join(parts)


def test_our_ranges_mean_what_helm_makes_of_them(tmp_path: Path) -> None:
    helm = shutil.which(os.environ.get("TIDEGATE_HELM", "helm"))
    if helm is None and os.environ.get("CI"):
        pytest.fail("helm is missing: `make test` installs it")
    if helm is None:
        pytest.skip("helm is missing: `make test` installs it")
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    cases = [(version_range(dice), version(dice, wild=False)) for _ in range(CASES)]
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: oracle\nversion: 1.0.0\n")
    (tmp_path / "values.yaml").write_bytes(msgspec.json.encode({"cases": cases}))
    (tmp_path / "templates" / "answers.yaml").write_text('answers: "' + TEMPLATE + '"\n')
    done = subprocess.run([helm, "template", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    answers = [line.strip(' "') == "true" for line in done.stdout.splitlines() if line.strip(' "') in {"true", "false"}]
    assert len(answers) == CASES
    wrong = [case for case, answer in zip(cases, answers, strict=True) if contains(*case) != answer]
    assert not wrong, f"seed {seed}: {wrong[:5]}"
    wrong = [case for case, answer in zip(cases, answers, strict=True) if is_wanted(*case) != answer]
    assert not wrong, f"as a policy, seed {seed}: {wrong[:5]}"


def contains(text: str, tag: str) -> bool:
    return parse_range(text).contains(parse(tag))


def is_wanted(text: str, tag: str) -> bool:
    return not compile_range(text, current="").read(tag, Tag(name=tag)).refusal
