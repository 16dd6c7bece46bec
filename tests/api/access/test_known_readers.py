"""Who has a key or a session of the admin sees accounts that ask for that; nobody sees those that have opted out."""

import json

import pytest
from constance import config
from django.core.management import call_command

from api.models import ApiKey
from lake.withheld_models import OptOut
from tests.builders import ALICE, BOB, NOON_US, like, post
from tests.lake.scan.test_withheld import ASKS, profile

HERS = f"at://{ALICE}/app.bsky.feed.post/k0"


@pytest.fixture
def posts(lake):
    ref = {"uri": HERS, "cid": "x"}
    lake.flush(
        post("lake one", rkey="k0", time_us=NOON_US),
        post("lake two", did=BOB, rkey="k1", time_us=NOON_US + 1, reply={"root": ref, "parent": ref}),
        like(HERS, did=ALICE),
        profile(ASKS, us=NOON_US + 2),
    )


@pytest.fixture
def key():
    row = ApiKey(name="lab")
    secret = row.make_secret()
    row.save()
    return {"HTTP_AUTHORIZATION": f"Bearer {secret}"}


def seen(client, **headers):
    """How often an answer tells of her, of each kind that has rows."""
    posts = json.dumps({"uris": [HERS]})
    answers = {
        "search": client.get("/search", **headers).json()["results"],
        "total": client.get("/search?total=true&limit=1", **headers).json()["meta"]["total"],
        "likes": client.get("/search?dataset=likes", **headers).json()["results"],
        "sample": client.get("/search?sample=9", **headers).json()["results"],
        "export": client.get("/export?format=ndjson", **headers).getvalue().splitlines(),
        "rows": client.get("/export/manifest", **headers).json()["rows"],
        "timeline": client.get("/api/v1/timeline", **headers).json()["meta"]["hits"],
        "top": client.get("/api/v1/top", **headers).json()["results"],
        "thread": [client.get(f"/api/v1/thread?uri={HERS}", **headers).json()["root"]["post"]],
        "posts": client.post("/api/v1/posts", posts, content_type="application/json", **headers).json()["results"],
    }
    return {
        name: found if isinstance(found, int) else len(list(filter(None, found))) for name, found in answers.items()
    }


WITHOUT = {"search": 1, "total": 1, "likes": 0, "sample": 1, "export": 1, "rows": 1, "timeline": 1, "top": 1}
WITHOUT |= {"thread": 0, "posts": 0}
WITH = {"search": 2, "total": 2, "likes": 1, "sample": 2, "export": 2, "rows": 2, "timeline": 2, "top": 2}
WITH |= {"thread": 1, "posts": 1}


def test_a_key_shows_what_strangers_do_not_see_until_somebody_opts_out(posts, client, key):
    assert (seen(client), seen(client, **key), seen(client)) == (WITHOUT, WITH, WITHOUT)
    assert client.get("/search").json()["meta"]["hidden"] == 1
    OptOut.objects.create(did=ALICE)
    assert seen(client, **key) == seen(client) == WITHOUT
    OptOut.objects.all().delete()
    assert seen(client, **key) == WITH


def test_the_flag_off_shows_them_to_all(posts, client):
    assert seen(client) == WITHOUT
    config.honor_no_unauthenticated = False
    assert seen(client) == WITH


def test_a_manifest_says_what_was_left_out(posts, client, key):
    manifest = client.get("/export/manifest").json()
    assert manifest["rows_hidden"] == 1
    assert "asks to be shown only to readers who have signed in" in manifest["hidden"]
    manifest = client.get("/export/manifest", **key).json()
    assert manifest["rows_hidden"] == 0
    assert "signed in" not in manifest["hidden"]


def test_who_is_logged_in_to_the_admin_sees_them_on_the_pages(posts, client, django_user_model):
    pages = ["/", f"/author?username={ALICE}", f"/thread?uri={HERS}", f"/interactions?uri={HERS}"]

    def shown():
        return [b"lake one" in client.get(page, HTTP_ACCEPT="text/html").content for page in pages]

    assert shown() == [False] * 4
    client.force_login(django_user_model.objects.create_user("reader", password="x"))
    assert shown() == [False] * 4
    client.force_login(django_user_model.objects.create_user("admin", password="x", is_staff=True))
    assert shown() == [True] * 4
    assert seen(client)["search"] == 2


def test_the_operators_shell_is_known(posts, tmp_path):
    call_command("export_posts", "--output", str(tmp_path / "x.csv"), verbosity=0)
    assert (tmp_path / "x.csv").read_text().count("lake") == 2
