"""Each vendor's payloads, shaped by hand after its documentation: the places that they name, and their deliveries."""

import base64
import json
from typing import Any

import pytest

from control_plane.domain.errors import InvalidInput
from control_plane.upstreams.webhooks import call_of, named_places, read, vendor_named

SHA = "sha256:" + "0123456789abcdef" * 4


def named(vendor: str, content: Any, **headers: str) -> list[str]:
    return named_places(vendor, _headers(headers), json.dumps(content).encode())


def delivery(vendor: str, content: Any, **headers: str) -> str:
    return read(vendor_named(vendor), call_of(_headers(headers), json.dumps(content).encode())).delivery


def _headers(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


GITHUB = {
    "ref": "refs/tags/v1.2.0",
    "before": "0" * 40,
    "after": "a" * 40,
    "repository": {
        "id": 1,
        "name": "Web",
        "full_name": "Acme/Web",
        "html_url": "https://github.com/Acme/Web",
        "clone_url": "https://github.com/Acme/Web.git",
        "ssh_url": "git@github.com:Acme/Web.git",
        "git_url": "git://github.com/Acme/Web.git",
    },
    "pusher": {"name": "someone"},
}
GITHUB_PLACES = [
    "Acme/Web",
    "acme/web",
    "git://github.com/Acme/Web",
    "git://github.com/Acme/Web.git",
    "git@github.com:Acme/Web",
    "git@github.com:Acme/Web.git",
    "https://github.com/Acme/Web",
    "https://github.com/Acme/Web.git",
]
GHCR = {
    "action": "published",
    "registry_package": {
        "ecosystem": "CONTAINER",
        "name": "charts/web",
        "namespace": "Acme",
        "package_type": "CONTAINER",
        "owner": {"login": "Acme"},
        "package_version": {
            "package_url": "ghcr.io/acme/charts/web:1.2.0",
            "container_metadata": {"tag": {"name": "1.2.0"}},
        },
    },
    "repository": GITHUB["repository"],
}


@pytest.mark.parametrize("event", ["push", "create", "delete", "release"])
def test_github_names_its_repository(event: str) -> None:
    assert named("github", GITHUB, X_GitHub_Event=event) == GITHUB_PLACES


@pytest.mark.parametrize("event", ["ping", "star", "issues", "workflow_run"])
def test_github_tells_much_that_is_no_version(event: str) -> None:
    ping = {"zen": "Keep it logically awesome.", "hook_id": 1, "hook": {"type": "Repository"}, **GITHUB}
    assert named("github", ping, X_GitHub_Event=event) == []
    assert named("ghcr", ping, X_GitHub_Event=event) == []


@pytest.mark.parametrize("vendor", ["github", "ghcr"])
def test_ghcr_names_its_image(vendor: str) -> None:
    assert named(vendor, GHCR, X_GitHub_Event="registry_package") == ["ghcr.io/acme/charts/web"]
    package = {
        **GHCR["registry_package"],
        "package_type": "container",
        "package_version": {"package_url": "ghcr.io/acme/charts/web:"},
    }  # type: ignore[dict-item]
    assert named(vendor, {"action": "updated", "package": package}, X_GitHub_Event="package") == [
        "ghcr.io/acme/charts/web"
    ]
    npm = {"registry_package": {"package_type": "npm", "name": "web", "namespace": "acme"}}
    assert named(vendor, npm, X_GitHub_Event="registry_package") == []


def test_github_names_its_deliveries() -> None:
    assert delivery("github", GITHUB, X_GitHub_Event="push", X_GitHub_Delivery="72d3162e-cc78") == "72d3162e-cc78"
    assert delivery("github", GITHUB, X_GitHub_Event="push", X_GitHub_Delivery="x" * 999).startswith("sha256:")


GITLAB = {
    "object_kind": "tag_push",
    "event_name": "tag_push",
    "ref": "refs/tags/v1.0.0",
    "project": {
        "name": "web",
        "path_with_namespace": "group/sub/web",
        "web_url": "https://gitlab.example.com/group/sub/web",
        "git_http_url": "https://gitlab.example.com/group/sub/web.git",
        "git_ssh_url": "git@gitlab.example.com:group/sub/web.git",
    },
}


@pytest.mark.parametrize("event", ["Push Hook", "Tag Push Hook", "Release Hook", "System Hook"])
def test_gitlab_names_its_project(event: str) -> None:
    assert named("gitlab", GITLAB, X_Gitlab_Event=event) == [
        "git@gitlab.example.com:group/sub/web",
        "git@gitlab.example.com:group/sub/web.git",
        "group/sub/web",
        "https://gitlab.example.com/group/sub/web",
        "https://gitlab.example.com/group/sub/web.git",
    ]


def test_gitlab_tells_much_that_is_no_version() -> None:
    assert named("gitlab", {**GITLAB, "object_kind": "issue"}, X_Gitlab_Event="Issue Hook") == []
    assert named("gitlab", {"event_name": "user_create"}, X_Gitlab_Event="System Hook") == []


def test_gitlab_names_its_deliveries() -> None:
    assert delivery("gitlab", GITLAB, X_Gitlab_Event_UUID="13792a34") == "13792a34"
    assert delivery("gitlab", GITLAB, X_Gitlab_Event_UUID="13792a34", Idempotency_Key="f5e57") == "f5e57"
    assert delivery("gitlab", GITLAB, X_Gitlab_Event_UUID="13792a34", webhook_id="f5e57") == "f5e57"


GITEA = {
    "ref": "v1.0.0",
    "ref_type": "tag",
    "repository": {
        "full_name": "acme/web",
        "html_url": "https://git.example.com/acme/web",
        "clone_url": "https://git.example.com/acme/web.git",
        "ssh_url": "ssh://git@git.example.com:2222/acme/web.git",
    },
}


@pytest.mark.parametrize(("vendor", "header"), [("gitea", "X_Gitea_Event"), ("forgejo", "X_Forgejo_Event")])
def test_gitea_and_forgejo_name_their_repository(vendor: str, header: str) -> None:
    assert named(vendor, GITEA, **{header: "create"}) == [
        "acme/web",
        "https://git.example.com/acme/web",
        "https://git.example.com/acme/web.git",
        "ssh://git@git.example.com:2222/acme/web",
        "ssh://git@git.example.com:2222/acme/web.git",
    ]
    assert named(vendor, GITEA, **{header: "issues"}) == []
    assert delivery(vendor, GITEA, **{header: "push"}, X_Gitea_Delivery="f6266f16") == "f6266f16"


def test_giteas_packages_are_images_and_charts() -> None:
    package = {"type": "container", "name": "Web", "version": "1.0", "owner": {"login": "Acme"}}
    package["html_url"] = "https://git.example.com/Acme/-/packages/container/web/1.0"
    assert named("gitea", {"package": package}, X_Gitea_Event="package") == ["git.example.com/acme/web"]
    chart = {**package, "type": "helm"}
    assert "https://git.example.com/api/packages/Acme/helm" in named(
        "gitea", {"package": chart}, X_Gitea_Event="package"
    )
    below = {**chart, "html_url": "https://example.com/gitea/Acme/-/packages/helm/web/1.0"}
    assert "https://example.com/gitea/api/packages/Acme/helm" in named(
        "gitea", {"package": below}, X_Gitea_Event="package"
    )
    assert named("gitea", {"package": {**package, "type": "npm"}}, X_Gitea_Event="package") == []


DOCKER_HUB = {
    "callback_url": "https://registry.hub.docker.com/u/acme/web/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/",
    "push_data": {"pushed_at": 1417566161, "pusher": "someone", "tag": "1.2.0", "images": []},
    "repository": {
        "name": "web",
        "namespace": "acme",
        "repo_name": "acme/web",
        "repo_url": "https://hub.docker.com/r/acme/web/",
    },
}


def test_docker_hub_names_its_repository() -> None:
    assert named("dockerhub", DOCKER_HUB) == ["docker.io/acme/web"]
    assert named("dockerhub", {"repository": {"repo_name": "nginx"}}) == ["docker.io/library/nginx"]
    assert delivery("dockerhub", DOCKER_HUB) == DOCKER_HUB["callback_url"]


QUAY = {
    "name": "web",
    "repository": "acme/web",
    "namespace": "acme",
    "docker_url": "quay.io/acme/web",
    "updated_tags": ["1.2.0"],
}


def test_quay_names_its_repository() -> None:
    assert named("quay", QUAY) == ["quay.io/acme/web"]
    build = {**QUAY, "build_id": "1", "trigger_kind": "GitHub"}
    del build["updated_tags"]
    assert named("quay", build) == []
    assert delivery("quay", QUAY) == ""


HARBOR_DATA = {
    "resources": [{"digest": SHA, "tag": "1.2.0", "resource_url": "harbor.example.com/library/web:1.2.0"}],
    "repository": {"name": "web", "namespace": "library", "repo_full_name": "library/web", "repo_type": "private"},
}
HARBOR = {"type": "PUSH_ARTIFACT", "occur_at": 1680501893, "operator": "someone", "event_data": HARBOR_DATA}
HARBOR_EVENT = {"specversion": "1.0", "id": "5f1d3a5e", "source": "/projects/1/webhook/policies/2", "data": HARBOR_DATA}


def test_harbor_names_its_repository() -> None:
    assert named("harbor", HARBOR) == ["harbor.example.com/library/web"]
    by_digest = [{"resource_url": f"harbor.example.com/library/web@{SHA}"}]
    assert named("harbor", {**HARBOR, "event_data": {"resources": by_digest}}) == ["harbor.example.com/library/web"]
    without = {"repository": HARBOR_DATA["repository"]}
    assert "library/web" in named("harbor", {**HARBOR, "event_data": without})
    for other in ("PULL_ARTIFACT", "SCANNING_COMPLETED", "QUOTA_EXCEED"):
        assert named("harbor", {**HARBOR, "type": other}) == []


REPLICATED = {
    "replication": {
        "harbor_hostname": "harbor.example.com",
        "job_status": "Success",
        "artifact_type": "image",
        "authentication_type": "basic",
        "override_mode": True,
        "trigger_type": "MANUAL",
        "execution_timestamp": 1680502375,
        "src_resource": {"registry_type": "docker-hub", "endpoint": "https://hub.docker.com", "namespace": "library"},
        "dest_resource": {"registry_type": "harbor", "endpoint": "https://harbor.example.com", "namespace": "mirror"},
        "successful_artifact": [{"type": "image", "status": "Success", "name_tag": "web [1 item(s) in total]"}],
    }
}  # fmt: skip
REPLICATION = {"type": "REPLICATION", "occur_at": 1680502375, "operator": "MANUAL", "event_data": REPLICATED}


def changed(**changes: Any) -> dict[str, Any]:
    return {"replication": REPLICATED["replication"] | changes}


@pytest.mark.parametrize("name", ["web [1 item(s) in total]", "web:1.2.0", "web"])
def test_harbor_names_where_it_put_what_it_replicated(name: str) -> None:
    data = changed(successful_artifact=[{"type": "image", "status": "Success", "name_tag": name}])
    wanted = ["docker.io/mirror/web", "harbor.example.com/mirror/web", "mirror/web"]
    assert named("harbor", {**REPLICATION, "event_data": data}) == wanted
    event = {**HARBOR_EVENT, "type": "harbor.replication.status.changed", "data": data}
    assert named("harbor", event) == wanted
    assert "harbor.example.com/mirror/web" in named("cloudevents", event)


def test_harbor_may_push_to_docker_hub() -> None:
    to_hub = changed(dest_resource=REPLICATED["replication"]["src_resource"])
    assert named("harbor", {**REPLICATION, "event_data": to_hub}) == ["docker.io/library/web", "library/web"]


def test_a_replication_that_put_nothing_anywhere_is_taken() -> None:
    failed = changed(job_status="Error", successful_artifact=None, failed_artifact=[{"name_tag": "web:1"}])
    assert named("harbor", {**REPLICATION, "event_data": failed}) == []
    assert named("harbor", {**REPLICATION, "event_data": changed(successful_artifact=[1, {}], dest_resource=[])}) == []


def test_harbor_may_send_cloudevents() -> None:
    event = {**HARBOR_EVENT, "type": "harbor.artifact.pushed"}
    assert named("harbor", event) == named("cloudevents", event) == ["harbor.example.com/library/web"]
    assert named("harbor", {**event, "type": "harbor.artifact.pulled"}) == []
    assert delivery("harbor", event).startswith("sha256:")
    assert delivery("harbor", HARBOR) == ""


ACR = {
    "id": "cb8c3971-9adc-488b-xxxx-43cbb4974ff5",
    "timestamp": "2017-11-17T16:52:01.343145347Z",
    "action": "push",
    "target": {
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "repository": "team/web",
        "tag": "v1",
    },
    "request": {"id": "3cbb6949", "host": "acme.azurecr.io", "method": "PUT"},
}
GRID = {
    "id": "831e1650-001e-001b-66ab-eeb76e069631",
    "topic": "/subscriptions/1/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/acme",
    "subject": "team/web:v1",
    "eventType": "Microsoft.ContainerRegistry.ImagePushed",
    "data": ACR,
    "dataVersion": "2.0",
}
GRID_CLOUD = {
    "specversion": "1.0",
    "id": GRID["id"],
    "source": GRID["topic"],
    "type": GRID["eventType"],
    "subject": GRID["subject"],
    "data": ACR,
}


@pytest.mark.parametrize("content", [ACR, [GRID], [GRID, GRID], GRID_CLOUD, [GRID_CLOUD]])
def test_azure_names_its_repository_in_every_form(content: Any) -> None:
    assert named("azure", content) == ["acme.azurecr.io/team/web"]
    assert delivery("azure", content)


def test_azures_pings_and_charts() -> None:
    assert named("azure", {"id": "1", "timestamp": "2017", "action": "ping"}) == []
    assert named("azure", {**ACR, "action": "chart_push"}) == ["acme.azurecr.io/team/web"]
    assert named("azure", {**ACR, "action": "quarantine"}) == []
    assert "acme.azurecr.io/team/web" in named("cloudevents", GRID_CLOUD)


def test_event_grids_code_is_given_back() -> None:
    data = {"validationCode": "512d38b6", "validationUrl": "https://rp.example.com/validate"}
    body = [{"id": "1", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": data}]
    reading = read(vendor_named("azure"), call_of({}, json.dumps(body).encode()))
    assert (reading.answer, reading.places) == ({"validationResponse": "512d38b6"}, ())


JFROG = {
    "domain": "docker",
    "event_type": "pushed",
    "data": {
        "repo_key": "docker-local",
        "event_type": "pushed",
        "path": "team/web/1.2.0/manifest.json",
        "name": "manifest.json",
        "sha256": SHA.partition(":")[2],
        "size": 1,
        "image_name": "team/web",
        "tag": "1.2.0",
    },
    "subscription_key": "tidegate",
    "jpd_origin": "https://acme.jfrog.io",
    "source": "jfrog/someone",
}
JFROG_PLACES = {
    "acme.jfrog.io/docker-local/team/web",
    "docker-local.acme.jfrog.io/team/web",
    "docker-local/team/web",
    "team/web",
}


def test_artifactory_names_its_image_wherever_it_may_be_served() -> None:
    assert set(named("jfrog", JFROG)) > JFROG_PLACES
    assert set(named("jfrog", {**JFROG, "domain": "artifact", "event_type": "deployed"})) > JFROG_PLACES


def test_artifactory_names_its_helm_repository() -> None:
    chart = {"domain": "artifact", "event_type": "deployed", "jpd_origin": "https://acme.jfrog.io/artifactory"}
    data = {"repo_key": "helm-local", "path": "web/web-1.2.0.tgz", "name": "web-1.2.0.tgz"}
    assert "https://acme.jfrog.io/artifactory/helm-local" in named("jfrog", {**chart, "data": data})
    assert named("jfrog", {**chart, "jpd_origin": "https://acme.jfrog.io", "data": data})


def test_artifactory_tells_much_that_is_no_version() -> None:
    assert named("jfrog", {**JFROG, "event_type": "cached"}) == []
    assert named("jfrog", {**JFROG, "domain": "build", "event_type": "deployed"}) == []


ENVELOPE = {
    "events": [
        {
            "id": "asdf-asdf-asdf-asdf-0",
            "action": "push",
            "target": {"repository": "tidegate/charts/miniflux", "tag": "2.2.16", "digest": SHA},
            "request": {"host": "registry.example.com:5000", "method": "PUT"},
        },
        {"id": "asdf-1", "action": "push", "target": {"repository": "miniflux/miniflux"}},
        {"id": "asdf-2", "action": "pull", "target": {"repository": "somebody/else"}},
    ]
}


@pytest.mark.parametrize("vendor", ["distribution", "registry"])
def test_a_distribution_envelope_names_every_repository_that_changed(vendor: str) -> None:
    assert named(vendor, ENVELOPE) == [
        "docker.io/miniflux/miniflux",
        "miniflux/miniflux",
        "registry.example.com:5000/tidegate/charts/miniflux",
        "tidegate/charts/miniflux",
    ]
    assert delivery(vendor, ENVELOPE).startswith("sha256:")
    assert named(vendor, {"events": ENVELOPE["events"][2:]}) == [], "our own looks are pulls"


@pytest.mark.parametrize("vendor", ["generic", "registry"])
def test_the_generic_form_names_places_of_any_kind(vendor: str) -> None:
    assert named(vendor, {"repository": "ghcr.io/acme/web", "tag": "1"}) == ["ghcr.io/acme/web"]
    assert named(vendor, {"repository": "oci://ghcr.io/acme/web"}) == ["ghcr.io/acme/web"]
    assert named(vendor, {"repository": "nginx"}) == ["docker.io/library/nginx", "nginx"]
    several = {"repositories": ["quay.io/acme/web", "https://someone:pw@charts.example.com/stable/", 1]}
    assert named(vendor, several) == [
        "https://charts.example.com/stable",
        "https://charts.example.com/stable.git",
        "https://charts.example.com/stable/",
        "quay.io/acme/web",
    ]


@pytest.mark.parametrize(
    "body", [{}, [], "x", None, {"repository": "../../x"}, {"repository": 1}, {"events": [1, {"target": 2}]}]
)
@pytest.mark.parametrize("vendor", ["generic", "registry", "distribution"])
def test_a_notification_without_a_repository_is_refused(vendor: str, body: Any) -> None:
    with pytest.raises(InvalidInput, match="is expected"):
        named(vendor, body)


def test_saying_the_same_twice_is_no_repetition_unless_its_time_is_signed() -> None:
    content = {"repository": "ghcr.io/acme/web"}
    assert delivery("generic", content) == ""
    assert delivery("generic", content, X_Tidegate_Timestamp="1") != delivery(
        "generic", content, X_Tidegate_Timestamp="2"
    )


EVENT = {"specversion": "1.0", "id": "1", "source": "/ci", "type": "com.example.pushed"}
STRUCTURED = {"Content_Type": "application/cloudevents+json; charset=utf-8"}
BINARY = {
    "Content_Type": "application/json",
    "ce_specversion": "1.0",
    "ce_id": "1",
    "ce_source": "%2Fci",
    "ce_type": "com.example.pushed",
}


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"repository": "ghcr.io/acme/web"}, "ghcr.io/acme/web"),
        ({"name": "acme/web", "reference": "1.0", "digest": SHA}, "acme/web"),
        ({"target": {"repository": "web"}, "request": {"host": "acme.azurecr.io"}}, "acme.azurecr.io/web"),
        ({"subject": {"id": "pkg:oci/web@sha256%3A0?repository_url=ghcr.io%2Facme%2Fweb"}}, "ghcr.io/acme/web"),
        (HARBOR_DATA, "harbor.example.com/library/web"),
    ],
)
def test_a_cloudevent_names_its_place_in_every_mode(data: Any, place: str) -> None:
    assert place in named("cloudevents", {**EVENT, "data": data}, **STRUCTURED)
    assert place in named("cloudevents", data, **BINARY)
    assert place in named("cloudevents", [{**EVENT, "data": data}], Content_Type="application/cloudevents-batch+json")
    encoded = base64.b64encode(json.dumps(data).encode()).decode()
    assert place in named("cloudevents", {**EVENT, "data_base64": encoded}, **STRUCTURED)


