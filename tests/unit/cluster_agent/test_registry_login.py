"""Logins for registries: shown to the host that they are for, and to nobody else."""

import base64
import hashlib
import json

import httpx2
import pytest

from cluster_agent.applying.artifacts import CHART_LAYER, ChartStore
from cluster_agent.applying.registry_login import Account, Logins
from cluster_agent.contract import Artifact
from cluster_agent.errors import Unreachable
from cluster_agent.settings import load

CHART = b"a packed chart"
CHART_DIGEST = f"sha256:{hashlib.sha256(CHART).hexdigest()}"
MANIFEST = json.dumps({"layers": [{"mediaType": CHART_LAYER, "digest": CHART_DIGEST}]}).encode()
ARTIFACT = Artifact(ref="ghcr.io/acme/web", digest=f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}")
PASSWORD = "a-password-nobody-may-see"
BASIC = Account("robot", PASSWORD).basic()


def auth(user="robot", password=PASSWORD):
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"auths": {"ghcr.io": auth()}}))
    return file


class Registry:
    """Answers every host: asks with ``challenge`` until a request carries ``wanted``. ``seen``: (origin, Authorization)."""

    def __init__(self, challenge, wanted="Bearer t1", *, redirect=""):
        self.challenge, self.wanted, self.redirect = challenge, wanted, redirect
        self.seen = []

    def __call__(self, request):
        given = request.headers.get("Authorization")
        self.seen.append((f"{request.url.scheme}://{request.url.netloc.decode()}", given))
        if request.url.path == "/token":
            return httpx2.Response(200, json={"token": "t1"})
        if self.redirect and request.url.host not in self.redirect:
            return httpx2.Response(307, headers={"Location": f"{self.redirect}{request.url.path}"})
        if given != self.wanted:
            return httpx2.Response(401, headers={"WWW-Authenticate": self.challenge})
        return httpx2.Response(200, content=MANIFEST if "/manifests/" in request.url.path else CHART)

    def shown_to(self):
        return {origin for origin, given in self.seen if given and given.startswith("Basic")}


def fetch(registry, tmp_path, config, *, mirrors=None, artifact=ARTIFACT):
    with httpx2.Client(transport=httpx2.MockTransport(registry)) as http:
        return ChartStore(tmp_path / "charts", http, mirrors, logins=Logins(config)).chart(artifact).read_bytes()


def test_a_token_server_that_the_challenge_names(tmp_path, config):
    registry = Registry('Bearer realm="https://auth.example.org/token",service="r",scope="repository:acme/web:pull"')
    assert fetch(registry, tmp_path, config) == CHART
    assert registry.shown_to() == {"https://auth.example.org"}
    assert {given for origin, given in registry.seen if origin == "https://auth.example.org"} == {BASIC}


def test_a_registry_that_asks_itself(tmp_path, config):
    registry = Registry('Basic realm="Registry"', wanted=BASIC)
    assert fetch(registry, tmp_path, config) == CHART
    assert registry.shown_to() == {"https://ghcr.io"}


def test_a_token_server_over_http_is_asked_without_a_login(tmp_path, config):
    registry = Registry('Bearer realm="http://auth.example.org/token"')
    assert fetch(registry, tmp_path, config) == CHART
    assert not registry.shown_to()


@pytest.mark.parametrize("mirror", ["https://mirror.example.org", "http://mirror.example.org"])
def test_a_mirror_is_not_shown_the_account(tmp_path, config, mirror):
    with pytest.raises(Unreachable) as caught:
        fetch(registry := Registry("Basic", wanted=BASIC), tmp_path, config, mirrors={"*": mirror})
    assert caught.value.code == "registry_login"
    assert not registry.shown_to()
    token = Registry('Bearer realm="https://ghcr.io/token"')
    assert fetch(token, tmp_path, config, mirrors={"*": mirror}) == CHART
    assert not token.shown_to()


def test_a_mirror_has_an_account_of_its_own(tmp_path, config):
    config.write_text(json.dumps({"auths": {"ghcr.io": auth("other"), "mirror.example.org": auth()}}))
    registry = Registry("Basic", wanted=BASIC)
    assert fetch(registry, tmp_path, config, mirrors={"ghcr.io": "https://mirror.example.org"}) == CHART
    assert registry.shown_to() == {"https://mirror.example.org"}


@pytest.mark.parametrize("challenge", ["Basic", 'Bearer realm="https://evil.example.org/token"'])
def test_a_server_that_a_redirect_led_to_is_not_shown_the_account(tmp_path, config, challenge):
    registry = Registry(challenge, wanted="never", redirect="https://evil.example.org")
    with pytest.raises(Unreachable) as caught:
        fetch(registry, tmp_path, config)
    assert caught.value.code == "registry_login"
    assert not registry.shown_to()


def test_a_redirect_of_the_registry_that_knows_us_does_not_carry_the_account(tmp_path, config):
    class Storage(Registry):
        def __call__(self, request):
            if request.url.host == "storage.example.org":
                self.seen.append(("https://storage.example.org", request.headers.get("Authorization")))
                return httpx2.Response(200, content=CHART)
            answer = super().__call__(request)
            if answer.status_code == 200 and "/blobs/" in request.url.path:
                return httpx2.Response(307, headers={"Location": "https://storage.example.org/x"})
            return answer

    registry = Storage("Basic", wanted=BASIC)
    assert fetch(registry, tmp_path, config) == CHART
    assert registry.shown_to() == {"https://ghcr.io"}
    assert ("https://storage.example.org", None) in registry.seen


def test_no_request_carries_a_login_unasked(tmp_path, config):
    registry = Registry("", wanted=None)
    assert fetch(registry, tmp_path, config) == CHART
    assert not registry.shown_to()


