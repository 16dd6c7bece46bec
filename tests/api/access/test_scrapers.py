"""Who may read /metrics of the web process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access.scrapers import PROXIED, may_scrape

TOKEN = "0123456789abcdef"
HERE = ("127.0.0.1", "::1", "10.1.2.3", "172.18.0.5", "192.168.1.9", "fd00::1", "::ffff:10.1.2.3")
ELSEWHERE = ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "", "unix:", "10.1.2.3, 8.8.8.8")


@pytest.mark.parametrize("peer", HERE)
def test_this_machine_and_private_networks_may(peer):
    assert may_scrape({"REMOTE_ADDR": peer}, "")


@pytest.mark.parametrize("peer", ELSEWHERE)
def test_others_may_not_without_the_token(peer):
    assert not may_scrape({"REMOTE_ADDR": peer}, "")
    assert not may_scrape({"REMOTE_ADDR": peer, "HTTP_AUTHORIZATION": "Bearer "}, "")
    assert not may_scrape({"REMOTE_ADDR": peer, "HTTP_AUTHORIZATION": "Bearer None"}, "")
    assert may_scrape({"REMOTE_ADDR": peer, "HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}, TOKEN)


@pytest.mark.parametrize("header", PROXIED)
@pytest.mark.parametrize("said", ["10.0.0.1", "127.0.0.1", "8.8.8.8, 10.0.0.1", ""])
def test_behind_a_proxy_a_private_address_says_nothing(header, said):
    meta = {"REMOTE_ADDR": "172.18.0.2", header: said}
    assert not may_scrape(meta, TOKEN)
    assert may_scrape({**meta, "HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}, TOKEN)


@given(st.text())
def test_no_other_token_opens(sent):
    meta = {"REMOTE_ADDR": "8.8.8.8", "HTTP_AUTHORIZATION": sent}
    assert may_scrape(meta, TOKEN) == (sent == f"Bearer {TOKEN}")


def test_the_page_refuses_with_what_to_do(client, db, settings):
    settings.METRICS_TOKEN = TOKEN
    refused = client.get("/metrics", REMOTE_ADDR="8.8.8.8")
    assert refused.status_code == 403
    assert "METRICS_TOKEN" in refused.json()["error"]["message"]
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 403
    allowed = client.get("/metrics", REMOTE_ADDR="8.8.8.8", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (allowed.status_code, allowed["Content-Type"].split(";")[0]) == (200, "text/plain")
