"""The text index beside SQLite's FTS5 and tantivy, on the same posts: `python -m tests.bench indexes --posts 400000`.

All are asked for candidates. FTS5 has trigrams (contentless, detail=none) and is given the three rarest of a term; it
has no answer to two characters. tantivy, if it is installed, is a word index with positions, which can't find what
stands in the middle of a word, and one of trigrams. CPU seconds; lookups are the best of five.
"""

import sqlite3
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from lake.compact.indexed_posts import read_posts
from lake.query.index_terms import index_terms, lowercase
from lake.query.tree import Filter, Term
from lake.storage.duckdb_engine import Engine
from lake.textindex import builder as textindex_builder
from lake.textindex.lookup import TextIndex
from tests.bench import months
from tests.bench.months_needles import AUTHOR, JAPANESE, PART, PHRASE, WORD

QUESTIONS = (
    ("common word", "time"),
    ("rare word", WORD.tokens[0].strip()),
    ("inside of words", PART.query),
    ("phrase, common words", "of the"),
    ("phrase", PHRASE.query.strip('"')),
    ("two Japanese signs", JAPANESE.query),
)
_TEXTS = "SELECT coalesce(replace(lower(text), chr(0), chr(65533)), '') FROM read_parquet([$path]) ORDER BY seen"


class Measured(NamedTuple):
    name: str
    seconds: float
    bytes: int
    ask: Callable[[str], int | None]


def main(given: list[str]) -> None:
    parser = ArgumentParser("python -m tests.bench indexes", description=__doc__)
    months.arguments(parser)
    parser.set_defaults(posts=400_000)
    options = parser.parse_args(given)
    lake = months.made(months.Months(options.posts, options.per_day), index=False).lake
    paths = sorted(lake.rglob("posts/**/*.parquet"))
    engine = Engine("1GB", 1)
    texts = [text for path in paths for (text,) in engine.rows(_TEXTS, {"path": str(path)})]
    print(f"{len(texts):,} posts of {sum(map(len, texts)) / len(texts):.0f} characters")
    with tempfile.TemporaryDirectory() as folder:
        ours, opened = own(engine, paths, Path(folder))
        others = [fts5(texts, Path(folder), opened), *tantivy(texts, Path(folder))]
        for measured in (ours, *others):
            show(measured, len(texts))
        author = Filter("author", (AUTHOR,))
        print(f"  one author: {best(lambda: opened.candidates(index_terms(author))):.2f} ms")
        opened.close()
    engine.close()


def own(engine: Engine, paths: list[Path], folder: Path) -> tuple[Measured, TextIndex]:
    """One index for each file, and of these one."""
    rows = [count for path in paths for (count,) in
            engine.rows("SELECT sum(num_rows) FROM parquet_file_metadata([$path])", {"path": str(path)})]  # fmt: skip
    parts = [folder / f"{number}.index" for number in range(len(paths))]
    started = time.process_time()
    for path, part in zip(paths, parts, strict=True):
        textindex_builder.build(read_posts(engine, path), part)
    built = time.process_time()
    one = textindex_builder.merge(list(zip(parts, rows, strict=True)), folder / "one.index")
    merged = time.process_time()
    textindex_builder.purge(folder / "one.index", range(0, one.rows, 1000), folder / "without.index")
    speeds = (one.rows / seconds for seconds in (built - started, merged - built, time.process_time() - merged))
    print("posts/s: built {:,.0f} (reading included), merged {:,.0f}, one in 1,000 taken out {:,.0f}".format(*speeds))
    opened = TextIndex(folder / "one.index")

    def ask(term: str) -> int | None:
        found = opened.candidates(index_terms(Term((term,))))
        return None if found is None else len(found)

    return Measured("ours", merged - started, one.bytes, ask), opened


def fts5(texts: list[str], folder: Path, opened: TextIndex) -> Measured:
    path = folder / "fts5.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "CREATE VIRTUAL TABLE post USING fts5(text, content='', detail=none, tokenize='trigram case_sensitive 1')"
        )
        started = time.process_time()
        database.executemany("INSERT INTO post(rowid, text) VALUES (?, ?)", enumerate(texts, 1))
        database.execute("INSERT INTO post(post) VALUES ('optimize')")
        database.commit()
        seconds = time.process_time() - started
    reading = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)

    def ask(term: str) -> int | None:
        grams = sorted(
            {term[place : place + 3] for place in range(len(term) - 2)},
            key=lambda gram: opened.estimate(index_terms(Term((gram,)))),
        )
        if not grams:
            return None
        match = " AND ".join(f'"{gram}"' for gram in grams[:3])
        return len(reading.execute("SELECT rowid FROM post WHERE post MATCH ?", [match]).fetchall())

    return Measured("FTS5 trigram", seconds, path.stat().st_size, ask)


def tantivy(texts: list[str], folder: Path) -> list[Measured]:
    try:
        import tantivy as library  # type: ignore[import-not-found]
    except ImportError:
        print("  tantivy is not installed: pip install tantivy")
        return []
    simple, ngram = library.Tokenizer.simple(), library.Tokenizer.ngram(3, 3, False)
    return [_tantivy(library, texts, folder / name.replace(" ", "-"), name, tokenizer, option)
            for name, tokenizer, option in (("tantivy words", simple, "position"),
                                            ("tantivy trigrams", ngram, "basic"))]  # fmt: skip


def _tantivy(library: Any, texts: list[str], folder: Path, name: str, tokenizer: Any, option: str) -> Measured:
    folder.mkdir()
    builder = library.SchemaBuilder()
    builder.add_text_field("text", stored=False, tokenizer_name="own", index_option=option)
    made = library.Index(builder.build(), str(folder))
    analyzer = library.TextAnalyzerBuilder(tokenizer).build()
    made.register_tokenizer("own", analyzer)
    started = time.process_time()
    writer = made.writer(200_000_000, 1)
    for text in texts:
        writer.add_document(library.Document(text=text))
    writer.commit()
    writer.wait_merging_threads()
    seconds = time.process_time() - started
    made.reload()

    def ask(term: str) -> int | None:
        words = analyzer.analyze(term)
        parts = [(library.Occur.Must, library.Query.term_query(made.schema, "text", word)) for word in words]
        if not parts:
            return None
        query = library.Query.phrase_query(made.schema, "text", words) if option == "position" and len(words) > 1 else \
            library.Query.boolean_query(parts)  # fmt: skip
        return int(made.searcher().search(query, len(texts), count=True).count)

    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Measured(name, seconds, size, ask)


def show(measured: Measured, posts: int) -> None:
    name, seconds, size, ask = measured
    print(f"{name}: {size / posts:.0f} bytes a post, {posts / seconds:,.0f} posts/s")
    for what, term in QUESTIONS:
        found = ask(lowercase(term))
        took = best(partial(ask, lowercase(term)))
        answer = "no answer" if found is None else f"{found:9,} candidates, {took:8.2f} ms"
        print(f"  {what + ' (' + term + ')':38s} {answer}")


def best(run: Callable[[], Any]) -> float:
    """Milliseconds."""
    seconds = []
    for _ in range(5):
        started = time.process_time()
        run()
        seconds.append(time.process_time() - started)
    return 1000 * min(seconds)
