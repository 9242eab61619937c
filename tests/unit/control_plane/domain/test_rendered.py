"""Secrets in what a chart renders: none is kept, and nothing else is lost."""

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.rendered import HIDDEN, hide_text, hide_values, is_secret, rendered_objects

SECRET = "correct-horse-battery"
NAMES = (
    "password",
    "adminPassword",
    "DB_PASSWORD",
    "apiToken",
    "client_secret",
    "AWS_SECRET_ACCESS_KEY",
    "API_KEY",
    "private-key",
)
PLAIN = (
    "secretName",
    "existingSecret",
    "imagePullSecrets",
    "tokenExpirationSeconds",
    "checksum/secret",
    "passwordPolicy",
    "user",
)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_secrets_are_known(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", PLAIN)
def test_names_that_only_speak_of_secrets_are_none(name):
    assert not is_secret(name)


def _value(name: str) -> dict:
    return {
        "key": {name: SECRET},
        "list": {"items": [{"deep": [{name: SECRET}]}]},
        "variable": {"env": [{"name": name, "value": SECRET}, {"name": "PLAIN", "value": "stays"}]},
        "argument": {"args": [f"--{name}={SECRET}", "--verbose"]},
        "address": {"url": f"postgres://user:{SECRET}@host/db?x=1"},
        "text": {"app.ini": f"[main]\nlevel = info\n{name} = {SECRET}\nlast = 1\n"},
        "json": {"app.json": f'{{"{name}": "{SECRET}", "other": 1}}'},
        "pem": {"tls": f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----\n"},
    }


STYLES = st.sampled_from([None, "'", '"', "|", ">"])
FLOWS = st.sampled_from([True, False, None])


@given(st.sampled_from(NAMES), st.sampled_from(sorted(_value(""))), STYLES, FLOWS, st.booleans())
def test_a_secret_is_hidden_wherever_and_however_it_stands(name, where, style, flow, as_secret):
    data = {"stringData": {"x": SECRET, "y": SECRET + "\n"}} if as_secret else _value(name)[where]
    document = {
        "kind": "Secret" if as_secret else "Thing",
        "metadata": {"name": "it", "labels": {"kept": "yes"}},
        **data,
    }
    text = yaml.safe_dump(document, default_style=style, default_flow_style=flow, sort_keys=False)
    (found,) = rendered_objects(f"---\n# Source: x\n{text}---\n")
    assert SECRET not in found.text
    assert HIDDEN in found.text
    assert (found.name, "kept" in found.text) == ("it", True)
    again = yaml.safe_load(found.text)
    assert again["metadata"] == document["metadata"]  # it is still YAML, and only the secret is another
    assert again.keys() == document.keys()


def test_objects_have_their_names_hooks_and_own_text():
    text = (
        "---\n# Source: a\nkind: Job\nmetadata: {name: j, namespace: n, annotations: {helm.sh/hook: pre-install}}\n---\n\n"
        "---\n  kind: Pod\n  metadata:\n    generateName: p-\n  # about the pod\n  spec: {}\n"
    )
    job, pod = rendered_objects(text)
    assert (job.kind, job.name, job.namespace, job.hook) == ("Job", "j", "n", "pre-install")
    assert (pod.kind, pod.name) == ("Pod", "p-")
    assert pod.text == "kind: Pod\nmetadata:\n  generateName: p-\n# about the pod\nspec: {}\n"


def test_secrets_within_a_list_are_hidden_too():
    (found,) = rendered_objects(f"kind: List\nitems:\n- kind: Secret\n  data: {{a: {SECRET}}}\n- kind: Pod\n")
    assert SECRET not in found.text


def test_values_are_hidden_by_name_and_in_texts():
    values = {
        "db": {"password": SECRET, "port": 5432, "url": f"amqp://u:{SECRET}@h"},
        "auth": [{"token": SECRET}],
        "a": None,
    }
    assert hide_values(values) == {
        "db": {"password": HIDDEN, "port": 5432, "url": f"amqp://u:{HIDDEN}@h"},
        "auth": [{"token": HIDDEN}],
        "a": None,
    }


@pytest.mark.parametrize("text", ["use_token = true", "token: null", "existingSecret: web", "no secrets here", "a: b"])
def test_what_is_no_secret_stays(text):
    assert hide_text(text) == text


def test_an_alias_bomb_and_long_lines_cost_little():
    bomb = "kind: X\nmetadata: {name: b}\na: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(20)
    )
    before = time.process_time()
    (found,) = rendered_objects(bomb)
    hide_text("a:" * 200_000 + "password " * 20_000)
    assert time.process_time() - before < 5
    assert found.name == "b"
