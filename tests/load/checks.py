"""Whether an answer is right: each function returns what is wrong with one in a few words, or nothing. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

Answer = Mapping[str, Any]
COVERAGE = {"complete", "start", "end", "minutes", "minutes_missing", "gaps", "gaps_total"}
META = {"count", "total", "total_relation", "limit", "next", "complete", "coverage", "as_of", "took_ms", "hidden"}


def faults(*found: Iterable[str]) -> str:
    """All in one line; empty: the answer is right."""
    return "; ".join(fault for part in found for fault in part)


def page(answer: Answer, word: str = "", author: str = "", language: str = "", limit: int = 50) -> str:
    """Of a search, newest first, with all columns."""
    if missing := missing_keys(answer, {"results", "meta"}) or missing_keys(answer["meta"], META):
        return missing
    hits, meta = answer["results"], answer["meta"]
    return faults(
        coverage(meta),
        order(hits),
        twice(hit["id"] for hit in hits),
        _counted(hits, meta, limit),
        has_word(hits, word),
        (f"a post of {hit['did']}, not of {author}" for hit in hits if author and hit["did"] != author),
        (f"langs {hit['langs']} for {language}" for hit in hits if language and not speaks(hit["langs"], language)),
    )


def order_only(answer: Answer) -> str:
    """Of a search with some columns."""
    if missing := missing_keys(answer, {"results", "meta"}) or missing_keys(answer["meta"], META):
        return missing
    return faults(coverage(answer["meta"]), order(answer["results"]), twice(hit["id"] for hit in answer["results"]))


def refers(answer: Answer, subject: str) -> str:
    others = (f"refers to {hit['subject']}" for hit in answer["results"] if hit["subject"] != subject)
    return order_only(answer) or faults(others)


def of_authors(dids: Iterable[str], limit: int) -> Callable[[Answer], str]:
    allowed = set(dids)

    def check(answer: Answer) -> str:
        others = (f"a post of {hit['did']}" for hit in answer.get("results", []) if hit["did"] not in allowed)
        return page(answer, limit=limit) or faults(others)

    return check


def has_a_term(answer: Answer, terms: Sequence[str]) -> str:
    """Of a search for any of them: the terms that a hit is said to have are in its text, and at least one is."""
    if wrong := page(answer):
        return wrong
    wanted = [_lower(term) for term in terms]
    return faults(
        f"{hit['matched']} in {hit['id']}"
        for hit in answer["results"]
        if sorted({_lower(term) for term in hit["matched"]})
        != sorted({term for term in wanted if term in _lower(hit["text"])})
    )


def drawn(answer: Answer, size: int) -> str:
    """Of a sample, which is in the order of time as well."""
    hits = answer["results"]
    return faults(coverage(answer["meta"]), twice(hit["id"] for hit in hits), ["too many"] if len(hits) > size else [])


def missing_keys(found: Any, wanted: set[str]) -> str:
    if not isinstance(found, Mapping):
        return f"{type(found).__name__} in place of an object"
    lacks = sorted(wanted - found.keys())
    return f"lacks {', '.join(lacks)}" if lacks else ""


def coverage(meta: Answer) -> Iterator[str]:
    told = meta.get("coverage")
    if not isinstance(told, Mapping) or not told.keys() >= COVERAGE:
        yield "no coverage"
    elif told["complete"] != (told["minutes_missing"] == 0):
        yield f"coverage complete {told['complete']} with {told['minutes_missing']} minutes missing"


def order(hits: Sequence[Answer]) -> Iterator[str]:
    times = [moment(hit) for hit in hits]
    if times != sorted(times, reverse=True):
        yield "not newest first"


def moment(hit: Answer) -> Any:
    """That sorts: texts have no fraction when it is zero."""
    seen = hit["seen_at"]
    return seen.removesuffix("Z") if isinstance(seen, str) else seen


def twice(ids: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for id_ in ids:
        if id_ in seen:
            yield f"twice: {id_}"
        seen.add(id_)


def _counted(hits: Sequence[Answer], meta: Answer, limit: int) -> Iterator[str]:
    if meta["count"] != len(hits):
        yield f"count {meta['count']} of {len(hits)} hits"
    if len(hits) > limit:
        yield f"{len(hits)} hits with limit {limit}"
    if meta["complete"] and meta["next"] and len(hits) < limit:
        yield f"{len(hits)} hits of {limit}, and a next page"


def has_word(hits: Iterable[Answer], word: str) -> Iterator[str]:
    """In the text, in any case, and marked there."""
    wanted = _lower(word)
    for hit in hits if word else ():
        text = hit["text"] or ""
        if wanted not in _lower(text):
            yield f"no {word!r} in {hit['id']}"
        elif "matches" in hit and wanted not in (_lower(text[begin:end]) for begin, end in hit["matches"]):
            yield f"{word!r} is not marked in {hit['id']}"


def _lower(text: str) -> str:
    """As searches do: the Turkish İ is an i, where Python makes two characters of it."""
    return text.replace("İ", "i").lower()


def speaks(languages: Iterable[str], wanted: str) -> bool:
    return any(language == wanted or language.startswith(f"{wanted}-") for language in languages)


class Walk:
    """The pages of one search, by their tokens: no hit twice, newest first over all of them, one moment for all."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._last = ""
        self._as_of = ""

    def add(self, answer: Answer) -> str:
        hits, as_of = answer["results"], answer["meta"]["as_of"]
        before, self._ids = self._ids, self._ids | {hit["id"] for hit in hits}
        found = [f"on an earlier page too: {hit['id']}" for hit in hits if hit["id"] in before]
        if hits and self._last and moment(hits[0]) > self._last:
            found.append("newer than the page before")
        if self._as_of and as_of != self._as_of:
            found.append(f"as of {as_of}, the first page as of {self._as_of}")
        self._last, self._as_of = moment(hits[-1]) if hits else self._last, self._as_of or as_of
        return faults(found, self._wrong_total(answer["meta"]))

    def _wrong_total(self, meta: Answer) -> Iterator[str]:
        """The last page knows how many there were; what was deleted on the way may be missing."""
        if meta["next"] is None and meta["complete"] and meta["total_relation"] == "eq" and meta["total"] is not None:
            missing = meta["total"] - len(self._ids)
            if not 0 <= missing <= meta["hidden"] + len(self._ids) // 100 + 1:
                yield f"total {meta['total']}, walked {len(self._ids)}"


