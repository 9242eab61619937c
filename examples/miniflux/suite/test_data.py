"""A reader with feeds, put in once, must be able to go on reading after every step: upgrade, rollback, restore."""

import secrets

import pytest

FEEDS = {
    "Kubernetes Blog": ("Clusters", "https://kubernetes.io/feed.xml"),
    "Helm": ("Clusters", "https://helm.sh/blog/index.xml"),
    "The Go Blog": ("Languages", "https://go.dev/blog/feed.atom"),
}
ENTRY = "A release you can take back"


def opml():
    rows = [
        f'<outline text="{category}"><outline type="rss" text="{title}" xmlUrl="{url}"/></outline>'
        for title, (category, url) in FEEDS.items()
    ]
    return f'<opml version="2.0"><body>{"".join(rows)}</body></opml>'


@pytest.mark.seed
def test_a_reader_subscribes_to_feeds(app, admin, api, sql):
    app.state["reader"] = {"username": "reader", "password": secrets.token_urlsafe(12)}
    assert admin.post("/users", json=app.state["reader"]).status_code == 201

    reader = api(**app.state["reader"])
    # Importing makes the feeds without fetching them: a rehearsal's cluster has no way out to the internet.
    assert reader.post("/import", content=opml()).status_code == 201

    feed = reader.get("/feeds").json()[0]
    sql(
        "INSERT INTO entries (user_id, feed_id, hash, published_at, title, url, author, content, changed_at) VALUES "
        f"({feed['user_id']}, {feed['id']}, 'h1', now(), '{ENTRY}', 'https://example.org/1', 'Ann', 'Text', now())"
    )
    entry = reader.get("/entries").json()["entries"][0]
    assert reader.put(f"/entries/{entry['id']}/bookmark").status_code == 204


@pytest.mark.verify
def test_the_release_runs_that_was_asked_for(app, admin):
    assert admin.get("/version").json()["version"] == app.release


@pytest.mark.verify
def test_the_feeds_are_still_there(reader):
    feeds = {feed["title"]: (feed["category"]["title"], feed["feed_url"]) for feed in reader.get("/feeds").json()}
    assert feeds == FEEDS


@pytest.mark.verify
def test_the_starred_entry_is_still_starred(reader):
    entries = reader.get("/entries", params={"starred": "true"}).json()["entries"]
    assert [entry["title"] for entry in entries] == [ENTRY]


@pytest.mark.verify
def test_an_entry_can_be_read(reader):
    entry = reader.get("/entries").json()["entries"][0]["id"]
    for status in ("read", "unread"):
        assert reader.put("/entries", json={"entry_ids": [entry], "status": status}).status_code == 204
        assert reader.get(f"/entries/{entry}").json()["status"] == status
