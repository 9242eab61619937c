"""The fleet's pages: versions, filters, a list behind every number; a cluster's labels by page and API."""

import json
import re

import pytest

from control_plane.store.queries.fleet import VersionCount
from control_plane.web.dashboard.matrix import matrix


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_versions_are_in_their_order_with_what_is_not_installed_last():
    counts = [VersionCount("web", running, "healthy", 1) for running in ("1.9.0", None, "1.10.0", "nightly")]
    counts += [
        VersionCount("web", "1.9.0", "failed", 2),
        VersionCount("web", "1.9.0", "observed", 3),
        VersionCount("a", None, "refused", 1),
    ]
    first, web = matrix(counts, {("web", "1.9.0"): ["stable"]})
    assert first.application == "a"
    assert [cell.version for cell in web.cells][-1] == ""
    versions = [cell.version for cell in web.cells]
    assert versions.index("1.10.0") < versions.index("1.9.0")
    cell = web.cells[versions.index("1.9.0")]
    assert (cell.total, cell.healthy, cell.trouble, cell.other, cell.channels) == (6, 1, 2, 3, ("stable",))
    assert web.total == 9


def test_the_fleet_counts_versions_and_leads_to_the_clusters(client_of):
    answer = client_of("viewer").get("/fleet")
    page = answer.content.decode()
    assert "5 healthy" in page
    link = re.search(r'href="(/clusters\?application=vaultwarden[^"]*version=1\.34\.1[^"]*)"', page)[1]
    behind = text_of(client_of("viewer").get(link.replace("&amp;", "&")))
    assert "6 of them asked for" in behind
    assert "harbour-03" in behind
    assert "harbour-01" not in behind


@pytest.mark.parametrize(
    ("query", "there", "gone"),
    [
        ("label=region%3Deu", "harbour-01", "harbour-02"),
        ("label=!region", "lighthouse", "harbour-02"),
        ("state=silent", "breakwater", "lighthouse"),
        ("contact=hour", "breakwater", "lighthouse"),
        ("contact=recent", "lighthouse", "breakwater"),
        ("channel=edge", "lighthouse", "harbour-01"),
        ("label=tier%3Dgold&channel=stable", "harbour-01", "harbour-03"),
    ],
)
def test_clusters_are_filtered(client_of, query, there, gone):
    page = client_of("viewer").get(f"/clusters?{query}").content.decode()
    assert f">{there}</a>" in page
    assert f">{gone}</a>" not in page
    assert client_of("viewer").get(f"/fleet?{query}").status_code == 200


def test_a_selector_that_cannot_be_read_is_said_and_narrows_nothing(client_of):
    page = text_of(client_of("viewer").get("/clusters?label=a+in+(b)"))
    assert "is no name of a label" in page
    assert "harbour-01" in page


def test_labels_are_changed_on_the_page_and_by_the_api(client_of, people):
    from django.test import Client

    from control_plane.web.accounts import tokens

    client = client_of("maintainer")
    assert client.post("/clusters/lighthouse/labels", {"labels": "region=eu, kept=1"}).status_code == 302
    assert "kept=1, region=eu" in client.get("/clusters/lighthouse").content.decode()
    wrong = client.post("/clusters/lighthouse/labels", {"labels": "nonsense"})
    assert wrong.status_code == 422
    token = tokens.create(people["maintainer"], "of a test")
    api = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {token}"})
    body = json.dumps({"set": {"region": "us"}, "remove": ["kept"]})
    answer = api.post("/api/v1/clusters/lighthouse/labels", body, content_type="application/json")
    assert answer.json()["labels"] == {"region": "us"}
    client.post("/clusters/lighthouse/labels", {"labels": ""})


def test_a_rollout_tells_its_way_in_a_table(client_of, ids):
    page = client_of("viewer").get(f"/rollouts/{ids['rollout']}").content.decode()
    last = re.findall(r'data-layer="(\w+)" class="figures">(\d+)<', page)[-4:]
    counts = {layer: int(clusters) for layer, clusters in last}
    assert counts.pop("waiting") >= 5  # tests that share this world add clusters
    assert counts == {"healthy": 2, "applying": 0, "trouble": 1}
    assert "One wave" in page
