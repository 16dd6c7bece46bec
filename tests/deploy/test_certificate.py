"""Until when a visitor's browser takes the certificate of an origin."""

import time

import pytest

from deploy.local.environment import free_port
from deploy.monitor.certificate import expiry, exposition, https_origins, write
from tests.deploy.tls import make_certificate, serving


@pytest.fixture
def certificate(tmp_path):
    return make_certificate(tmp_path / "both.pem")


def test_the_end_of_a_certificate(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # this visitor trusts it
    with serving(certificate) as origin:
        assert abs(expiry(origin) - time.time() - 10 * 86_400) < 600


def test_one_that_browsers_refuse_has_ended(certificate):
    with serving(certificate) as origin:
        assert expiry(origin) == 0


def test_nobody_there_says_nothing_of_the_certificate(tmp_path):
    origin = f"https://localhost:{free_port()}"
    assert expiry(origin) is None
    write(tmp_path / "new", [origin])
    assert origin not in (tmp_path / "new" / "certificate.prom").read_text()


def test_what_node_exporter_reads():
    assert exposition({"https://a": 1_800_000_000.0}).splitlines()[-1] == (
        'certificate_expires_timestamp_seconds{origin="https://a"} 1800000000'
    )


def test_only_https_origins_that_name_a_host_have_one():
    assert https_origins("https://a.org, http://b.org,https://*.c.org,") == ["https://a.org"]
