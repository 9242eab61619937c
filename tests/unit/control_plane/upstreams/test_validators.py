"""What proves that something on the web has not changed."""

import pytest

from control_plane.upstreams.validators import asked, told

DATE = "Mon, 06 May 2024 07:08:09 GMT"


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, {}),
        ({"etag": 'W/"1"', "last-modified": DATE, "date": "Mon, 06 May 2024 09:00:00 GMT"}, {"If-None-Match": 'W/"1"'}),
        ({"last-modified": DATE, "date": "Mon, 06 May 2024 07:08:11 GMT"}, {"If-Modified-Since": DATE}),
        ({"last-modified": DATE, "date": "Mon, 06 May 2024 07:08:10 GMT"}, {}),
        ({"last-modified": DATE, "date": DATE}, {}),
        ({"last-modified": DATE}, {}),
        ({"last-modified": "yesterday", "date": DATE}, {}),
        ({"last-modified": "Mon, 06 May 2024 07:08:09", "date": DATE}, {}),
    ],
)
def test_an_etag_goes_before_a_date_and_a_date_has_to_be_old_enough(
    headers: dict[str, str], wanted: dict[str, str]
) -> None:
    assert asked(told(headers)) == wanted


def test_a_memo_has_other_things_too() -> None:
    assert asked({"sha256": "00", "etag": "", "last-modified": DATE}) == {"If-Modified-Since": DATE}
