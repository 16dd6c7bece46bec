"""The posts of an hour of months, as the table that a compacted file is written from."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ingest.simulator.world.vocabulary import LANGUAGES
from lake.schema import DATASETS
from tests.bench import months_texts
from tests.bench.months_authors import Authors, authors
from tests.bench.months_columns import base32, chained, distinct, joined, lists_of, runs, spread, text, tids, within
from tests.bench.months_needles import NEEDLES
from tests.bench.months_texts import Items, Links
from tests.bench.months_words import FIRST, WITHIN, vocabulary

HOUR_US = 3_600_000_000
POST = "app.bsky.feed.post"
_LABELS = pa.array(
    [f'{{"$type":"com.atproto.label.defs#selfLabels","values":[{{"val":"{value}"}}]}}' for value in ("porn", "bot")]
)
_TAGS = [(tags * 12)[:12] for tags in (language.tags for language in LANGUAGES)]  # 12: each number of tags divides it
_LANGS = pa.array([[tag] for tags in _TAGS for tag in tags] + [[tag, "en"] for tags in _TAGS for tag in tags])


class Hour(NamedTuple):
    """Posts from number `first` on, in the hour `number` of the months, which begins at `start_us`. `full`: as many as
    would fill it. `needle_every`: one post of so many is of the author to look for."""

    number: int
    start_us: int
    first: int
    posts: int
    full: int
    needle_every: int


class Embeds(NamedTuple):
    json: pa.StringArray
    cards: Items  # links
    hosts: Items
    media: Items
    alt: Items
    quotes: Items


def table(hour: Hour, seed: int) -> pa.Table:
    """In the order of seen: no two posts have the same."""
    random, people, count = np.random.default_rng([seed, 1, hour.number]), authors(seed), hour.posts
    who = people.pick(random, count)
    numbers = hour.first + np.arange(count)
    who[numbers % hour.needle_every == 0] = people.needle
    languages = _languages(hour, people.languages[who])
    seen = hour.start_us + ((np.arange(count) + random.random(count) * 0.9) * HOUR_US / hour.full).astype(np.int64)
    names = _names(random, people, who, seen)
    texts = months_texts.write(random, hour.first, languages, people)
    reply = _reply(random, names)
    embeds = _embeds(random, languages, names["uri"])
    columns = names | reply | {
        "seen": seen,
        "operation": pa.repeat("create", count),
        "text": texts.text,
        "langs": _langs(random, languages),
        "facets": texts.facets,
        "embed": embeds.json,
        "labels": _LABELS.take(pa.array(random.integers(0, 2, count), mask=random.random(count) > 0.017)),
        "links": lists_of(*chained([texts.links, embeds.cards]), count),
        "domains": lists_of(*distinct(*chained([texts.hosts, embeds.hosts])), count),
        "hashtags": lists_of(*distinct(*texts.hashtags), count),
        "mentions": lists_of(*texts.mentions, count),
        "media": lists_of(*embeds.media, count),
        "alt": lists_of(*embeds.alt, count),
        "quote_uri": spread(*embeds.quotes, count),
    }  # fmt: skip
    return pa.table({name: columns[name] if name in columns else pa.nulls(count) for name in DATASETS["posts"].names})


def _languages(hour: Hour, languages: np.ndarray) -> np.ndarray:
    for needle in NEEDLES:
        if needle.language is not None:
            languages[needle.places(hour.first, hour.first + hour.posts) - hour.first] = needle.language
    return languages


def _names(random: np.random.Generator, people: Authors, who: np.ndarray, seen: np.ndarray) -> dict[str, Any]:
    """did, rkey, rev, cid, created_at, and the URI."""
    count, clocks = len(who), people.clocks[who]
    written = seen - random.integers(10_000, 40_000, count)
    backdated = np.where(random.random(count) < 0.0025, random.integers(0, 5_000, count) * 24 * HOUR_US, 0)
    dids, rkeys = people.dids.take(pa.array(who)), tids(written - random.integers(1, 7_000, count), clocks)
    odd = random.random(count) > 0.015
    return {
        "did": dids,
        "rkey": rkeys,
        "rev": tids(written, clocks),
        "cid": base32(random, count, b"bafyrei", 52),
        "created_at": (written + people.skews[who] - backdated) // 1000 * 1000,
        "extra": pa.array(['{"createdAt":"2026-07-01T12:00:00+00:00"}']).take(pa.array(np.zeros(count, int), mask=odd)),
        "uri": text("at://", dids, f"/{POST}/", rkeys),
    }


def _reply(random: np.random.Generator, names: dict[str, Any]) -> dict[str, Any]:
    """45 of 100 answer a post of the same hour, mostly a recent one; a thread's root is where its answers lead to."""
    count = len(names["uri"])
    parents = _earlier(random, np.arange(count))
    none = (random.random(count) > 0.45) | (np.arange(count) == 0)
    roots = np.where(none, np.arange(count), parents)
    for _ in range(12):  # threads are no deeper than 2 ** 12
        roots = roots[roots]
    parents, roots = (pa.array(places, mask=none) for places in (parents, roots))
    return {
        "reply_root_uri": names["uri"].take(roots),
        "reply_root_cid": names["cid"].take(roots),
        "reply_parent_uri": names["uri"].take(parents),
        "reply_parent_cid": names["cid"].take(parents),
    }


