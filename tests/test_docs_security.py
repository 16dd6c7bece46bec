"""docs/security.md names settings that exist, all secrets, and the limits that the code has."""

import re

from django.conf import settings

from api.access import admin_door
from tests.explorer.test_env import example
from tests.test_architecture import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()


def section(title):
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_all_settings_that_it_names_exist():
    named = set(re.findall(r"\b[A-Z]{3,}(?:_[A-Z]+)+\b", PAGE)) - {"NAME_FILE"}
    assert named - example().keys() == set()


def test_each_secret_has_a_line_that_says_how_to_change_it():
    secrets = {name.removesuffix("_FILE") for name in example() if name.endswith("_FILE")}
    listed = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", " ".join(re.findall(r"^\| ([A-Z_, ]+) \|", PAGE, re.MULTILINE))))
    assert listed == secrets


def test_the_limits_of_the_login_are_those_of_the_code():
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    limits = (admin_door.PER_NAME_AT_ADDRESS, admin_door.PER_ADDRESS, admin_door.PER_NAME)
    words = "within {} minutes {} wrong ones lock a name at an address, {} an address, {} a name"
    assert words.format(minutes, *limits) in PAGE
    operations = (ROOT / "docs" / "operations.md").read_text()
    words = "Within {} minutes {} wrong passwords lock a name at an address (IPv6: a /64), {} an address, and {}"
    assert words.format(minutes, *limits) in operations
    assert f"{settings.AUTH_PASSWORD_VALIDATORS[0]['OPTIONS']['min_length']} characters or more" in section("Threats")


def test_the_audit_is_that_of_the_workflow():
    pin = re.search(r"pip-audit==[\d.]+", PAGE)[0]
    assert pin in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


def test_the_links_lead_somewhere():
    for target, anchor in re.findall(r"\]\(([\w/.-]+\.md)(?:#([\w-]+))?\)", PAGE):
        text = (ROOT / "docs" / target).read_text()
        headings = {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in re.findall("(?m)^#+ (.+)", text)}
        assert not anchor or anchor in headings


def test_the_readme_leads_to_it():
    assert "(docs/security.md)" in (ROOT / "README.md").read_text()
