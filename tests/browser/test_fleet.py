"""The fleet and a rollout in a browser: numbers lead to clusters, the chart is drawn from its table, and stays while the page updates."""

from playwright.sync_api import expect


def test_a_number_of_the_fleet_leads_to_its_clusters(open_page):
    page = open_page("/fleet")
    page.get_by_label("Label").fill("region=eu")
    page.get_by_role("button", name="Show").click()
    page.locator("#fleet-vaultwarden").get_by_role("link", name="1.34.1").click()
    expect(page.get_by_role("rowheader", name="harbour-03")).to_be_visible()
    expect(page.get_by_role("rowheader", name="harbour-04")).to_have_count(0)
    expect(page.get_by_label("Label")).to_have_value("region=eu")


def test_a_rollout_is_drawn_and_stays_drawn_while_the_page_updates(open_page, server):
    page = open_page(f"/rollouts/{server.ids['rollout']}")
    canvas = page.locator("#chart canvas")
    expect(canvas).to_be_visible()
    drawn = canvas.evaluate("""one => {
        const at = one.getContext('2d').getImageData(one.width - 40 * devicePixelRatio, one.height - 60 * devicePixelRatio, 1, 1).data;
        return at[1] > at[0] && at[1] > at[2];
    }""")
    assert drawn, "the end of the chart is not green at its foot, where the healthy clusters are"
    canvas.evaluate("one => { one.marked = true }")
    page.evaluate("document.body.dispatchEvent(new CustomEvent('tidegate:changed'))")
    page.wait_for_timeout(600)
    expect(canvas).to_have_count(1)
    page.emulate_media(color_scheme="dark")
    expect(canvas).to_have_count(1)


def test_without_scripts_the_table_says_it(open_page, server):
    page = open_page(f"/rollouts/{server.ids['rollout']}", java_script_enabled=False)
    expect(page.locator("#chart")).to_be_hidden()
    page.get_by_text("The same as a table").click()
    expect(page.locator("#points tbody tr").last).to_contain_text("5")


def test_labels_are_given_to_a_cluster(open_page):
    page = open_page("/clusters/breakwater", as_="maintainer")
    page.get_by_text("change", exact=True).click()
    page.get_by_label("Labels").fill("region=north, tier=gold")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("region=north, tier=gold").first).to_be_visible()
