"""What people do: sign in, look, decide; with a mouse, with the keyboard alone, without scripts; and pages that stay live."""

import re

from playwright.sync_api import expect
from sqlalchemy import update
from sqlalchemy.orm import Session

from control_plane.store.models import AuditEvent, Release, RunStep
from tests.browser.conftest import sign_in
from tests.browser.seed import NOW

SOON = 8000


def test_sign_in_leads_to_the_page_one_wanted(open_page):
    page = open_page("/channels/stable", as_="")
    expect(page).to_have_url(re.compile(r"/sign-in\?next="))
    page.get_by_label("Name").fill("viewer")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    open_page.complaints.clear()  # the browser notes the 401
    sign_in_again = page.get_by_label("Password")
    sign_in_again.fill("tide-and-time-wait-for-no-one")
    sign_in_again.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Channel stable")


def test_the_overview_is_a_board_and_the_strip_leads_on(open_page):
    page = open_page()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    row = page.locator("#app-miniflux")
    expect(row).to_contain_text("2.2.16")
    expect(row).to_contain_text("needs approval")
    page.get_by_role("link", name="Decide: miniflux 2.2.16 → stable waits for approval").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("miniflux 2.2.16")


def test_a_viewer_sees_no_actions(open_page, server):
    page = open_page(f"/promotions/{server.ids['promotion']}", as_="viewer")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    expect(page.get_by_text("Approving needs the role approver")).to_be_visible()


def test_evidence_is_one_click_from_the_failed_release(open_page):
    page = open_page("/applications/gitea/releases/1.25.0")
    expect(page.get_by_label("Why it failed")).to_contain_text("Unable to migrate the database")
    page.get_by_role("link", name="Log of miniflux").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log of miniflux")
    expect(page.locator(".ln").last).to_contain_text("Unable to migrate the database")


def test_a_running_rehearsal_moves_on_without_a_reload(open_page, server):
    page = open_page("/applications/paperless/releases/2.19.0")
    page.evaluate("window.notReloaded = true")
    expect(page.locator("#live-state")).to_have_attribute("data-state", "on", timeout=SOON)
    leg = page.locator(".leg", has_text="Upgrade")
    expect(leg).to_contain_text("running")
    with Session(server.engine) as session, session.begin():
        step = session.query(RunStep).filter_by(run_id=server.ids["running_run"], name="upgrade").one()
        step.state, step.ended_at = "passed", NOW
        session.add(
            RunStep(
                run_id=server.ids["running_run"],
                position=4,
                name="verify",
                title="Health and the application's suite",
                state="running",
                started_at=NOW,
            )
        )
    expect(leg).to_contain_text("passed", timeout=SOON)
    expect(page.locator(".leg", has_text="suite")).to_contain_text("running")
    assert page.evaluate("window.notReloaded")
    expect(page.locator("#announce")).to_have_text("The page was updated")


def test_what_a_person_is_typing_is_never_taken_away(open_page, server):
    page = open_page(f"/promotions/{server.ids['promotion']}", as_="approver")
    expect(page.locator("#live-state")).to_have_attribute("data-state", "on", timeout=SOON)
    page.get_by_label("Comment").fill("half a thou")
    with Session(server.engine) as session, session.begin():
        session.execute(update(Release).where(Release.id == server.ids["testing"]).values(state_reason="still at it"))
        session.add(AuditEvent(at=NOW, actor="x", action="x.y", subject_type="x", subject_id="1", subject="x"))
    page.wait_for_timeout(2500)
    expect(page.get_by_label("Comment")).to_have_value("half a thou")


def test_a_server_that_comes_back_is_listened_to_again(open_page, server):
    page = open_page("/clusters")
    sign = page.locator("#live-state")
    expect(sign).to_have_attribute("data-state", "on", timeout=SOON)
    server.stop()
    expect(sign).to_have_attribute("data-state", "off", timeout=SOON)
    server.start()
    expect(sign).to_have_attribute("data-state", "on", timeout=4 * SOON)
    expect(page.get_by_role("heading", level=1)).to_have_text("Clusters")
    open_page.complaints.clear()  # the browser notes the refused connections