def listed(answer: Answer, asked: Sequence[str]) -> str:
    """Of posts and rows by URI: each of them found, or named as gone. All have been there."""
    meta = answer.get("meta", {})
    if missing := missing_keys(meta, {"asked", "found", "deleted", "hidden", "purged", "unknown", "complete"}):
        return missing
    ids = [row["id"] for row in answer["results"]]
    told = [*ids, *meta["deleted"], *(row["id"] for row in meta["hidden"]), *meta["purged"], *meta["unknown"]]
    return faults(
        twice(ids),
        [f"asked {meta['asked']} of {len(asked)}"] if meta["asked"] != len(asked) else [],
        [f"found {meta['found']} of {len(ids)} rows"] if meta["found"] != len(ids) else [],
        ["not what was asked for"] if set(told) != set(asked) else [],
        (f"unknown: {uri}" for uri in meta["unknown"]),
    )


def timeline(answer: Answer) -> str:
    meta, rows = answer.get("meta", {}), answer.get("results", [])
    if missing := missing_keys(meta, {"hits", "all", "coverage", "as_of"}):
        return missing
    starts = [row["start"] for row in rows]
    return faults(
        coverage(meta),
        ["not the oldest first"] if starts != sorted(starts) else [],
        (f"{row['hits']} hits of {row['all']} at {row['start']}" for row in rows if row["hits"] > row["all"]),
        ["hits do not add up"] if "split" not in meta and sum(row["hits"] for row in rows) != meta["hits"] else [],
    )


def split_timeline(answer: Answer, allowed: Iterable[str]) -> str:
    """With a series for each author, of those asked for."""
    if found := timeline(answer):
        return found
    values, sums = {row["value"]: row["hits"] for row in answer["meta"]["split_values"]}, dict[str, int]()
    for row in answer["results"]:
        if row["value"] is not None:
            sums[row["value"]] = sums.get(row["value"], 0) + row["hits"]
    return faults(
        ["series do not add up"] if sums != values else [],
        (f"a series of {value}" for value in values if value not in set(allowed)),
    )


def of_series(allowed: Iterable[str]) -> Callable[[Answer], str]:
    values = set(allowed)
    return lambda answer: split_timeline(answer, values)


def top(answer: Answer, limit: int) -> str:
    meta, rows = answer.get("meta", {}), answer.get("results", [])
    if missing := missing_keys(meta, {"distinct", "next", "coverage", "as_of"}):
        return missing
    hits = [row["hits"] for row in rows]
    return faults(
        coverage(meta),
        twice(row["value"] for row in rows),
        ["not the most first"] if hits != sorted(hits, reverse=True) else [],
        [f"{len(rows)} values with limit {limit}"] if len(rows) > limit else [],
    )
