"""What the recipes begin with: files, and what a classifier says, by a plain function of the URI."""

import csv
import hashlib
from datetime import UTC, datetime, timedelta

KEYWORDS = ["the", "exact:la", "of the", "w*e", "zzz"]
HEAD = ["uri", "label", "score", "model", "labelled_at"]
LABELLED_AT = datetime(2026, 7, 3, tzinfo=UTC)
# A classifier for `label_posts`, as somebody would write it.
CLASSIFIER = """
import hashlib

def score(posts):
    return [
        int(hashlib.md5(("political" + uri).encode()).hexdigest()[:4], 16) / 65535
        for uri in posts["uri"].to_pylist()
    ]
"""


def score(name, uri):
    return int(hashlib.md5((name + uri).encode()).hexdigest()[:4], 16) / 65535


def is_labelled(uri):
    return score("is labelled", uri) < 0.75


def write_labels(path, name, uris):
    """Of those that are labelled. Two thirds have another score, too, of a day before: earlier or later in the file."""
    rows = []
    for number, uri in enumerate(filter(is_labelled, uris)):
        latest = [uri, name, score(name, uri), "model-x", LABELLED_AT.isoformat()]
        older = [uri, name, 1 - score(name, uri), "model-x", (LABELLED_AT - timedelta(days=1)).isoformat()]
        rows += ([latest], [older, latest], [latest, older])[number % 3]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEAD, *rows])


def write_files(folder, log, old):
    """Those that the recipes read; `old`: an export of earlier."""
    shown = [row.uri for rows in log.rows.values() for row in rows]
    files = {
        "uris.txt": [*shown[::3], *sorted(log.deleted)[:50]],
        "dids.txt": sorted({row.did for row in log.posts})[::2],
        "keywords.txt": KEYWORDS,
    }
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines))
    (folder / "old.csv").write_bytes(old)
    (folder / "political.py").write_text(CLASSIFIER)
    write_labels(folder / "labels.csv", "toxic", [row.uri for row in log.versions["posts"]])


def names(log):
    """A post and a person that much is to be said of."""
    ((uri, _),) = log.counts(lambda row: row.subject, "likes").most_common(1)
    ((did, _),) = log.counts(lambda row: row.did, "likes").most_common(1)
    return {"URI": uri, "DID": did}