def test_the_keyboard_alone_reaches_and_decides(open_page, server):
    page = open_page("/", as_="approver")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page's content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("/")
    expect(page.get_by_label("Search applications, releases, clusters")).to_be_focused()
    page.keyboard.type("miniflux 2.2.16")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Found")
    hit = page.get_by_role("link", name="miniflux 2.2.16")
    hit.focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("miniflux 2.2.16")


def test_every_page_reads_without_scripts_and_actions_are_forms(open_page, server):
    page = open_page("/", as_="approver", java_script_enabled=False)
    expect(page.locator("#app-vaultwarden")).to_contain_text("1.34.3")
    expect(page.locator("time").first).to_contain_text("ago")
    page.goto("/clusters?state=silent")
    expect(page.get_by_role("rowheader", name="breakwater")).to_be_visible()
    page.goto(f"/promotions/{server.ids['promotion']}")
    expect(page.get_by_role("button", name="Approve")).to_be_visible()


def test_times_are_in_the_readers_zone(open_page):
    page = open_page("/audit", timezone_id="Asia/Tokyo", locale="en-GB")
    expect(page.locator("time").first).to_have_attribute("title", re.compile("GMT\\+9|JST"))


def test_a_theme_can_be_set(open_page):
    page = open_page("/settings", color_scheme="light")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_label("dark").check()
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_a_cluster_is_invited_and_the_token_is_shown_once(open_page):
    page = open_page("/clusters/join")
    page.get_by_label("Name of the cluster").fill("outer-mole")
    page.get_by_role("button", name="Make a join token").click()
    expect(page.locator("#command")).to_contain_text("printf %s tgj_")
    expect(page.locator("#command")).to_contain_text("'namespaces={gitea,grafana")
    page.goto("/clusters/outer-mole")
    expect(page.get_by_text("not joined yet")).to_be_visible()
    assert "tgj_" not in page.content()


def test_an_approval_is_recorded_and_the_strip_forgets_it(open_page, server):
    page = open_page(f"/promotions/{server.ids['promotion']}", as_="approver")
    page.get_by_label("Comment").fill("Release notes read.")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_label("Messages")).to_contain_text("Your approval is recorded")
    expect(page.get_by_text("“Release notes read.”")).to_be_visible()
    page.goto("/")
    expect(page.locator("#app-miniflux")).to_contain_text("approved")
    expect(page.get_by_role("link", name=re.compile("^Decide"))).to_have_count(0)


def test_signing_out_leads_to_the_door(open_page):
    page = open_page("/", as_="")
    sign_in(page, "maintainer")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in$"))
    page.goto("/clusters")
    expect(page).to_have_url(re.compile("/sign-in"))


def test_the_palette_goes_anywhere_by_the_keyboard_alone(open_page):
    page = open_page("/audit")
    page.keyboard.press("Control+k")
    field = page.get_by_label("Go to an application, release, cluster, channel or page")
    expect(field).to_be_focused()
    hits = page.locator("#palette-hits a")
    expect(hits.first).to_have_text("Overview")
    page.keyboard.type("harbour-0")
    expect(hits).to_have_count(8)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(hits.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    page.keyboard.press("Control+k")
    field.fill("miniflux 2.2.16")
    expect(hits).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("miniflux 2.2.16")


def test_moments_within_words_are_in_the_readers_zone(open_page):
    page = open_page("/channels/stable", timezone_id="Asia/Tokyo", locale="en-GB")
    soaking = page.locator(".line", has_text="grafana")
    expect(soaking).to_contain_text("soaks in edge until")
    expect(soaking).not_to_contain_text("UTC")


def test_a_focused_time_shows_its_exact_moment(open_page):
    page = open_page("/audit")
    page.locator("table time").first.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    shown = page.evaluate("getComputedStyle(document.activeElement, '::after').content")
    assert re.search(r"20\d\d", shown)
