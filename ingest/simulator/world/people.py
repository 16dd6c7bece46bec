"""People: how often they act, in which language, and on which clock."""

from collections.abc import Callable
from typing import NamedTuple

from ingest.simulator.world.identifiers import CLOCKS, base32, digest, iso_ms, iso_second, tid
from ingest.simulator.world.vocabulary import LANGUAGES, words

_FLATTENING = 40  # Zipf-Mandelbrot: without it the first of 50,000 people would do 6 % of everything
_LANGUAGE_OF_PERCENT = [number for number, language in enumerate(LANGUAGES) for _ in range(language.share)]


class Person:
    """One account. Its fixed attributes depend on the seed and its serial number alone."""

    __slots__ = ("active", "clock", "did", "handle", "lag_us", "language", "place", "rev_us", "skew_us")

    def __init__(self, seed: int, serial: int, place: int) -> None:
        self.place = place
        bits = digest(seed, "person", serial)
        self.language = _LANGUAGE_OF_PERCENT[bits[16] * len(_LANGUAGE_OF_PERCENT) // 256]
        self.handle = handle(seed, serial, 0)
        self.did = f"did:web:{self.handle}" if bits[17] == 0 else "did:plc:" + base32(bits[:15])
        self.clock = CLOCKS[int.from_bytes(bits[18:20]) % len(CLOCKS)]
        self.lag_us = int.from_bytes(bits[20:22]) % 10_000  # across repositories, arrival is not ordered by time
        self.skew_us = int.from_bytes(bits[22:25]) % 2_500_000 - 2_000_000  # of the clock behind createdAt
        self.rev_us = 0
        self.active = True


def handle(seed: int, serial: int, change: int) -> str:
    bits = int.from_bytes(digest(seed, "handle", serial, change)[:8])
    name = words(0)[300 + bits % 10_000]  # made of syllables: no real name, letters only
    host = "people.example" if bits % 5 else f"{name}.example"
    return f"{name}-{serial}{'x' * change}.{host}"


class Stamp(NamedTuple):
    """Time and identifiers of an event. `created`: the author's createdAt."""

    time_us: int
    rev: str
    rkey: str
    created: str


class Clock:
    """Makes stamps: times near `now_us`, and revs that strictly rise for each person."""

    def __init__(self, random: Callable[[], float]) -> None:
        self.now_us = 0
        self._random = random

    def stamp(self, person: Person) -> Stamp:
        chance = self._random()
        time_us = self.now_us + person.lag_us
        rev_us = time_us - 10_000 - int(chance * 30_000)
        rkey_us = rev_us - 1 - int(chance * 7_000)
        if rkey_us <= person.rev_us:  # this person's last commit is newer: come after it
            rkey_us = person.rev_us + 1
            rev_us = max(rev_us, rkey_us + 1)
            time_us = max(time_us, rev_us)
        person.rev_us = rev_us
        created_us = rkey_us + person.skew_us
        created = iso_ms(created_us) if chance < 0.985 else unusual_date(created_us, int(chance * 1e6))
        return Stamp(time_us, tid(rev_us, person.clock), tid(rkey_us, person.clock), created)


def unusual_date(time_us: int, choice: int) -> str:
    """A valid but rare date-time: backdated, with an offset, or with other fractions."""
    seconds, us = divmod(time_us, 1_000_000)
    second = iso_second(seconds)
    unusual = (
        iso_ms(time_us - choice % 5_000 * 86_400_000_000),
        f"{iso_second(seconds + 9 * 3600)}+09:00",
        f"{second}.{us:06d}Z",
        f"{second}.{us:06d}+00:00",
        f"{second}Z",
        f"{second}.{us:06d}123Z",
    )
    return unusual[choice % len(unusual)]


class People:
    """A population of constant size: a newcomer replaces an account that leaves for good."""

    def __init__(self, seed: int, count: int, random: Callable[[], float]) -> None:
        self._seed, self._count, self._random = seed, count, random
        self._serials = count
        self._present: list[Person | None] = [None] * count  # None: not needed yet
        self._spread = (count - 1e-6) / _FLATTENING + 1

    def pick(self) -> Person:
        """A person by Zipf's law, active unless 20 picks in a row are not."""
        for _ in range(20):
            place = int(_FLATTENING * (self._spread ** self._random() - 1))
            person = self._present[place] or self._create(place)
            if person.active:
                break
        return person

    def anybody(self) -> Person:
        """A person, all with the same probability, active or not."""
        place = int(self._random() * self._count)
        return self._present[place] or self._create(place)

    def newcomer(self, instead_of: Person) -> Person:
        """A new account in the place of another one, and as busy."""
        person = Person(self._seed, self._serials, instead_of.place)
        self._present[person.place] = person
        self._serials += 1
        return person

    def present(self) -> list[Person]:
        """All people so far, without those that were replaced."""
        return [person for person in self._present if person is not None]

    def _create(self, place: int) -> Person:
        person = self._present[place] = Person(self._seed, place, place)
        return person
