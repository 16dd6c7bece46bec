"""Who asks, for Locust: `python -m locust -f tests/load/people.py`. Kinds of people, their shares and pauses are those
of researchers with scripts, of readers with a browser, and of a dashboard that polls.

Each answer is checked (checks.py): a wrong one is a failed request. Each request becomes a line of $LOAD_REQUESTS.
"""

import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from locust import between, constant_pacing, task

from ingest.simulator.world.vocabulary import words
from tests.load import checks, file_checks
from tests.load.person import Person

ENGLISH = words(0)
COMMON, KNOWN = ENGLISH[40:300], ENGLISH[300:3_000]
PAGES = 6  # of a walk, at most
COHORT = 200  # accounts


def long_word(some: tuple[str, ...]) -> str:
    """Not one of a letter or two, which most texts hold somewhere."""
    return random.choice([word for word in random.sample(some, 20) if len(word) > 3] or ["time"])


class Searcher(Person):
    """Reads hits, then asks for others: words, authors, threads, counts."""

    weight = 9
    wait_time = between(2, 10)

    @task(10)
    def word(self) -> None:
        self.hits(text=long_word(random.choice((COMMON, KNOWN))))

    @task(2)
    def front_page(self) -> None:
        word = long_word(KNOWN)
        self._from["Accept"] = "text/html"
        self.fetch("html page", "/", lambda body: file_checks.html(body, ["<html", word]), text=word)
        del self._from["Accept"]

    @task(2)
    def newest_and_thread(self) -> None:
        replies = [hit for hit in self.hits("newest") if hit["reply_root"]]
        if replies:
            uri = replies[0]["id"]
            self.ask("thread", "/api/v1/thread", lambda body: self._wrong_thread(body, uri), uri=uri)

    @staticmethod
    def _wrong_thread(body: Any, uri: str) -> str:
        return "" if body["meta"]["asked"] == uri else f"the thread of {body['meta']['asked']}"

    @task(2)
    def author(self) -> None:
        if hits := self.hits("newest"):
            did = random.choice(hits)["did"]
            self.ask("author", "/search", lambda body: checks.page(body, author=did), did=did)

    @task(1)
    def language(self) -> None:
        given = {"text": long_word(COMMON), "lang": "en"}
        self.ask("page", "/search", lambda body: checks.page(body, given["text"], language="en"), **given)

    @task(1)
    def count(self) -> None:
        def wrong(body: Any) -> str:
            exact = body["meta"]["total_relation"] == "eq" or not body["meta"]["complete"]
            return checks.page(body, limit=1) or ("" if exact else "no exact total")

        self.ask("count", "/search", wrong, text=long_word(KNOWN), limit=1, total="true")

    @task(1)
    def likes(self) -> None:
        liked = self.ask("newest", "/search", checks.order_only, dataset="likes", limit=10, fields="id,subject,seen_at")
        if liked and liked["results"]:
            subject = liked["results"][0]["subject"]
            self.ask(
                "likes of a post",
                "/search",
                lambda body: checks.refers(body, subject),
                dataset="likes",
                subject=subject,
            )

    @task(1)
    def keywords(self) -> None:
        """Spelling variants, with their share of all posts first."""
        terms = [long_word(KNOWN) for _ in range(30)]
        self.ask("timeline", "/api/v1/timeline", checks.timeline, "POST", any=terms, by="hour")
        self.ask("keyword list", "/search", lambda body: checks.has_a_term(body, terms), "POST", any=terms)

    @task(1)
    def sample(self) -> None:
        self.ask("sample", "/search", lambda body: checks.drawn(body, 100), sample=100, seed=42)


