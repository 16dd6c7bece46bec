"""The admin's login is throttled by address and by name, and ADMIN_ADDRESSES says whom the admin is open to."""

from datetime import timedelta
from ipaddress import ip_network

import pytest
import time_machine
from django.core.management import call_command
from structlog.testing import capture_logs

PASSWORD = "a long password of the admin"
HERE, ELSEWHERE = "192.0.2.7", "8.8.8.8"
LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def accounts(db, django_user_model, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one is slow on purpose
    for name in ("ada", "grace"):
        django_user_model.objects.create_superuser(name, f"{name}@example.org", PASSWORD)


def login(client, name="ada", password="wrong", address=HERE, **meta):
    return client.post(LOGIN, {"username": name, "password": password}, REMOTE_ADDR=address, **meta)


def statuses(client, times, **how):
    return [login(client, **how).status_code for _ in range(times)]


def logs_in(client, **how):
    return login(client, password=PASSWORD, **how).status_code == 302


def test_five_wrong_passwords_lock_this_name_at_this_address_and_nothing_else(client):
    assert statuses(client, 12) == [200] * 4 + [429] * 8
    refused = login(client, password=PASSWORD)
    assert (refused.status_code, refused["Retry-After"]) == (429, "900")
    said = refused.content.decode()
    assert "wait 15 minutes" in said
    assert said.endswith("manage.py axes_reset\n")
    assert logs_in(client, name="grace")
    assert logs_in(client, address=ELSEWHERE)


def test_a_lock_is_told_once_with_the_address_alone(client):
    with capture_logs() as lines:
        statuses(client, 9)
    told = {"event": "admin login locked", "log_level": "warning", "address": HERE}
    assert [line for line in lines if line["event"] != "request"] == [told]


def test_it_opens_again_after_a_quarter_of_an_hour_however_often_one_tried_meanwhile(client):
    with time_machine.travel("2026-07-01T12:00:00Z", tick=False) as clock:
        statuses(client, 5)
        clock.shift(timedelta(minutes=14))
        assert not logs_in(client)
        clock.shift(timedelta(minutes=2))
        assert logs_in(client)


@pytest.mark.parametrize("command", [["axes_reset"], ["axes_reset_username", "ada"], ["axes_reset_ip", HERE]])
def test_an_operator_opens_it_at_once(client, command):
    statuses(client, 5)
    call_command(*command)
    assert logs_in(client)


def test_a_success_forgets_slips(client):
    for _ in range(3):
        assert statuses(client, 4) == [200] * 4
        assert logs_in(client)


def test_many_names_from_one_address_lock_the_address(client):
    codes = [login(client, name=f"name{number}").status_code for number in range(20)]
    assert codes == [200] * 19 + [429]
    assert not logs_in(client)
    assert logs_in(client, address=ELSEWHERE)


def test_many_addresses_with_one_name_lock_the_name(client):
    codes = [login(client, address=f"203.0.113.{number}").status_code for number in range(50)]
    assert codes == [200] * 49 + [429]
    assert not logs_in(client)
    assert logs_in(client, name="grace")


def test_another_browser_is_no_other_address(client):
    assert [login(client, HTTP_USER_AGENT=f"browser {n}").status_code for n in range(5)] == [200] * 4 + [429]


def test_behind_a_proxy_its_clients_count_and_what_they_claim_does_not(client):
    def through_proxy(n, last=HERE):
        return {"address": "172.18.0.5", "HTTP_X_FORWARDED_FOR": f"10.0.0.{n}, {last}"}

    assert [login(client, **through_proxy(n)).status_code for n in range(5)] == [200] * 4 + [429]
    assert not logs_in(client)
    assert logs_in(client, **through_proxy(1, last=ELSEWHERE))


def test_of_ipv6_a_customers_whole_network_counts(client):
    assert [login(client, address=f"2001:db8:0:1::{n}").status_code for n in range(5)] == [200] * 4 + [429]
    assert logs_in(client, address="2001:db8:0:2::1")
    assert not logs_in(client, address="2001:db8:0:1::9")
    call_command("axes_reset_ip", "2001:db8:0:1::")
    assert logs_in(client, address="2001:db8:0:1::9")


def test_the_owners_success_elsewhere_opens_nothing_to_who_guesses(client):
    statuses(client, 5)
    assert logs_in(client, address=ELSEWHERE)
    assert not logs_in(client)


def test_without_an_address_the_login_is_throttled_too(client):
    assert statuses(client, 5, address="") == [200] * 4 + [429]


# --- ADMIN_ADDRESSES -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meta", "open_"),
    [
        ({"REMOTE_ADDR": HERE}, True),
        ({"REMOTE_ADDR": "::ffff:192.0.2.7"}, True),
        ({"REMOTE_ADDR": "2001:db8::5"}, True),
        ({"REMOTE_ADDR": "172.18.0.5", "HTTP_X_FORWARDED_FOR": HERE}, True),
        ({"REMOTE_ADDR": ELSEWHERE}, False),
        ({"REMOTE_ADDR": "2001:db8:1::5"}, False),
        ({"REMOTE_ADDR": ELSEWHERE, "HTTP_X_FORWARDED_FOR": HERE}, False),
        ({"REMOTE_ADDR": "172.18.0.5", "HTTP_X_FORWARDED_FOR": f"{HERE}, {ELSEWHERE}"}, False),
        ({"REMOTE_ADDR": "127.0.0.1"}, False),
        ({"REMOTE_ADDR": ""}, False),
    ],
)
def test_the_admin_is_open_to_the_addresses_of_the_setting_alone(client, settings, meta, open_):
    settings.ADMIN_ADDRESSES = [ip_network("192.0.2.0/28"), ip_network("2001:db8::/64")]
    assert client.get(LOGIN, **meta).status_code == (200 if open_ else 403)
    assert client.get("/admin/lake/batchrun/", **meta).status_code == (302 if open_ else 403)
    assert client.get("/admin/nothing/", **meta).status_code == (302 if open_ else 403)
    assert client.get("/api/docs", **meta).status_code == 200


def test_the_refusal_names_the_address_and_the_setting(client, settings):
    settings.ADMIN_ADDRESSES = [ip_network("10.0.0.0/8")]
    said = client.get(LOGIN, REMOTE_ADDR=ELSEWHERE).content.decode()
    assert ELSEWHERE in said
    assert "ADMIN_ADDRESSES" in said
    assert login(client, password=PASSWORD, address=ELSEWHERE).status_code == 403


def test_without_the_setting_it_is_open_to_all(client, settings):
    assert settings.ADMIN_ADDRESSES == []
    assert client.get(LOGIN, REMOTE_ADDR=ELSEWHERE).status_code == 200