def _earlier(random: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    earlier: np.ndarray = rows - np.exp(random.random(len(rows)) * np.log(rows + 1)).astype(np.int64)
    return earlier.clip(0)


def _langs(random: np.random.Generator, languages: np.ndarray) -> pa.ListArray:
    """13 of 100 say none, 8 say English too."""
    chosen = languages * 12 + random.integers(0, 12, len(languages))
    chosen += np.where((random.random(len(languages)) < 0.08) & (languages > 0), len(_LANGS) // 2, 0)
    return _LANGS.take(pa.array(chosen, mask=random.random(len(languages)) < 0.13))


def _embeds(random: np.random.Generator, languages: np.ndarray, uris: pa.StringArray) -> Embeds:
    """Of 100 posts 18 have images, 2 a video, 10 a card, 10 a quote."""
    count = len(languages)
    kinds = np.searchsorted([0.18, 0.20, 0.30, 0.40], random.random(count), "right")
    images, videos, cards, quotes = (np.flatnonzero(kinds == kind) for kind in range(4))
    image_json, alt = _images(random, languages, images)
    links = months_texts.links(random, len(cards), vocabulary())
    quoted = uris.take(pa.array(_earlier(random, quotes)))
    rows, values = chained([(images, image_json), (videos, _videos(random, len(videos))),
                            (cards, _cards(random, languages[cards], links)),
                            (quotes, _quotes(random, quoted))])  # fmt: skip
    kinds_of_media = [(images, pa.repeat("image", len(images))), (videos, pa.repeat("video", len(videos)))]
    return Embeds(spread(rows, values, count), (cards, links.urls), (cards, links.hosts),
                  chained(kinds_of_media), alt, (quotes, quoted))  # fmt: skip


def _images(random: np.random.Generator, languages: np.ndarray, rows: np.ndarray) -> tuple[pa.StringArray, Items]:
    """One to four a post; 35 of 100 with a text of their own."""
    counts = 1 + (3.99 * random.random(len(rows)) ** 4).astype(np.int64)
    of = np.repeat(rows, counts)
    said = random.random(len(of)) < 0.35
    alt = _phrases(random, languages[of[said]], 9)
    every = spread(np.flatnonzero(said), alt, len(of)).fill_null("")
    heights, widths = random.integers(400, 4000, (2, len(of)))
    images = text('{"alt":"', every, '","aspectRatio":{"height":', heights, ',"width":', widths, '},"image":',
                  _blobs(random, len(of), "image/jpeg"), "}")  # fmt: skip
    lists = joined(np.repeat(np.arange(len(rows)), counts), images, len(rows))
    return text('{"$type":"app.bsky.embed.images","images":', lists, "}"), (of[said], alt)


def _videos(random: np.random.Generator, count: int) -> pa.StringArray:
    return text('{"$type":"app.bsky.embed.video","video":', _blobs(random, count, "video/mp4"), "}")


def _cards(random: np.random.Generator, languages: np.ndarray, links: Links) -> pa.StringArray:
    return text('{"$type":"app.bsky.embed.external","external":{"description":"', _phrases(random, languages, 8),
                '","thumb":', _blobs(random, len(languages), "image/jpeg"), ',"title":"',
                _phrases(random, languages, 5), '","uri":"', links.urls, '"}}')  # fmt: skip


def _quotes(random: np.random.Generator, uris: pa.StringArray) -> pa.StringArray:
    cids = base32(random, len(uris), b"bafyrei", 52)
    return text('{"$type":"app.bsky.embed.record","record":{"cid":"', cids, '","uri":"', uris, '"}}')


def _blobs(random: np.random.Generator, count: int, kind: str) -> pa.StringArray:
    links = base32(random, count, b"bafkrei", 52)
    return text(f'{{"$type":"blob","mimeType":"{kind}","ref":{{"$link":"', links, '"},"size":',
                random.integers(9_000, 900_000, count), "}")  # fmt: skip


def _phrases(random: np.random.Generator, languages: np.ndarray, length: int) -> pa.StringArray:
    words, size = vocabulary(), len(languages)
    form = np.where(within(np.full(size, length)) == 0, FIRST, WITHIN) * words.size
    chosen = form + words.pick(random, np.repeat(languages, length))
    return runs(words.tokens.take(pa.array(chosen)), np.arange(0, (size + 1) * length, length))