class Pager(Person):
    """Follows the tokens of what is newest, or of one author."""

    weight = 4
    wait_time = between(4, 12)

    @task(3)
    def newest(self) -> None:
        self._walk({"limit": 100})

    @task(2)
    def author(self) -> None:
        if hits := self.hits("newest"):
            self._walk({"did": random.choice(hits)["did"], "limit": 20})

    @task(2)
    def word(self) -> None:
        self._walk({"text": long_word(KNOWN)})

    def _walk(self, given: dict[str, Any]) -> None:
        walk = checks.Walk()
        token: dict[str, str] = {}
        word, author, limit = given.get("text", ""), given.get("did", ""), given.get("limit", 50)

        def wrong(body: Any) -> str:
            return checks.page(body, word, author, limit=limit) or walk.add(body)

        for number in range(PAGES):
            answer = self.ask("next page" if number else "page", "/search", wrong, **given, **token)
            if not answer or not answer["meta"]["next"]:
                break
            token = {"token": answer["meta"]["next"]}
            time.sleep(random.uniform(0.5, 3))


class Exporter(Person):
    """Takes the posts of a word, or of the latest minutes, and compares the file with its manifest."""

    weight = 2
    wait_time = between(15, 45)

    @task(2)
    def csv_of_a_word(self) -> None:
        word, columns = long_word(COMMON), ["id", "seen_at", "text"]
        given = {"text": word, "fields": ",".join(columns)}
        self._export("export csv", lambda body: file_checks.csv_file(body, columns, word), format="csv", **given)

    @task(1)
    def parquet_of_minutes(self) -> None:
        hits = self.hits("newest", limit=1)
        if hits:
            end = datetime.fromisoformat(hits[0]["seen_at"])
            window = {"start": _iso(end - timedelta(minutes=random.choice((1, 2, 5)))), "end": _iso(end)}
            self._export("export parquet", file_checks.parquet_file, format="parquet", **window)

    def _export(self, kind: str, check: Any, **given: Any) -> None:
        if (found := self.fetch(kind, "/export", check, **given)) is None:
            return
        body, headers = found
        self.ask(
            "manifest", f"/export/manifest/{headers['X-Export-Id']}", lambda told: file_checks.manifest(told, body)
        )


class CohortJob(Person):
    """A script with a list of accounts: their posts, their likes, their days, and what became of the posts."""

    weight = 2
    wait_time = between(10, 30)

    @task
    def cohort(self) -> None:
        dids = sorted({hit["did"] for hit in self.hits("newest", limit=1000)})[:COHORT]
        if not dids:
            return
        posts = self.ask("cohort posts", "/search", checks.of_authors(dids, 200), "POST", did=dids, limit=200)
        likes = {"dataset": "likes", "limit": 200, "fields": ["id", "seen_at"]}
        self.ask("cohort likes", "/search", checks.order_only, "POST", did=dids, **likes)
        days = {"split": "author", "by": "hour"}
        right = checks.of_series(dids)
        self.ask("cohort timeline", "/api/v1/timeline", right, "POST", did=dids, **days)
        uris = [hit["id"] for hit in posts["results"]] if posts else []
        if uris:
            self.ask("posts by uri", "/api/v1/posts", lambda body: checks.listed(body, uris), "POST", uris=uris)
            self.ask("rows by uri", "/api/v1/rows", lambda body: checks.listed(body, uris), "POST", uris=uris)

    @task
    def top_authors(self) -> None:
        self.ask("top", "/api/v1/top", lambda body: checks.top(body, 100), by="authors", limit=100)


class Dashboard(Person):
    """Polls, whatever happens."""

    weight = 3
    wait_time = constant_pacing(10)

    @task(2)
    def status(self) -> None:
        self.fetch("status page", "/status", lambda body: file_checks.html(body, ["<html"]))

    @task(2)
    def timeline(self) -> None:
        given = {"by": "minute", "start": _iso(datetime.now(UTC) - timedelta(minutes=30))}
        self.ask("timeline", "/api/v1/timeline", checks.timeline, **given)

    @task(1)
    def metrics(self) -> None:
        self._from = {}  # Prometheus comes past the proxy
        self.fetch("metrics", "/metrics", lambda body: file_checks.html(body, ["api_lag_seconds", "api_query_seconds"]))
        self.on_start()


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