def test_a_changed_file_is_used_at_once(tmp_path, config):
    logins = Logins(config)
    assert logins.account("ghcr.io", "a").user == "robot"
    config.write_text(json.dumps({"auths": {"ghcr.io": auth("new")}}))
    assert logins.account("ghcr.io", "a").user == "new"


@pytest.mark.parametrize(
    ("key", "host", "path", "found"),
    [
        ("ghcr.io", "ghcr.io", "acme/web", True),
        ("https://ghcr.io/v2/", "ghcr.io:443", "acme/web", True),
        ("ghcr.io/acme", "ghcr.io", "acme/web", True),
        ("ghcr.io/acme", "ghcr.io", "acme-labs/web", False),
        ("ghcr.io", "ghcr.io.example.org", "acme/web", False),
        ("ghcr.io", "ghcr.io:8443", "acme/web", False),
        ("https://index.docker.io/v1/", "registry-1.docker.io", "library/redis", True),
        ("docker.io", "registry-1.docker.io", "library/redis", True),
    ],
)
def test_keys_as_docker_and_kubernetes_write_them(config, key, host, path, found):
    config.write_text(json.dumps({"auths": {key: auth()}}))
    assert (Logins(config).account(host, path) is not None) is found


def test_the_longest_path_wins_and_user_and_password_may_stand_apart(config):
    plain = {"username": "acme", "password": PASSWORD}
    config.write_text(json.dumps({"auths": {"ghcr.io": auth(), "ghcr.io/acme": plain, "quay.io": {}}}))
    assert Logins(config).account("ghcr.io", "acme/web") == Account("acme", PASSWORD)
    assert Logins(config).account("ghcr.io", "other/web").user == "robot"
    assert Logins(config).account("quay.io", "a") is None


@pytest.mark.parametrize(
    "content",
    [
        f'{{"auths": "{PASSWORD}"}}',
        f"{PASSWORD}",
        f'{{"auths": {{"ghcr.io": {{"auth": "{PASSWORD}!"}}}}}}',
        f'{{"auths": {{"ghcr.io": {{"password": ["{PASSWORD}"]}}}}}}',
    ],
)
def test_a_file_that_is_no_docker_config_is_named_and_not_quoted(tmp_path, config, content):
    config.write_text(content)
    with pytest.raises(Unreachable, match=r"config\.json are no docker config") as caught:
        fetch(Registry("Basic"), tmp_path, config)
    assert PASSWORD not in caught.value.message
    assert caught.value.code == "registry_login"


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Unreachable, match="cannot be read: No such file"):
        fetch(Registry("Basic"), tmp_path, tmp_path / "config.json")


@pytest.mark.parametrize("challenge", ["Basic", 'Bearer realm="https://auth.example.org/token"'])
def test_no_password_is_told(tmp_path, config, challenge, caplog, capfd):
    caplog.set_level("DEBUG")
    with pytest.raises(Unreachable) as caught:
        fetch(registry := Registry(challenge, wanted="never"), tmp_path, config)
    assert registry.shown_to()
    assert caught.value.code == "registry_login"
    told = caplog.text + "".join(capfd.readouterr()) + caught.value.message + repr(Account("robot", PASSWORD))
    assert PASSWORD not in told
    assert BASIC.removeprefix("Basic ") not in told


def test_the_setting_names_the_file(config):
    needed = {"TIDEGATE_AGENT_URL": "https://tidegate.example.org", "TIDEGATE_AGENT_NAMESPACES": "web"}
    assert load(needed).registry_credentials_file is None
    given = load({**needed, "TIDEGATE_AGENT_REGISTRY_CREDENTIALS_FILE": str(config)})
    assert given.registry_credentials_file == config


def test_an_identity_token_is_exchanged_in_a_body(tmp_path):
    grants = []

    def registry(request):
        if request.url.path == "/oauth2/token":
            assert not request.url.query
            grants.append(dict(pair.split("=") for pair in request.content.decode().split("&")))
            return httpx2.Response(200, json={"access_token": "t1"})
        if request.headers.get("Authorization") != "Bearer t1":
            challenge = 'Bearer realm="https://acme.azurecr.io/oauth2/token",service="acme",scope="repository:web:pull"'
            return httpx2.Response(401, headers={"WWW-Authenticate": challenge})
        return httpx2.Response(200, content=MANIFEST if "/manifests/" in request.url.path else CHART)

    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auths": {"ghcr.io": {**auth("00000000", ""), "identitytoken": PASSWORD}}}))
    assert fetch(registry, tmp_path, config) == CHART
    assert grants[0] == {
        "grant_type": "refresh_token",
        "client_id": "tidegate",
        "refresh_token": PASSWORD,
        "service": "acme",
        "scope": "repository%3Aweb%3Apull",
    }


def test_an_identity_token_is_no_password(tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auths": {"ghcr.io": {"identitytoken": PASSWORD}}}))
    with pytest.raises(Unreachable, match="asks for a password") as caught:
        fetch(Registry('Basic realm="Registry"', wanted=BASIC), tmp_path, config)
    assert PASSWORD not in str(caught.value)


def test_a_config_that_is_handed_over_is_read_as_a_file_is():
    config = json.dumps({"auths": {"ghcr.io/acme/web": auth()}}).encode()
    assert Logins(config=config).account("ghcr.io", "acme/web") == Account("robot", PASSWORD)
    assert Logins(config=config).account("ghcr.io", "acme/web-other") is None
    assert Logins().all() == []
    with pytest.raises(Unreachable, match="no docker config"):
        Logins(config=b"[").all()
