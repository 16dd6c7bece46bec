"""Labels as JSON: which there are, and what became of those that were sent."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.answers.reader import reader
from lake.labels.waiting import accept_labels
from lake.search.label_names import label_names
from process.instants import iso, iso_us


def names(values: Mapping[str, Any]) -> dict[str, Any]:
    found = label_names(reader().scanner.label_summaries, values["start"], values["end"])
    return {
        "results": [
            {
                "name": one.name,
                "model": one.model or None,
                "posts": one.posts,
                "labels": one.labels,
                "first": None if one.first_us is None else iso_us(one.first_us),
                "last": None if one.last_us is None else iso_us(one.last_us),
            }
            for one in found.names
        ],
        "days": [
            {
                "day": day.day.isoformat(),
                "posts": day.posts,
                "labelled": day.labelled,
                "share": round(day.labelled / day.posts, 6) if day.posts else 0.0,
            }
            for day in found.days
        ],
        "meta": {
            "start": None if found.start is None else iso(found.start),
            "end": None if found.end is None else iso(found.end),
        },
    }


def accepted(labels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    wrong = accept_labels(labels)
    return {
        "accepted": len(labels) - len(wrong),
        "rejected": len(wrong),
        "reasons": [{"index": index, "reason": reason} for index, reason in sorted(wrong)],
    }
