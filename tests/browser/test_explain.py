"""Why this version, in a browser: filter and try live; without scripts the same by forms; keep out and let in again."""

import re

from playwright.sync_api import expect

PASTED = "2.1.3\n2.2.0\n2.1.10\nlatest"


def test_the_table_is_filtered_while_one_types_and_shows_more(open_page):
    page = open_page("/applications/miniflux/explain")
    rows = page.locator("#tags tbody tr")
    expect(rows).to_have_count(50)
    expect(rows.first).to_contain_text("chosen")
    expect(rows.first).to_contain_text("2.2.16")
    page.get_by_role("link", name="Show more").click()
    expect(rows).to_have_count(57)
    page.get_by_label("Tag or reason").fill("quarantined")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("2.2.14")


def test_a_policy_is_tried_while_one_types(open_page):
    page = open_page("/policies/try")
    page.get_by_label("Policy").fill("~2.1")
    page.get_by_label("Tags").fill(PASTED)
    expect(page.locator("#tried")).to_contain_text("It would take 2.1.10")
    page.get_by_label("Policy").fill("dialect: kel")
    expect(page.locator("#tried")).to_contain_text("is not known here")
    expect(page.get_by_label("Tags")).to_have_value(PASTED)


def test_all_of_it_works_without_scripts(open_page):
    page = open_page("/applications/miniflux/explain", java_script_enabled=False)
    page.get_by_label("Tag or reason").fill("new major")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#tags tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Try another policy").click()
    page.get_by_label("New majors").first.select_option("taken")
    page.get_by_label("Seen at least").first.fill("0s")
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#outcome-chart")).to_contain_text("It would take 3.0.0")


def test_a_tag_is_kept_out_and_let_in_again(open_page):
    page = open_page("/applications/gitea/explain", as_="maintainer")
    page.get_by_label("Keep out").first.fill("glob:1.25.*")
    page.get_by_role("textbox", name="Why").fill("its migration fails")
    page.get_by_label("Until the end of").fill("2099-12-24")
    page.get_by_role("button", name="Keep out").click()
    expect(page.get_by_label("Messages")).to_contain_text("glob:1.25.* is kept out of gitea")
    expect(page.locator("#tags tbody tr", has_text="1.25.0")).to_contain_text("its migration fails")
    page.get_by_role("button", name="Lift the quarantine of glob:1.25.*").click()
    expect(page.get_by_label("Messages")).to_contain_text("may be chosen again")
    expect(page.locator("#quarantines")).to_contain_text("Nothing.")


def test_a_viewer_reads_and_changes_nothing(open_page):
    page = open_page("/applications/miniflux/explain", as_="viewer")
    expect(page.get_by_role("button", name=re.compile("Lift|Keep out"))).to_have_count(0)
    page.goto("/applications/miniflux")
    expect(page.get_by_text("Remove", exact=True)).to_have_count(0)


def test_removing_says_what_it_touches_and_asks_for_the_name(open_page):
    page = open_page("/applications/nextcloud", as_="maintainer")
    page.locator("summary", has_text="Remove").click()
    form = page.locator("form", has=page.get_by_role("button", name="Remove nextcloud"))
    expect(form).to_contain_text("It leaves its channels")
    form.get_by_label("Why?").fill("replaced")
    page.get_by_label("Type nextcloud to confirm").fill("nextcloud")
    page.get_by_role("button", name="Remove nextcloud").click()
    expect(page.get_by_text("Not tracked any more since")).to_be_visible()
