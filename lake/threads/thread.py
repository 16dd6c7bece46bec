"""A thread as the lake has it: its posts by what they say is the root, and the posts that quote it.

Bloom filters rule out the row groups without a URI, for one column each: of 30 million posts 0.7 s of a core, of a day
0.1. So replies and quotes are two scans, from the root's time on.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from lake.errors import QueryTimeout
from lake.query.spec import WITHHELD, ResumePoint, Search
from lake.scan.full_scan import by_hours
from lake.scan.hit import Hit, select_list, to_hit
from lake.scan.scan_range import ScanFile, ScanRange
from lake.scan.scanner import Scanner
from lake.scan.search_sql import SearchSql
from lake.scan.snapshot import files_in_range, pin_snapshot
from lake.scan.visibility import hidden_versions
from lake.search import by_uri
from lake.search.by_uri import NEAR_US, POST_URI, tid_us
from lake.threads.thread_tree import Place, reading_order
from process.instants import utc

MOST_POSTS = 1000  # of a thread, the oldest
MOST_QUOTES = 100
READ = 5000  # candidates of a scan's query: some are hidden
BEFORE_US = 86_400_000_000  # of the time of a root that is not here: its author's clock may be wrong
CLIMBS = 10  # look-ups of what replies answer that was not among them


class Thread(NamedTuple):
    """`order`: the root first. `posts`: those of it that show, by URI. `states`: of the others, `deleted`, `hidden`
    (the account is not active, or withheld) or `unknown`. `quotes`: of the root or the asked post. `more`: only the
    oldest are here; `complete`: False when the time limit was reached, and what is unknown may be there after all."""

    root: str
    order: list[Place]
    posts: dict[str, Hit]
    states: dict[str, str]
    quotes: list[Hit]
    more: bool
    more_quotes: bool
    complete: bool


def read_thread(
    scanner: Scanner, asked: str, hide: bool, seconds: float, withhold: tuple[str, ...] = WITHHELD
) -> Thread:
    """Of the post with this URI; `hide`, `withhold`: as of a Search. Raises ValueError when it is no URI of a post,
    LakeUnusable and QueryTooLarge."""
    search = Search(newest=False, hide=hide, withhold=withhold, timeout=seconds)
    reading = _Reading(scanner, asked, pin_snapshot(search))
    with suppress(QueryTimeout):
        reading.run()
    return reading.thread()


class _Reading:
    """What is known so far of the thread."""

    def __init__(self, scanner: Scanner, asked: str, search: Search) -> None:
        self._scanner, self._deadline = scanner, time.monotonic() + search.timeout
        self._search = search
        self.asked = self.root = asked
        self.posts: dict[str, Hit] = {}
        self.states: dict[str, str] = {}
        self.quotes: dict[str, Hit] = {}
        self.more = self.more_quotes = self.complete = False

    def run(self) -> None:
        """Raises QueryTimeout."""
        self._look_up([self.asked])
        self.root = self._root()
        if self.root != self.asked:
            self._look_up([self.root])
        since = self._since()
        self.more = self._scan("reply_root_uri", [self.root], since, MOST_POSTS, self.posts)
        self._climb()
        around = list(dict.fromkeys([self.root, self.asked]))
        self.more_quotes = self._scan("quote_uri", around, since, MOST_QUOTES, self.quotes)
        self.complete = self._seconds > 0

    def thread(self) -> Thread:
        order = reading_order(self.root, self._parents())
        states = {uri: self.states.get(uri, "unknown") for uri, _ in order if uri not in self.posts}
        quotes = sorted(self.quotes.values(), key=lambda hit: hit.key)
        return Thread(self.root, order, self.posts, states, quotes, self.more, self.more_quotes, self.complete)

    @property
    def _seconds(self) -> float:
        return self._deadline - time.monotonic()

    def _look_up(self, uris: Sequence[str], everywhere: bool = True) -> None:
        if self._seconds <= 0:
            raise QueryTimeout("The time limit was reached before the thread was read.")
        search = self._search
        found = by_uri.look_up(self._scanner, uris, self._seconds, search.hide, everywhere, search.withhold)
        self.posts |= {hit.uri: hit for hit in found.hits}
        self.states |= dict.fromkeys([*found.deleted, *found.purged], "deleted")
        self.states |= dict.fromkeys(found.hidden, "hidden") | dict.fromkeys(found.unknown, "unknown")

    def _root(self) -> str:
        """What the asked post says; of one that is not here, what most of its replies say."""
        if self.asked in self.posts:
            said = [self.posts[self.asked]]
        else:
            replies: dict[str, Hit] = {}
            self._scan("reply_parent_uri", [self.asked], self._since(), MOST_POSTS, replies)
            said = list(replies.values())
        roots = Counter(root for hit in said if (root := _post_uri(hit.fields["reply_root"])))
        return roots.most_common(1)[0][0] if roots else self.asked

    def _since(self) -> int | None:
        """Microseconds: no reply is older. None: nobody knows."""
        written = tid_us(self.root.rpartition("/")[2])
        if root := self.posts.get(self.root):
            return min(root.seen_us, written or root.seen_us) - NEAR_US
        return None if written is None else written - BEFORE_US

    def _scan(self, column: str, uris: Sequence[str], since: int | None, most: int, into: dict[str, Hit]) -> bool:
        """Adds to `into` the oldest `most` posts that have one of these URIs in the column. Whether there are more."""
        search = replace(self._search, start=None if since is None else utc(since))
        found: dict[str, Hit] = {}
        more = False
        try:
            for hits, cut in by_hours(
                lambda: files_in_range(search), lambda files: self._read(search, column, uris, files)
            ):
                found |= {hit.uri: hit for hit in sorted(hits, key=lambda hit: hit.rev)}
                if more := cut or len(found) > most:
                    break
        finally:
            oldest = sorted(found.values(), key=lambda hit: hit.key)[:most]
            into |= {hit.uri: hit for hit in oldest if hit.uri not in into}
        return more

    def _read(
        self, search: Search, column: str, uris: Sequence[str], files: Sequence[ScanFile]
    ) -> tuple[list[Hit], bool]:
        """The oldest of these files that show, and whether READ cut them off."""
        low, high = search.positions()
        scan, compiled = ScanRange(tuple(files), low, ResumePoint(high)), SearchSql(search)
        bound = {f"uri{n}": uri for n, uri in enumerate(uris)}
        statement = (
            compiled.select(select_list(search), scan)
            .where(f"{column} IN ({', '.join(f'${name}' for name in bound)})", bound)
            .inside(f"{{sql}} {compiled.order_by} LIMIT {READ:d}")
        )
        hits = [to_hit(search, row) for row in self._scanner.rows(statement, scan, self._seconds)]
        hidden = hidden_versions(search, hits, self._scanner, self._seconds)
        return [hit for hit in hits if hit.version not in hidden], len(hits) == READ

    def _climb(self) -> None:
        """Looks up what replies answer that is not among them, near the time of its key."""
        for _ in range(CLIMBS):
            parents = {parent for parent in self._parents().values() if parent}
            if not (left := sorted(parents - self.posts.keys() - self.states.keys())):
                return
            self._look_up(left, everywhere=False)

    def _parents(self) -> Mapping[str, str | None]:
        """Of all posts but the root, the oldest first. What has another root is here only because of its replies."""
        replies = sorted(self.posts.values(), key=lambda hit: hit.key)
        said = {
            hit.uri: _post_uri(hit.fields["reply_parent"]) if hit.fields["reply_root"] == self.root else None
            for hit in replies
            if hit.uri != self.root
        }
        return said if self.asked in {self.root, *said, *said.values()} else said | {self.asked: None}


def _post_uri(uri: str | None) -> str | None:
    """None for what is no URI of a post: any text can stand in a record."""
    return uri if uri and POST_URI.fullmatch(uri) else None
