"""The same question asked of the lake, and of DuckDB by whoever has only the files."""

from typing import NamedTuple

import duckdb
from django.conf import settings

from api.answers.reader import reader
from lake.query.spec import Search
from lake.query.tree import And, Filter, Node, Term
from tests.bench.months import Months
from tests.bench.search_questions import Question

PAGE = 50
SECONDS = 600.0


class Answer(NamedTuple):
    uris: list[str]
    total: int | None = None


def asked(question: Question) -> Search:
    nodes: list[Node] = [Term((question.text.lower(),))] if question.text else []
    nodes += [Filter("author", (question.did,))] if question.did else []
    nodes += [Filter("lang", (question.lang,))] if question.lang else []
    return Search(And(tuple(nodes)), timeout=SECONDS)


def page(question: Question) -> Answer:
    """The newest hits, not counted, and not from the answers that are kept."""
    return Answer([hit.uri for hit in reader()._find(asked(question), PAGE, 0, None).hits])


def count(question: Question) -> Answer:
    total, relation = reader().full_scan.count(asked(question), SECONDS)
    assert relation == "eq", (question, total)
    return Answer([], total)


class Naive:
    """The query that one would write first, over the same files with the same threads and memory, and no catalog."""

    def __init__(self, months: Months) -> None:
        self._duckdb = duckdb.connect(
            config={"memory_limit": settings.QUERY_MEMORY_LIMIT, "threads": settings.QUERY_THREADS}
        )
        self._duckdb.execute("SET enable_progress_bar = false")
        self._files = f"{months.lake}/posts/**/*.parquet"

    def page(self, question: Question) -> Answer:
        columns = "did, rkey, cid, seen, created_at::TIMESTAMP, text, langs, links, hashtags, mentions, media"
        rows = self._rows(question, columns, f"ORDER BY seen DESC LIMIT {PAGE}")
        return Answer([f"at://{did}/app.bsky.feed.post/{rkey}" for did, rkey, *_ in rows])

    def count(self, question: Question) -> Answer:
        return Answer([], self._rows(question, "count(*)", "")[0][0])

    def _rows(self, question: Question, columns: str, rest: str) -> list[tuple]:
        wanted = {
            "text ILIKE $text": {"text": f"%{question.text}%"} if question.text else None,
            "did = $did": {"did": question.did} if question.did else None,
            "list_contains(langs, $lang)": {"lang": question.lang} if question.lang else None,
        }
        conditions = [condition for condition, values in wanted.items() if values]
        values = {"files": self._files} | {
            name: value for some in wanted.values() if some for name, value in some.items()
        }
        columns = columns.replace(" seen,", " seen::TIMESTAMP,")
        sql = f"SELECT {columns} FROM read_parquet($files) WHERE {' AND '.join(conditions)} {rest}"
        return self._duckdb.execute(sql, values).fetchall()
