"""The pages of a thread, of likes and reposts, and of an author, as a browser without scripts gets them."""

import re
from html import unescape

import pytest
from constance import config

from api.answers.thread import MOST_LEVELS
from explorer.headers import PAGE
from tests.builders import ALICE, BOB, NOON_US, account, commit, delete, like, post, tid

HOSTILE = "<script>alert(1)</script>\u202e<img src=x onerror=alert(2)>\"'&amp;" + "x" * 3000
SECOND_US = 1_000_000
ROOT = f"at://{ALICE}/app.bsky.feed.post/{tid(NOON_US)}"


def uri(number, did=BOB):
    return f"at://{did}/app.bsky.feed.post/{tid(NOON_US + number * SECOND_US)}"


def reply(text, number, parent, did=BOB):
    refs = {"root": {"uri": ROOT, "cid": "c"}, "parent": {"uri": parent, "cid": "c"}}
    return post(text, did=did, rkey=tid(NOON_US + number * SECOND_US), time_us=NOON_US + number * SECOND_US, reply=refs)


def page(client, path, status=200, **query):
    """Its HTML. Nothing on it runs, whatever posts say."""
    response = client.get(path, query)
    assert response.status_code == status, response.content.decode()[:3000]
    assert response["Content-Type"].startswith("text/html")
    assert response["Content-Security-Policy"] == PAGE
    html = response.content.decode()
    tags = re.findall(r"<[a-z][^>]*>", html)
    assert {tag for tag in tags if tag.startswith("<script")} == {
        tag for tag in tags if re.match(r'<script defer src="/static/', tag)
    }
    assert not [
        tag
        for tag in tags
        if re.search(r"""\s(?:on[a-z]+|style)=""", re.sub(r'"[^"]*"', '""', tag)) or "<img src=x" in tag
    ]
    assert all(len(re.findall(rf"<{name}[ >]", html)) == html.count(f"</{name}>") for name in ("ol", "li", "div", "p"))
    return html


def said(html):
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


@pytest.fixture
def thread(lake):
    lake.flush(
        post(HOSTILE, rkey=tid(NOON_US), time_us=NOON_US),
        reply("first reply", 1, ROOT),
        reply("second level", 2, uri(1)),
        reply("to nobody", 3, uri(9)),
        reply("gone", 4, ROOT),
        reply("left", 5, uri(4)),
        delete(tid(NOON_US + 4 * SECOND_US), did=BOB, time_us=NOON_US + 60 * SECOND_US),
        post("a quote", did=BOB, embed={"$type": "app.bsky.embed.record", "record": {"uri": ROOT, "cid": "c"}}),
    )
    return lake


@pytest.mark.parametrize("path", ["/thread", "/interactions", "/author"])
def test_a_page_without_a_question_has_a_form(db, client, path):
    assert f'action="{path}"' in page(client, path)


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/thread", {"uri": HOSTILE}, 400),
        ("/thread", {"uri": ROOT, "colour": "red"}, 400),
        ("/thread", {"uri": "at://nobody.example/app.bsky.feed.post/x"}, 404),
        ("/interactions", {"uri": "x"}, 400),
        ("/interactions", {"uri": ROOT, "token": "x"}, 400),
        ("/author", {"username": HOSTILE}, 400),
        ("/author", {"username": "nobody.example"}, 404),
    ],
)
def test_what_is_wrong_can_be_mended_in_the_form(db, client, path, query, status):
    html = page(client, path, status, **query)
    assert f'action="{path}"' in html
    assert 'role="alert"' in html


def test_a_thread_has_its_posts_and_places_for_what_is_missing(thread, client):
    html = page(client, "/thread", uri=uri(2))
    text = said(html)
    order = [
        "<script>alert(1)",
        "first reply",
        "second level",
        "not seen here",
        "to nobody",
        "author deleted",
        "left",
        "a quote",
    ]
    assert sorted(order, key=text.index) == order
    asked = html.split('id="asked"')[1].split("</li>")[0]
    assert "second level" in asked
    assert f"https://bsky.app/profile/{BOB}/post/{tid(NOON_US + 9 * SECOND_US)}" in html
    assert "6 posts" not in text
    assert "5 posts seen here, 1 quote." in text


def test_a_deep_thread_is_a_page(lake, client):
    chain = [reply(f"level {n}", n, uri(n - 1) if n > 1 else ROOT) for n in range(1, MOST_LEVELS + 50)]
    lake.flush(post("root", rkey=tid(NOON_US), time_us=NOON_US), *chain)
    html = page(client, "/thread", uri=uri(MOST_LEVELS + 49))
    assert f"level {MOST_LEVELS + 49}" in said(html)


def test_a_post_that_nobody_saw_is_a_page(lake, client):
    assert "A post that was not seen here." in said(page(client, "/thread", uri=ROOT))


def test_who_liked_and_reposted_a_post(thread, client):
    people = [f"did:plc:{n:024}" for n in range(60)]
    repost = {
        "$type": "app.bsky.feed.repost",
        "subject": {"uri": ROOT, "cid": "c"},
        "createdAt": "2026-07-01T12:00:00Z",
    }
    thread.flush(*(like(ROOT, did=did) for did in people), commit("app.bsky.feed.repost", repost, did=BOB))
    first = page(client, "/interactions", uri=ROOT)
    assert "60 likes 1 reposts Who liked it" in said(first)
    (following,) = re.findall(r'href="([^"]*)" rel="next"', first)
    second = client.get(unescape(following)).content.decode()
    shown = [re.findall(r'/author\?username=(did:plc:\d+)"', html) for html in (first, second)]
    assert [len(dids) for dids in shown] == [50, 10]
    assert {did for dids in shown for did in dids} == set(people)
    assert "First page" in second
    assert f"/author?username={BOB}" in page(client, "/interactions", uri=ROOT, kind="reposts")


def test_likes_of_a_post_that_does_not_show(lake, client):
    lake.flush(like(ROOT, did=BOB))
    text = said(page(client, "/interactions", uri=ROOT))
    assert "The post itself does not show here" in text
    assert "1 likes 0 reposts" in text


def test_an_author_has_a_profile_and_posts(thread, client):
    profile = {"$type": "app.bsky.actor.profile", "displayName": "Bob <b>", "description": HOSTILE}
    thread.flush(commit("app.bsky.actor.profile", profile, did=BOB, rkey="self"))
    html = page(client, "/author", username=f"https://bsky.app/profile/{BOB}")
    text = said(html)
    assert "Bob <b>" in text
    assert "5 of 5" in text
    assert "/fragments/timeline?did=did%3Aplc%3Abob" in html
    counted = page(client, "/author", username=BOB, **{"with": "counts"})
    assert "5 of 6 posts of that time" in said(counted)


def test_an_author_who_left(thread, client):
    thread.flush(account(False, "deactivated", did=BOB))
    text = said(page(client, "/author", username=BOB))
    assert "not active (deactivated)" in text
    assert "No posts of this account show here." in text


def test_an_author_of_whom_nothing_is_known(lake, client):
    text = said(page(client, "/author", username="did:plc:nobody"))
    assert "No profile was seen here" in text


def test_pages_are_limited_as_the_api_is(thread, client):
    config.anonymous_access = False
    assert page(client, "/thread", 401, uri=ROOT)
    config.anonymous_access = True
    config.anonymous_rate = 1
    client.get("/search")
    response = client.get("/thread", {"uri": ROOT})
    assert (response.status_code, response.has_header("Retry-After")) == (429, True)
