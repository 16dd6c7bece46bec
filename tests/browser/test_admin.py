"""The admin as an operator uses it: a real browser, the real web server, and the real flusher."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model

from deploy.local.child import ROOT
from lake.models import BatchRun
from tests.api.lakes import build
from tests.api.web import served
from tests.builders import post

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
PASSWORD = "a long password of the admin"


@pytest.fixture(scope="module")
def web(tmp_path_factory, redis_server, django_db_setup, django_db_blocker):
    folder = tmp_path_factory.mktemp("admin")
    with django_db_blocker.unblock():
        get_user_model().objects.create_superuser("ada", "", PASSWORD)
        BatchRun.objects.create(started_at=datetime.now(UTC), seconds=1, state="failed", events=1, error="disk full")
        build(folder, redis_server.url, [post(f"lake {number}") for number in range(20)], {})
    with served(folder) as web:
        web.folder = folder
        yield web


@pytest.fixture(scope="module")
def page(web, chromium):
    """Of somebody who has logged in. A page that breaks its policy fails the test."""
    context = chromium.new_context(base_url=f"http://127.0.0.1:{web.port}")
    page, complaints = context.new_page(), []
    page.on("console", lambda said: complaints.append((said.text, said.location)) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/admin/")
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", PASSWORD)
    page.click("[type=submit]")
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def flusher(web, redis_server):
    """`manage.py flush_buffer` on the same catalog."""
    own = {"DATABASE_PATH": str(web.folder / "catalog.sqlite3"), "LAKE_ROOT": str(web.folder / "lake")}
    own |= {"REDIS_URL": redis_server.url, "METRICS_PORT_FLUSHER": "0"}
    command = [sys.executable, "manage.py", "flush_buffer"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | own, stderr=subprocess.DEVNULL) as process:
        yield process
        process.terminate()


def test_the_first_page_says_what_needs_somebody(page):
    page.goto("/admin/")
    assert "Needs action" in page.inner_text("#needs")
    assert "flush_buffer was never started" in page.inner_text("table.actions")
    page.click("table.actions >> text=flusher")
    assert "/admin/lake/batchrun/" in page.url


def test_a_changed_flag_takes_effect_and_its_history_is_shown(page):
    page.goto("/admin/constance/config/")
    page.fill("[name=page_size]", "3")
    page.click("text=Save")
    assert "50 → 3" in page.inner_text("#results")
    assert len(page.request.get("/search?text=lake").json()["results"]) == 3
    page.click("text=all changes")
    assert "page_size: 50 → 3" in page.inner_text("#result_list")


def test_a_key_is_shown_once_works_and_is_revoked(page):
    page.goto("/admin/api/apikey/add/")
    page.fill("[name=name]", "lab")
    page.fill("[name=rate_per_minute]", "77")
    page.click("[name=_save]")
    (key,) = re.findall(r"bpe_[\w-]{43}", page.inner_text(".messagelist"))
    answer = page.request.get("/search?text=lake", headers={"X-API-Key": key})
    assert (answer.status, answer.headers["x-ratelimit-limit"]) == (200, "77")
    page.goto("/admin/api/apikey/")
    assert key not in page.content()
    page.check("#action-toggle")
    page.select_option("[name=action]", "revoke")
    page.click("[name=index]")
    assert page.request.get("/search?text=lake", headers={"X-API-Key": key}).status == 401


def test_a_failed_batch_is_retried_from_the_list(page, flusher):
    page.goto("/admin/lake/batchrun/?state__exact=failed")
    assert page.locator("figure.batches rect.failed").count() == 2
    page.check("#action-toggle")
    page.select_option("[name=action]", "retry")
    page.click("[name=index]")
    page.click("text=see what becomes of it")
    page.click("#result_list tbody th a")
    page.wait_for_selector(".state.done", timeout=30_000)  # the page reads itself again until then
    assert "dead letters: 0 replayed" in page.inner_text(".lines")


OURS = ("", "lake/batchrun/", "lake/datafile/days/", "lake/request/", "constance/config/")


@pytest.mark.parametrize("path", OURS)
def test_axe_finds_nothing_in_what_is_ours(page, path):
    """Django's own parts of these pages are its own."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs pip install axe-playwright-python")
    tab = page.context.new_page()  # whose console is not watched: axe tries styles that the policy forbids
    tab.goto(f"/admin/{path}")
    found = axe.Axe().run(tab, context="#content").response["violations"]
    tab.close()
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found] == []
