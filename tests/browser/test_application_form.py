"""The application form in a browser: fields and file stay one while one types, mistakes lead to their line, all of it without scripts."""

import re

from playwright.sync_api import expect

EDIT = "/applications/miniflux/edit"


def test_a_policy_field_says_what_it_would_take_and_is_written_into_the_file(open_page):
    page = open_page(EDIT)
    outcome, rule = page.locator("#outcome-chart"), page.get_by_label("Rule").first
    expect(outcome).to_contain_text("It would take 2.2.16")
    outcome.get_by_text("Every tag, each with its reason").click()
    rule.fill("~2.1")
    expect(outcome).to_contain_text("It would take none")
    expect(outcome.locator("tr", has_text="3.0.0")).to_contain_text("newer than ~2.1 allows")  # the table stays open
    expect(page.get_by_label("The application's file")).to_have_value(re.compile(r"rule: ~2\.1\n"))
    expect(rule).to_be_focused()
    rule.fill(">>2")
    expect(outcome).to_contain_text("'>>2' is no rule of the dialect helm")
    expect(page.get_by_label("The application's file")).to_have_value(re.compile(r"rule: ~2\.1\n"))
    page.get_by_label("Dialect").last.select_option("helm")
    expect(page.get_by_label("Rule").last).to_be_visible()


def test_the_file_is_checked_while_one_writes_and_mistakes_lead_to_their_line(open_page):
    page = open_page(EDIT)
    file = page.get_by_label("The application's file")
    text = file.input_value()
    file.fill(text.replace("approvals: 1", "aprovals: 1"))
    verdict = page.locator("#verdict")
    expect(verdict).to_contain_text("did you mean 'approvals'?")
    verdict.get_by_role("button", name=re.compile("^line ")).click()
    expect(file).to_be_focused()
    assert file.evaluate("one => one.value.slice(one.selectionStart, one.selectionEnd)") == "aprovals: 1"
    file.fill(text.replace('">=1.0.0"', '"~2.2.10"'))
    expect(page.get_by_label("Rule").first).to_have_value("~2.2.10")
    expect(verdict).to_contain_text("1 change")


def test_tags_are_pasted_and_tried_at_once(open_page):
    page = open_page(EDIT, as_="viewer")
    page.get_by_text("Try it on other tags").first.click()
    page.get_by_label("Tags of chart to try").fill("2.2.17\n2.2.100\nlatest")
    expect(page.locator("#outcome-chart")).to_contain_text("It would take 2.2.100")
    expect(page.get_by_role("button", name="Look at the change")).to_have_count(0)


def test_a_change_is_made_without_scripts(open_page):
    page = open_page("/applications/vaultwarden/edit", as_="maintainer", java_script_enabled=False)
    page.get_by_label("Rule").first.fill("~1.34")
    page.get_by_role("button", name="Look at the change").click()
    expect(page.locator(".diff")).to_contain_text("rule: ~1.34")
    page.get_by_role("button", name="Go on writing").click()
    expect(page.get_by_label("Rule").first).to_have_value("~1.34")
    page.get_by_label("New majors").first.select_option("taken")
    page.get_by_role("button", name="Look at the change").click()
    page.get_by_label("Why?").fill("1.35 comes later")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_label("Messages")).to_contain_text("vaultwarden is declared")
    expect(page.get_by_label("Application file")).to_contain_text("rule: ~1.34")
    page.goto("/audit?action=application.changed")
    expect(page.get_by_text("1.35 comes later")).to_be_visible()


def test_enter_in_a_field_checks_and_looks_nowhere(open_page):
    page = open_page(EDIT, as_="maintainer", java_script_enabled=False)
    page.get_by_label("Rule").first.fill("~2.2.3")
    page.get_by_label("Rule").first.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Change miniflux")
    expect(page.locator("#verdict")).to_contain_text("1 change")
