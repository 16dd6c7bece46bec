"""Rates: never more than a rate in any minute, whoever asks and however many; 429 says when to come back."""

import threading
from ipaddress import ip_address

import pytest
from constance import config
from django.urls import path
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.response import Response

from api.access import throttling
from api.access.throttling import Windows, client
from api.models import ApiKey
from api.views.view import View
from deploy.local.child import ROOT
from explorer.urls import urlpatterns as project


class Answer(View):
    def get(self, _request):
        return Response({})


urlpatterns = [path("asked", Answer.as_view()), *project]


@pytest.fixture
def ask(client, settings, db, clock):
    """A call that asks from this address, with these headers."""
    settings.ROOT_URLCONF = __name__
    return lambda address="203.0.113.1", place="/asked", **headers: client.get(
        place, REMOTE_ADDR=address, headers=headers
    )


@pytest.fixture
def clock(monkeypatch):
    """A steady clock that stands still; its one item is the seconds."""
    seconds = [1000.0]
    monkeypatch.setattr(throttling.time, "monotonic", lambda: seconds[0])
    return seconds


def key(rate):
    key = ApiKey(name="ada", rate_per_minute=rate)
    secret = key.make_secret()
    key.save()
    return {"X-API-Key": secret}


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 40) | st.sampled_from([0, 4.9, 55.2, 59.9])), max_size=60),
)
def test_never_more_than_the_rate_in_any_minute_and_right_about_when_to_come_back(rate, asked):
    windows, now, allowed = Windows(), 0.0, {"a": [], "b": []}
    for caller, pause in asked:
        now += pause
        left, wait = windows.ask(caller, rate, now)
        recent = [at for at in allowed[caller] if at > now - 60]
        if wait == 0:
            allowed[caller].append(now)
            assert len(recent) < rate
            assert 0 <= left < rate - len(recent)
        else:
            assert left == 0
            assert 0 < wait <= 65
            assert len([at for at in allowed[caller] if at > now - 65]) >= rate, "nobody is refused for nothing"
    for caller, times in allowed.items():
        if times and (wait := windows.ask(caller, rate, now).wait):
            assert windows.ask(caller, rate, now + wait - 0.001).wait
            assert not windows.ask(caller, rate, now + wait).wait


def test_a_lower_rate_holds_at_once():
    windows = Windows()
    assert all(not windows.ask("a", 100, 10.0 * n).wait for n in range(6))
    assert windows.ask("a", 2, 60.0).wait == 45.0  # five of six must be too old: the fifth is, at 105


def test_it_remembers_so_many_callers_and_forgets_who_was_longest_away():
    windows = Windows(callers=3)
    for caller in "abcad":
        windows.ask(caller, 5, 0.0)
    assert len(windows) == 3
    assert windows.ask("a", 5, 0.0).left == 2
    assert windows.ask("b", 5, 0.0).left == 4


def test_threads_share_one_count():
    windows, allowed = Windows(), []

    def ask():
        allowed.extend(1 for _ in range(500) if not windows.ask("a", 1000, 0.0).wait)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(allowed) == 1000


def test_beyond_the_rate_is_a_429_that_says_when_to_come_back(ask, clock):
    config.anonymous_rate = 3
    answers = [ask() for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer["X-RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[-1]["X-RateLimit-Limit"] == "3"
    assert answers[-1]["Retry-After"] == "65"
    error = answers[-1].json()["error"]
    assert (error["code"], error["temporary"], error["details"]) == ("throttled", True, [])
    assert error["message"].startswith("More than 3 requests a minute from this address without an API key: slow down.")
    assert error["request_id"] == answers[-1]["X-Request-Id"]
    assert "`throttled`" in (ROOT / "docs" / "api.md").read_text()
    assert ask("203.0.113.2").status_code == 200
    clock[0] += 64.9
    assert ask()["Retry-After"] == "1"
    clock[0] += 0.1
    assert ask().status_code == 200


def test_searches_and_exports_count_together_and_health_does_not(ask):
    config.anonymous_rate = 4
    for place in ("/search", "/api/v1/search", "/export", "/api/v1/export"):
        assert ask(place=f"{place}?nope=1").status_code == 400
        ask(place="/health/live")
        ask(place="/metrics")
    assert ask(place="/search").status_code == 429
    assert ask(place="/health/live").status_code == 200
    assert ask(place="/metrics").status_code == 200


def test_no_rate_no_limit(ask):
    config.anonymous_rate = 0
    answer = ask()
    assert answer.status_code == 200
    assert "X-RateLimit-Limit" not in answer


def test_a_key_has_a_rate_of_its_own_wherever_it_is_used(ask):
    config.anonymous_rate = 1
    limited, free = key(2), key(0)
    assert [ask(**free).status_code for _ in range(5)] == [200] * 5
    assert [ask(f"203.0.113.{n}", **limited).status_code for n in range(3)] == [200, 200, 429]
    assert "from this API key" in ask(**limited).json()["error"]["message"]
    assert [ask().status_code for _ in range(2)] == [200, 429]
    assert ask(**key(2)).status_code == 200


def test_behind_a_proxy_each_reader_counts_alone_and_no_header_of_theirs_does(ask):
    config.anonymous_rate = 1
    for n in range(3):
        assert ask("172.18.0.5", **{"X-Forwarded-For": f"203.0.113.{n}"}).status_code == 200
    assert ask("172.18.0.5", **{"X-Forwarded-For": "198.51.100.7, 203.0.113.1"}).status_code == 429
    assert ask("93.184.216.34", **{"X-Forwarded-For": "198.51.100.1"}).status_code == 200
    assert ask("93.184.216.34", **{"X-Forwarded-For": "198.51.100.2"}).status_code == 429


@pytest.mark.parametrize(
    ("direct", "forwarded", "address"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "93.184.216.34", "93.184.216.34"),
        ("::1", "1.1.1.1, 93.184.216.34", "93.184.216.34"),
        ("10.1.2.3", " 93.184.216.34 ", "93.184.216.34"),
        ("10.1.2.3", "10.9.9.9", "10.9.9.9"),
        ("", "93.184.216.34", "93.184.216.34"),  # a proxy on a unix socket
        ("", "", ""),
        ("127.0.0.1", "not an address", "127.0.0.1"),
        ("127.0.0.1", "93.184.216.34,", "127.0.0.1"),
        ("8.8.8.8", "93.184.216.34", "8.8.8.8"),
        ("2606:4700:1:2:3:4:5:6", "", "2606:4700:1:2::/64"),
        ("127.0.0.1", "2606:4700:1:2:ffff::1", "2606:4700:1:2::/64"),
        ("::ffff:8.8.8.8", "93.184.216.34", "8.8.8.8"),
        ("::ffff:127.0.0.1", "93.184.216.34", "93.184.216.34"),
    ],
)
def test_whose_address_counts(direct, forwarded, address):
    assert client({"REMOTE_ADDR": direct, "HTTP_X_FORWARDED_FOR": forwarded}) == address


@given(st.ip_addresses(), st.ip_addresses().map(str) | st.text() | st.just("fe80::1%eth0"))
def test_no_header_is_an_error_and_what_strangers_write_counts_for_nothing(direct, forwarded):
    found = client({"REMOTE_ADDR": str(direct), "HTTP_X_FORWARDED_FOR": forwarded})
    if ip_address(direct).is_global:
        assert found == client({"REMOTE_ADDR": str(direct)})