def test_a_cloudevents_delivery_is_its_source_and_id_in_every_mode() -> None:
    data = {"repository": "ghcr.io/acme/web"}
    structured = delivery("cloudevents", {**EVENT, "data": data}, **STRUCTURED)
    assert structured == delivery("cloudevents", data, **BINARY)
    assert structured != delivery("cloudevents", {**EVENT, "source": "/c", "id": "i1", "data": data}, **STRUCTURED)


@pytest.mark.parametrize("attribute", ["specversion", "id", "source", "type"])
def test_a_cloudevent_without_an_attribute_is_told_so(attribute: str) -> None:
    event = {name: value for name, value in EVENT.items() if name != attribute}
    with pytest.raises(InvalidInput, match=attribute):
        named("cloudevents", {**event, "data": {"repository": "ghcr.io/acme/web"}}, **STRUCTURED)
    with pytest.raises(InvalidInput, match="base64"):
        named("cloudevents", {**EVENT, "data_base64": "!"}, **STRUCTURED)


LOCATIONS: list[tuple[str, str, Any, dict[str, str]]] = [
    ("Acme/Web", "github", GITHUB, {"X_GitHub_Event": "release"}),
    ("https://ghe.example.com/acme/web", "github", GITHUB, {"X_GitHub_Event": "release"}),
    ("https://github.com/Acme/Web.git", "github", GITHUB, {"X_GitHub_Event": "push"}),
    ("https://github.com/Acme/Web", "github", GITHUB, {"X_GitHub_Event": "push"}),
    ("ghcr.io/acme/charts/web", "ghcr", GHCR, {"X_GitHub_Event": "registry_package"}),
    ("group/sub/web", "gitlab", GITLAB, {"X_Gitlab_Event": "Release Hook"}),
    ("git@gitlab.example.com:group/sub/web.git", "gitlab", GITLAB, {"X_Gitlab_Event": "Push Hook"}),
    ("https://git.example.com/acme/web", "gitea", GITEA, {"X_Gitea_Event": "release"}),
    ("ssh://git@git.example.com:2222/acme/web.git", "forgejo", GITEA, {"X_Gitea_Event": "push"}),
    ("docker.io/acme/web", "dockerhub", DOCKER_HUB, {}),
    ("quay.io/acme/web", "quay", QUAY, {}),
    ("harbor.example.com/library/web", "harbor", HARBOR, {}),
    ("acme.azurecr.io/team/web", "azure", ACR, {}),
    ("acme.jfrog.io/docker-virtual/team/web", "jfrog", JFROG, {}),
    ("10.0.0.1:5000/tidegate/charts/miniflux", "distribution", ENVELOPE, {}),
    ("https://charts.example.com/stable", "generic", {"repository": "https://charts.example.com/stable/"}, {}),
    (
        "https://example.com/versions.json?all=1",
        "generic",
        {"repository": "https://example.com/versions.json?all=1"},
        {},
    ),
]


@pytest.mark.parametrize(("location", "vendor", "content", "headers"), LOCATIONS)
def test_sources_are_met_where_applications_name_them(
    location: str, vendor: str, content: Any, headers: dict[str, str]
) -> None:
    """The rule of ``store.work.sources_at``: the location itself, or a path below any host."""
    places = named(vendor, content, **headers)
    assert location in places or any(location.endswith(f"/{place}") for place in places)
