"""Ways into the Miniflux under test: its API and its web pages, as its admin and as the reader of our test data.

`app` comes from Tidegate's pytest plugin and leads to the application, whatever cluster it runs in.
"""

import re

import httpx2 as httpx
import pytest

ADMIN_SECRET = "miniflux"
DATABASE = "app.kubernetes.io/component=database"


@pytest.fixture
def url(app):
    return app.service_url("miniflux", 8080)


@pytest.fixture
def api(url):
    """`api(username, password)` → a client of Miniflux's API, signed in."""
    return lambda username, password: httpx.Client(base_url=f"{url}/v1", auth=(username, password), timeout=10)


@pytest.fixture
def admin(app, api):
    secret = app.secret(ADMIN_SECRET)
    return api(secret["admin-username"], secret["admin-password"])


@pytest.fixture
def reader(app, api):
    return api(**app.state["reader"])


@pytest.fixture
def browser(app, url):
    """The reader's web browser, after signing in by the form."""
    client = httpx.Client(base_url=url, follow_redirects=True, timeout=10)
    page = client.get("/")
    token = re.search(r'name="csrf" value="([^"]*)"', page.text)
    form = app.state["reader"] | ({"csrf": token[1]} if token else {})
    answer = client.post("/login", data=form, headers={"Origin": url})
    assert answer.url.path == "/unread", f"signing in leads to {answer.url.path}, status {answer.status_code}"
    return client


@pytest.fixture
def sql(app):
    """`sql(statement)` → what psql prints for it, without decoration."""

    def run(statement):
        psql = ["psql", "--username=miniflux", "--tuples-only", "--no-align", "--quiet"]
        return app.exec(DATABASE, [*psql, f"--command={statement}"]).strip()

    return run
