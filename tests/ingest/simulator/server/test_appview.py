"""The simulator tells the handles of its own people, as an AppView would."""

import asyncio
import json
from itertools import islice

import pytest

from ingest.handles.appview import AppView, Refused
from ingest.simulator.server.appview import SimulatedAppView
from ingest.simulator.server.jetstream import Options, SimulatedJetstream
from ingest.simulator.world.world import World
from tests.ingest.simulator.sample import START_US


@pytest.fixture
def world():
    return World(seed=3, start_us=START_US, per_second=474, users=200)


@pytest.fixture
def appview(world):
    appview = SimulatedAppView()
    for _ in islice(appview.of(world), 3_000):
        pass
    return appview


def ask(appview, method, *values):
    name = "actors" if method.endswith("getProfiles") else "handle"
    status, body = appview.answer(f"/xrpc/{method}?" + "&".join(f"{name}={value}" for value in values))
    return status, json.loads(body)


def test_people_have_profiles_while_they_are_active(world, appview):
    active = [person for person in world.people() if person.active][:20]
    away = [person for person in world.people() if not person.active][:3]
    assert away
    dids = [person.did for person in active + away]
    status, body = ask(appview, "app.bsky.actor.getProfiles", *dids, "did:plc:nobody")
    assert status == 200
    handles = {profile["did"]: profile["handle"] for profile in body["profiles"]}
    assert handles == {person.did: person.handle for person in active}


def test_a_handle_leads_to_its_account(world, appview):
    person = world.people()[5]
    assert ask(appview, "com.atproto.identity.resolveHandle", person.handle) == (200, {"did": person.did})
    assert ask(appview, "com.atproto.identity.resolveHandle", "nobody.example")[0] == 400


@pytest.mark.parametrize("count", [0, 26])
def test_a_call_about_too_many_is_refused(appview, count):
    assert ask(appview, "app.bsky.actor.getProfiles", *["did:plc:a"] * count)[0] == 400


def test_before_its_world_begins_it_knows_nobody():
    assert ask(SimulatedAppView(), "app.bsky.actor.getProfiles", "did:plc:a") == (200, {"profiles": []})
    assert SimulatedAppView().answer("/elsewhere") is None


async def with_server(appview, work):
    async with SimulatedJetstream(list, Options(port=0), answer=appview.answer) as server:
        return await asyncio.to_thread(work, AppView(f"http://127.0.0.1:{server.port}"))


def test_our_own_client_understands_it(world, appview):
    people = [person for person in world.people() if person.active][:25]

    def work(appview):
        assert appview.handles([person.did for person in people]) == {person.did: person.handle for person in people}
        assert appview.did(people[0].handle) == people[0].did
        assert appview.did("nobody.example") is None
        with pytest.raises(Refused):
            appview.handles([])

    asyncio.run(with_server(appview, work))
