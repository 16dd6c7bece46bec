"""Pages of the listed origins may call the API, never with cookies; all others may not."""

import pytest

ORIGIN = "https://frontend.example.org"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def allowed(settings):
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]


def preflight(client, place, origin=ORIGIN, method="POST"):
    headers = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "x-api-key"}
    return client.options(place, headers=headers)


def words(response, header):
    return {word.strip().lower() for word in response[f"Access-Control-{header}"].split(",")}


@pytest.mark.parametrize(
    "place", ["/search", "/export", "/export/manifest", "/api/v1/search", "/api/v1/posts", "/api/schema"]
)
def test_a_preflight_allows_what_the_frontend_sends(client, place):
    response = preflight(client, place)
    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    assert words(response, "Allow-Methods") == {"get", "post", "options"}
    assert words(response, "Allow-Headers") >= {"content-type", "authorization", "x-api-key"}
    assert "Access-Control-Allow-Credentials" not in response
    assert "origin" in response["Vary"]


def test_what_the_frontend_may_read(client, lake_root):
    response = client.get("/search", headers={"Origin": ORIGIN})
    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    exposed = {"x-export-id", "x-request-id", "retry-after", "content-disposition", "x-ratelimit-remaining"}
    assert words(response, "Expose-Headers") >= exposed
    assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.parametrize(
    ("place", "status", "sent"),
    [("/search?nope=1", 400, {}), ("/search", 401, {"X-API-Key": "bpe_x"}), ("/search", 400, {"Host": "evil.example"})],
)
def test_errors_can_be_read_too(client, place, status, sent):
    response = client.get(place, headers={"Origin": ORIGIN, **sent})
    assert response.status_code == status
    assert response["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://frontend.example.org",
        "https://frontend.example.org:444",
        "https://frontend.example.org.evil.example",
        "https://x.frontend.example.org",
        "null",
        "https://[",
    ],
)
def test_other_origins_may_not(client, lake_root, origin):
    for response in (preflight(client, "/search", origin), client.get("/search", headers={"Origin": origin})):
        assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize("place", ["/admin/", "/admin/login/", "/health/live", "/metrics", "/", "/searching"])
def test_other_places_are_not_for_other_origins(client, place):
    response = client.get(place, headers={"Origin": ORIGIN})
    assert "Access-Control-Allow-Origin" not in response


def test_none_is_allowed_by_default(client, settings, lake_root):
    settings.CORS_ALLOWED_ORIGINS = []
    assert "Access-Control-Allow-Origin" not in client.get("/search", headers={"Origin": ORIGIN})
