"""Evidence: bounded, listed with its digest, and without a secret."""

import base64
import hashlib
import json
from datetime import UTC, datetime

import yaml

from cluster_agent.applying.registry_login import Logins
from test_harness.evidence import LARGEST_BYTES, Evidence, Redactor, bounded, without_secrets
from test_harness.runner import StepReport

PASSWORD = 'p&ss"word\\1'


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def test_values_are_redacted_as_they_are_and_as_base64_xml_and_json_write_them():
    redact = Redactor()
    redact.learn_values([encoded(PASSWORD + "\n"), encoded("true")])
    text = f'a {PASSWORD} b {encoded(PASSWORD)} c p&amp;ss&quot;word\\1 d p&ss\\"word\\\\1 true'
    assert redact(text) == "a [redacted] b [redacted] c [redacted] d [redacted] true"


def test_passwords_of_registries_are_redacted_as_they_are_and_as_headers_write_them():
    redact = Redactor()
    auths = {"ghcr.io": {"auth": encoded(f"robot:{PASSWORD}")}, "acme.azurecr.io": {"identitytoken": "1dentity"}}
    redact.learn_logins(Logins(config=json.dumps({"auths": auths}).encode()))
    assert redact(f"{PASSWORD} {encoded(f'robot:{PASSWORD}')} 1dentity") == "[redacted] [redacted] [redacted]"


def test_a_secret_that_holds_another_is_redacted_whole():
    redact = Redactor()
    redact.learn_values([encoded("hunter22"), encoded("postgres://u:hunter22@db")])
    assert redact("postgres://u:hunter22@db hunter22") == "[redacted] [redacted]"


def test_the_manifest_keeps_the_keys_of_secrets_and_not_their_values():
    documents = [
        {"kind": "Secret", "metadata": {"name": "a"}, "data": {"k": "djE="}, "stringData": {"l": "v2"}},
        {"kind": "ConfigMap", "data": {"k": "v3"}},
    ]
    text = without_secrets(yaml.safe_dump_all(documents))
    assert "djE=" not in text
    assert "v2" not in text
    assert [one["data"] for one in yaml.safe_load_all(text)] == [{"k": "[redacted]"}, {"k": "v3"}]


def test_of_a_long_log_the_end_is_kept():
    data = bounded("x" * LARGEST_BYTES + "the reason")
    assert len(data) <= LARGEST_BYTES
    assert data.endswith(b"the reason")
    assert data.startswith(b"[the beginning is left out]")


def test_the_list_names_every_file_with_its_digest_and_what_programs_wrote_is_redacted(tmp_path):
    evidence = Evidence(tmp_path)
    evidence.redact.learn_values([encoded("hunter22")])
    (tmp_path / "suite-upgrade.txt").write_text("E   assert 'hunter22' == ''")
    (tmp_path / "harness.log").write_text("still being written")
    step = StepReport(name="seed", title="Put data in", state="passed", started_at=datetime(2026, 1, 1, tzinfo=UTC))
    files = {file.path: file for file in evidence.finish((step,))}
    assert sorted(files) == ["suite-upgrade.txt", "timeline.json"]
    assert (tmp_path / "suite-upgrade.txt").read_text() == "E   assert '[redacted]' == ''"
    for path, file in files.items():
        content = (tmp_path / path).read_bytes()
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
