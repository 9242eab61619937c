"""A note outlives every step, and the release that was asked for answers."""

import httpx2 as httpx
import pytest

NOTE = "buy milk\n"


@pytest.fixture
def url(app):
    return app.service_url("notes", 80)


@pytest.mark.seed
def test_a_note_is_written(url):
    assert httpx.put(f"{url}/note", content=NOTE).status_code == 200


@pytest.mark.verify
def test_the_note_is_still_there(app, url):
    assert httpx.get(f"{url}/note").text.startswith(NOTE)
    assert httpx.get(f"{url}/version").text.strip() == app.release
