"""The web pages behind the sign-in form. They read tables that the API does not touch."""

import pytest


@pytest.mark.verify
@pytest.mark.parametrize(
    "page", ["/unread", "/starred", "/feeds", "/categories", "/settings", "/integrations", "/sessions"]
)
def test_page_opens(browser, page):
    answer = browser.get(page)
    assert (answer.status_code, answer.url.path) == (200, page)
