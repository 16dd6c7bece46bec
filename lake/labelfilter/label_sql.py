"""Conditions on the labels of a post, as SQL over the label rows of its hour. Pure.

`row` is the post, and LABELS the relation of label rows that a search reads beside it. Of the labels of one post with
the same name and model only the latest counts.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lake.labelfilter.thresholds import Thresholds
from lake.labelfilter.wanted import Wanted

LABELS = "post_label"
AT_ONCE = 50  # wanted labels of one condition
LATER = "(labelled_at, arrival)"  # of two labels that differ in nothing else but what they say
KEY = "seen, did, rkey, rev, name, model"  # of those

NO_LABELS = """SELECT NULL::TIMESTAMP AS seen, NULL::VARCHAR AS did, NULL::VARCHAR AS rkey, NULL::VARCHAR AS rev,
    NULL::VARCHAR AS name, NULL::DOUBLE AS score, NULL::VARCHAR AS value, NULL::VARCHAR AS model,
    NULL::VARCHAR AS version,
    NULL::TIMESTAMP AS labelled_at, NULL::BIGINT AS arrival WHERE false"""

Bound = Callable[[Any], str]  # binds a value: the name of its parameter


def has_one(wanted: Sequence[Wanted], thresholds: Thresholds, bound: Bound) -> Iterator[str]:
    """Each condition: the post has one of some of these labels. The rows that pass, older ones too, are found first:
    they are few, and grouping all would take twice as long."""
    for part in (wanted[start : start + AT_ONCE] for start in range(0, len(wanted), AT_ONCE)):
        passes = says_one(part, thresholds, bound)
        yield f"""(row.seen, row.did, row.rkey) IN (SELECT seen, did, rkey FROM {LABELS}
            WHERE name IN ({", ".join(dict.fromkeys(bound(one.name) for one in part))})
            AND seen IN (SELECT seen FROM {LABELS} WHERE {passes})
            GROUP BY {KEY} HAVING arg_max({passes}, {LATER}))"""


def says_one(wanted: Sequence[Wanted], thresholds: Thresholds, bound: Bound) -> str:
    """A condition on a label row: it is one of these, whether it is the latest or not."""
    return " OR ".join(_passes(one, thresholds, bound) for one in wanted)


def names_of_row() -> str:
    """SQL of the distinct names of a post's labels, as a list."""
    return _list_of_row("name")


def models_of_row() -> str:
    return _list_of_row("model")


def _list_of_row(column: str) -> str:
    return f"""(SELECT list(DISTINCT {column}) FROM {LABELS} AS label WHERE label.name IS NOT NULL
        AND label.seen = row.seen AND label.did = row.did AND label.rkey = row.rkey)"""


def _passes(wanted: Wanted, thresholds: Thresholds, bound: Bound) -> str:
    parts = [f"name = {bound(wanted.name)}", _test(wanted, thresholds, bound)]
    if wanted.model:
        parts.insert(1, f"model IS NOT NULL AND model = {bound(wanted.model)}")
    return f"(name IS NOT NULL AND {' AND '.join(parts)})"


def _test(wanted: Wanted, thresholds: Thresholds, bound: Bound) -> str:
    """Never NULL."""
    if not wanted.comparison:
        least = bound(thresholds(wanted.name))
        return f"coalesce(score >= {least}::DOUBLE, lower(value) IS DISTINCT FROM 'false')"
    compared = "" if wanted.score is None else f"score {wanted.comparison} {bound(wanted.score)}::DOUBLE"
    score = f"coalesce({compared}, false)" if compared else ""
    if wanted.comparison != "=":
        return score
    value = f"coalesce(lower(value) = lower({bound(wanted.value)}), false)"
    return f"({score} OR {value})" if score else value
