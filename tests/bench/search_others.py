"""The same questions asked of Polars and of tantivy, in an environment of their own: no requirement of ours.

As a script this module runs in that environment, where nothing of ours is to be had.
"""

import json
import shutil
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from statistics import median

PACKAGES = ("polars==2.1.0", "tantivy==0.27.0")
PAGE = 50
RUNS = 1
TANTIVY_RUNS = 50
NOT_OF_WORDS = ("a rare part of words", "two Japanese characters")


def show(data, questions) -> None:
    """Prints what the script found. `data`: Months; `questions`: of tests.bench.search_questions."""
    job = {
        "files": f"{data.lake}/posts/**/*.parquet",
        "index": str(data.folder / "tantivy"),
        "questions": [question._asdict() for question in questions],
    }
    command = [str(_environment(data.folder.parent / "venv")), __file__]
    found = json.loads(
        subprocess.run(command, input=json.dumps(job).encode(), stdout=subprocess.PIPE, check=True).stdout
    )
    print(f"\nothers, {data.posts:,} posts: newest page of 50, warm, ms\n{'':26}{'Polars':>10}{'tantivy':>10}")
    for name, polars, tantivy in found["pages"]:
        shown = f"{tantivy[0]:10.2f}  {tantivy[1]} hits of whole words" if tantivy else f"{'-':>10}"
        print(f"{name:26}{polars:10,.0f}{shown}")
    print(f"tantivy's index of words: {found['bytes'] / data.posts:.0f} bytes a post, "
          f"{data.posts / found['cpu']:,.0f} posts a second of CPU; it finds whole words only")  # fmt: skip


def _environment(folder: Path) -> Path:
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making {folder} with {' '.join(PACKAGES)} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True, stderr=subprocess.DEVNULL)
    return python


def answer(job) -> dict:
    cpu = index(job)
    size = sum(path.stat().st_size for path in Path(job["index"]).iterdir())
    pages = [[one["name"], with_polars(job["files"], one), with_tantivy(job["index"], one)] for one in job["questions"]]
    return {"pages": pages, "bytes": size, "cpu": cpu}


def milliseconds(ask, runs: int) -> float:
    ask()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started) * 1000)
    return median(times)


def with_polars(files: str, question) -> float:
    pl = import_module("polars")

    posts = pl.scan_parquet(files)
    if question["text"]:
        posts = posts.filter(pl.col("text").str.to_lowercase().str.contains(question["text"].lower(), literal=True))
    if question["did"]:
        posts = posts.filter(pl.col("did") == question["did"])
    if question["lang"]:
        posts = posts.filter(pl.col("langs").list.contains(question["lang"]))
    columns = ["did", "rkey", "cid", "seen", "created_at", "text", "langs", "links", "hashtags", "mentions", "media"]
    query = posts.select(columns).sort("seen", descending=True).limit(PAGE)
    return milliseconds(query.collect, RUNS)


def schema():
    tantivy = import_module("tantivy")

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", stored=False)
    builder.add_text_field("did", stored=False, tokenizer_name="raw")
    builder.add_text_field("langs", stored=False, tokenizer_name="raw")
    builder.add_text_field("uri", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("seen", stored=True, fast=True)
    return builder.build()


def index(job) -> float:
    """Makes the index, or takes the one that is there; seconds of CPU that it took."""
    pl, tantivy = import_module("polars"), import_module("tantivy")

    took = Path(job["index"] + ".cpu")  # its last byte comes after the index's
    if took.exists():
        return float(took.read_text())
    shutil.rmtree(job["index"], ignore_errors=True)
    Path(job["index"]).mkdir()
    started = time.process_time()
    writer = tantivy.Index(schema(), path=job["index"]).writer(heap_size=500_000_000, num_threads=2)
    for path in sorted(Path(job["files"].split("/**")[0]).rglob("*.parquet")):
        columns = pl.read_parquet(path, columns=["text", "did", "langs", "rkey", "seen"])
        columns = columns.with_columns(pl.col("seen").to_physical())
        for text, did, langs, rkey, seen in columns.select("text", "did", "langs", "rkey", "seen").iter_rows():
            document = tantivy.Document(text=text, did=did, uri=f"{did}/{rkey}", seen=seen)
            for lang in langs or ():
                document.add_text("langs", lang)
            writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    cpu = time.process_time() - started
    took.write_text(str(cpu))
    return cpu


def with_tantivy(folder: str, question) -> tuple[float, int] | None:
    """Milliseconds and hits. None: it can't, as its words are not ours."""
    tantivy = import_module("tantivy")

    text = question["text"]
    if question["name"] in NOT_OF_WORDS:
        return None
    found = tantivy.Index(schema(), path=folder)
    searcher = found.searcher()
    wanted = [("text", text)] * bool(text) + [("did", question["did"])] * bool(question["did"])
    queries = [found.parse_query(f'"{value}"', [field]) for field, value in wanted]
    if question["lang"]:
        queries.append(tantivy.Query.term_query(schema(), "langs", question["lang"]))
    query = tantivy.Query.boolean_query([(tantivy.Occur.Must, one) for one in queries])

    def ask() -> list:
        hits = searcher.search(query, limit=PAGE, count=False, order_by_field="seen").hits
        return [searcher.doc(address).to_dict() for _, address in hits]

    return milliseconds(ask, TANTIVY_RUNS), len(ask())


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
