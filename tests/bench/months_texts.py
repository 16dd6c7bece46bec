"""The texts of an hour of months, with their facets, links, hashtags and mentions."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tests.bench.months_authors import Authors
from tests.bench.months_columns import joined, offsets_of, runs, starts_of, text, within
from tests.bench.months_needles import NEEDLES
from tests.bench.months_words import FIRST, STOPPED, TAG, WITHIN, Vocabulary, vocabulary

MEDIAN, SIGMA, LONGEST = 66, 1.2, 300  # characters: with what is added a mean of 100 and a median of 60 or so
HOSTS = pa.array(["example.com", "www.example.org", "news.example", "blog.example.net", "video.example"])
_TAILS = pa.array(["", "", "", "?utm_source=feed&utm_medium=social", "#part-2", "?q=a&b=c"])
_FACET = '{"features":[{"$type":"app.bsky.richtext.facet#'

Items = tuple[np.ndarray, pa.Array]  # the row of each, ascending, and what it is


class Texts(NamedTuple):
    text: pa.StringArray
    facets: pa.StringArray
    links: Items
    hosts: Items  # of these links
    hashtags: Items
    mentions: Items


class Links(NamedTuple):
    urls: pa.StringArray
    hosts: pa.StringArray


def links(random: np.random.Generator, count: int, words: Vocabulary) -> Links:
    """URLs that hardly ever come twice."""
    chosen = words.pick(random, np.zeros(3 * count, np.int32)).reshape(3, count)  # of the first language: English
    hosts = HOSTS.take(pa.array(random.integers(0, len(HOSTS), count)))
    first, second, third = (words.slugs.take(pa.array(part)) for part in chosen)
    numbers, tails = random.integers(0, 10**7, count), _TAILS.take(pa.array(random.integers(0, len(_TAILS), count)))
    return Links(text("https://", hosts, "/", numbers, "/", first, "-", second, "-", third, tails), hosts)


class Added(NamedTuple):
    """What stands at the end of texts: of each its row, its token, and what its facet says."""

    rows: np.ndarray
    tokens: pa.Array  # places in the vocabulary, or strings
    features: pa.StringArray
    values: pa.StringArray


def write(random: np.random.Generator, first: int, languages: np.ndarray, authors: Authors) -> Texts:
    """Texts of the posts from number `first` on, one of each language."""
    words, count = vocabulary(), len(languages)
    sizes = _sizes(random, languages, words)
    rows, needles = _needles(first, count, words)
    sizes[rows] = np.maximum(sizes[rows], 3)
    kinds = np.where(sizes > 0, np.searchsorted([0.10, 0.16, 0.26], random.random(count), "right"), 3)
    tags, mentions = _tags(random, languages, np.flatnonzero(kinds == 0), words), _mentions(
        random, np.flatnonzero(kinds == 1), authors)  # fmt: skip
    facet_links, shown = _shown(random, np.flatnonzero(kinds == 2), words)
    strings = pa.concat_arrays([words.tokens, mentions.tokens, shown.tokens])
    others = len(words.tokens)
    places = np.concatenate([tags.tokens, others + np.arange(len(mentions.rows) + len(shown.rows))])
    added_rows = np.concatenate([tags.rows, mentions.rows, shown.rows])
    order = np.argsort(added_rows, kind="stable")
    smiling = np.flatnonzero((random.random(count) < 0.2) & (sizes > 0))
    emoji = words.emoji + random.integers(0, words.needles - words.emoji, len(smiling))

    parts = [(rows, needles), (smiling, emoji), (added_rows[order], places[order])]
    tokens, starts, at = _laid_out(random, languages, sizes, words, parts)
    flat = strings.take(pa.array(tokens))
    features = pa.concat_arrays([tags.features, mentions.features, shown.features]).take(pa.array(order))
    facets = _facets(flat, starts, added_rows[order], at, features)
    return Texts(
        runs(flat, starts),
        joined(added_rows[order], facets, count),
        (shown.rows, facet_links.urls),
        (shown.rows, facet_links.hosts),
        (tags.rows, tags.values),
        (mentions.rows, mentions.values),
    )


def _sizes(random: np.random.Generator, languages: np.ndarray, words: Vocabulary) -> np.ndarray:
    """Words of each text: 1.2 of 100 have none. Scripts that say more in a character have fewer characters."""
    characters = np.exp(random.normal(np.log(MEDIAN), SIGMA, len(languages))).clip(4, LONGEST)
    dense = np.where(words.lengths[languages] < 3.5, 0.6, 1.0)
    sizes = np.maximum(1, (characters * dense / words.lengths[languages]).astype(np.int64))
    return np.where(random.random(len(languages)) < 0.012, 0, sizes)


def _needles(first: int, count: int, words: Vocabulary) -> Items:
    found, token = [], words.needles
    for needle in NEEDLES:
        numbers = needle.places(first, first + count)
        found.append((numbers - first, token + numbers // needle.every % len(needle.tokens)))
        token += len(needle.tokens)
    rows, tokens = map(np.concatenate, zip(*found, strict=True))
    order = np.argsort(rows)
    return rows[order], tokens[order]


def _tags(random: np.random.Generator, languages: np.ndarray, rows: np.ndarray, words: Vocabulary) -> Added:
    rows = np.repeat(rows, random.integers(1, 4, len(rows)))
    chosen = words.pick(random, languages[rows])
    names = words.tags.take(pa.array(chosen))
    return Added(rows, TAG * words.size + chosen, text(_FACET, 'tag","tag":"', names, '"'), names)


def _mentions(random: np.random.Generator, rows: np.ndarray, authors: Authors) -> Added:
    friends = authors.pick(random, len(rows))
    dids = authors.dids.take(pa.array(friends))
    shown = text(" @", authors.handles(friends))
    return Added(rows, shown, text(_FACET, 'mention","did":"', dids, '"'), dids)


def _shown(random: np.random.Generator, rows: np.ndarray, words: Vocabulary) -> tuple[Links, Added]:
    found = links(random, len(rows), words)
    short = text("\n", pc.utf8_slice_codeunits(found.urls, 8, 33), "...")
    return found, Added(rows, short, text(_FACET, 'link","uri":"', found.urls, '"'), found.urls)


def _laid_out(
    random: np.random.Generator, languages: np.ndarray, sizes: np.ndarray, words: Vocabulary, parts: list[Items]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All tokens, text after text, where each text begins, and where the last part's tokens came to stand. A text is
    its words, then the parts in turn."""
    counts = [np.bincount(rows, minlength=len(sizes)) for rows, _ in parts]
    starts = starts_of(sizes + sum(counts))
    tokens = np.empty(starts[-1], np.int32)
    place = within(sizes)
    form = np.where(place == 0, FIRST, np.where(place % 9 == 7, STOPPED, WITHIN)).astype(np.int32)
    tokens[np.repeat(starts[:-1], sizes) + place] = form * words.size + words.pick(random, np.repeat(languages, sizes))
    ends = starts[:-1] + sizes
    for (rows, found), count in zip(parts, counts, strict=True):
        at = ends[rows] + within(count)
        tokens[at] = found
        ends = ends + count
    return tokens, starts, at


def _facets(
    flat: pa.StringArray, starts: np.ndarray, rows: np.ndarray, at: np.ndarray, features: pa.StringArray
) -> pa.StringArray:
    """Each with the bytes that it covers: of its token without the sign that parts it from the text before."""
    offsets = offsets_of(flat)
    begins = offsets[starts[rows]]
    return text(features, '}],"index":{"byteEnd":', offsets[at + 1] - begins, ',"byteStart":',
                offsets[at] + 1 - begins, "}}")  # fmt: skip
