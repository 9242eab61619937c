"""Every page, light and dark, wide and narrow: axe finds nothing, nothing overflows, the policy is not violated."""

from pathlib import Path

import pytest

AXE = Path(__file__).with_name("vendor") / "axe.min.js"
PAGES = (
    "/",
    "/applications/miniflux",
    "/applications/miniflux/explain",
    "/applications/miniflux/explain?upstream=miniflux&q=nothing-like-that",
    "/applications/nextcloud/explain",
    "/applications/miniflux/releases/2.2.16",
    "/policies/try",
    "/applications/miniflux/edit",
    "/applications/miniflux/compare",
    "/declare",
    "/sources",
    "/accounts",
    "/applications/gitea/releases/1.25.0",
    "/applications/paperless/releases/2.19.0",
    "/promotions/{promotion}",
    "/channels",
    "/channels/stable",
    "/rollouts/{rollout}",
    "/fleet",
    "/fleet?label=nothing-like-that",
    "/clusters",
    "/clusters?label=a+in+b",
    "/clusters/harbour-03",
    "/clusters/join",
    "/runs/{failed_run}/evidence/pods/miniflux.log",
    "/audit",
    "/search?q=mini",
    "/search?q=nothing-like-that",
    "/settings",
)
RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.flatMap(
    one => one.nodes.slice(0, 3).map(node => `${one.id}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`))"""


def complaints_about(page):
    # The policy forbids foreign scripts, so axe comes in through the debugger, not through the page.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(RUN)
    if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
        found.append("the page is wider than the window")
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_pages_are_accessible(open_page, server, scheme, width):
    page = open_page("/", color_scheme=scheme, width=width, reduced_motion="reduce")
    found = []
    for path in PAGES:
        page.goto(path.format(**server.ids))
        found += [f"{path} {one}" for one in complaints_about(page)]
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_doors_are_accessible(open_page, scheme):
    page = open_page("/sign-in", as_="", color_scheme=scheme, width=390)
    assert complaints_about(page) == []
    page.goto("/nowhere")
    assert complaints_about(page) == []
    open_page.complaints.clear()  # the browser notes the 404


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_what_opens_is_accessible_too(open_page, scheme, width):
    """Forms that open beside a button, the palette, a form with mistakes."""
    page = open_page("/applications/miniflux", color_scheme=scheme, width=width, reduced_motion="reduce")
    for name in ("Hold", "Make a release", "Remove"):
        page.locator("summary", has_text=name).click()
        assert complaints_about(page) == [], name
        page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.locator("#palette-hits a").first.wait_for()
    assert complaints_about(page) == []
    page.goto("/applications/miniflux/edit")
    page.get_by_label("The application's file").fill("spec: {chart: {oci: x}, chanels: 1}")
    page.locator("#verdict .mistakes li").first.wait_for()
    assert complaints_about(page) == []


# What moves, by its words; the clock of a page that stays open moves nothing either.
WATCH = """() => { window.moved = []; new PerformanceObserver(list => { for (const one of list.getEntries())
    for (const source of one.sources) window.moved.push((source.node?.textContent ?? "").trim().slice(0, 80)); })
    .observe({type: "layout-shift", buffered: false}); }"""
AGE = (
    "words => { for (const one of document.querySelectorAll('main time:not([data-exact])')) one.textContent = words; }"
)


@pytest.mark.parametrize("path", ["/", "/rollouts/{rollout}", "/applications/paperless/releases/2.19.0", "/fleet"])
def test_live_updates_do_not_shift_the_page(open_page, server, path):
    page = open_page(path.format(**server.ids))
    page.wait_for_timeout(300)
    page.evaluate(WATCH)
    for _ in range(3):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('tidegate:changed'))")
        page.wait_for_timeout(400)
    for words in ("just now", "9 s ago", "59 min ago", "1 h ago"):
        page.evaluate(AGE, words)
        page.wait_for_timeout(100)
    assert set(page.evaluate("window.moved")) == set()
