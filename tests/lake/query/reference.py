"""The same query read over plain Python rows: what the SQL of lake.query.sql must agree with. Written on its own: it
looks at characters one by one where the SQL has regular expressions."""

import json
import unicodedata
from datetime import UTC, datetime
from functools import lru_cache

from lake.query.tree import And, Filter, Not, Or, Term
from tests.lake.query.query_table import HAS

SPACELESS = (
    "CJK ",
    "HIRAGANA ",
    "HENTAIGANA ",
    "KATAKANA",
    "HANGUL ",
    "THAI ",
    "HALFWIDTH KATAKANA",
    "HALFWIDTH HANGUL",
)
# Iteration marks and numerals of Han, repeat marks of kana.
SPACELESS_TOO = "々〆〇〻〱〲〳〴〵〡〢〣〤〥〦〧〨〩〸〹〺\U00016fe3\U00016ff0\U00016ff1"


@lru_cache(maxsize=500_000)
def fold(text):
    """DuckDB's lower(): character by character, and i of İ."""
    return "".join("i" if character == "İ" else character.lower() for character in text)


def spaceless(character):
    """Of Han, kana, Hangul or Thai, marks included."""
    name = unicodedata.name(character, "")
    return name.startswith(SPACELESS) or character in SPACELESS_TOO


def touching(character):
    """A letter, a digit or a mark of a script that puts spaces between words."""
    return unicodedata.category(character)[0] in "LNM" and not spaceless(character)


def is_mark(character):
    return unicodedata.category(character)[0] == "M"


def is_letter(character):
    return touching(character) and not is_mark(character)


def base_before(text, at):
    """The character before `at` that is no mark, or none; a mark of a spaceless script ends the search."""
    while at > 0 and is_mark(text[at - 1]) and not spaceless(text[at - 1]):
        at -= 1
    return text[at - 1 : at]


def stands_alone(text, start, end):
    phrase = text[start:end]
    last = base_before(phrase, len(phrase))
    touched_before = is_letter(phrase[0]) and any(map(touching, base_before(text, start)))
    touched_after = any(map(is_letter, last)) and any(map(touching, text[end : end + 1]))
    return not touched_before and not touched_after


def has_term(term, text):
    if text is None:
        return False
    text, parts = fold(text), [fold(part) for part in term.parts]
    if not term.whole:
        at = 0
        for part in parts:
            found = text.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        return True
    (phrase,) = parts
    at = text.find(phrase)
    while at >= 0 and not stands_alone(text, at, at + len(phrase)):
        at = text.find(phrase, at + 1)
    return at >= 0


def has_language(tag, wanted):
    return fold(tag) == fold(wanted) or fold(tag).startswith(fold(wanted) + "-")


def has_domain(domain, wanted):
    return fold(domain) == fold(wanted) or fold(domain).endswith("." + fold(wanted))


def has_link(link, wanted):
    link, wanted = fold(link), fold(wanted)
    scheme, found, rest = link.partition("://")
    of_scheme = scheme[:1] in set("abcdefghijklmnopqrstuvwxyz") and set(scheme) <= set(
        "abcdefghijklmnopqrstuvwxyz0123456789+.-"
    )
    return link.startswith(wanted) or bool(found and of_scheme and rest.startswith(wanted))


def has_subject(row, dataset, wanted):
    if dataset == "posts":
        return wanted in (row["reply_parent_uri"], row["reply_root_uri"], row["quote_uri"])
    if "subject" in row:
        return row["subject"] == wanted
    uri = row["subject_uri"]
    return uri is not None and (uri == wanted if wanted.startswith("at://") else uri.startswith(f"at://{wanted}/"))


def in_a_hashtag(character):
    """A letter, a digit, a mark or _: what a hashtag in a text goes on with."""
    return character == "_" or unicodedata.category(character)[0] in "LMN"


def says_hashtag(text, wanted):
    """The text has # and this, with no letter or the like on either side. Both folded."""
    for at, sign in enumerate(text):
        before, after = text[max(at - 1, 0) : at], text[at + 1 + len(wanted) :][:1]
        free = before == "" or not (before in "_#/&" or unicodedata.category(before)[0] in "LN")
        if sign in "#＃" and free and text.startswith(wanted, at + 1) and not any(map(in_a_hashtag, after)):
            return True
    return False


def is_word(wanted):
    """A hashtag that the column has of each text that says it."""
    return all(map(in_a_hashtag, wanted)) and any(
        sign == "_" or unicodedata.category(sign)[0] == "L" for sign in wanted
    )


def may_be_said(wanted):
    """A text can say it as a hashtag: not a number, not two words."""
    more_than_numbers = any(sign == "_" or unicodedata.category(sign)[0] not in "PN" for sign in wanted)
    return more_than_numbers and not any(sign.isspace() for sign in wanted)


def is_said_only(wanted):
    """The column has it of facets and tags alone."""
    return not is_word(wanted) and may_be_said(wanted)


def microsecond(text):
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


IS = {
    "reply": lambda row: row["reply_parent_uri"] is not None,
    "original": lambda row: row["reply_parent_uri"] is None and row["quote_uri"] is None,
    "quote": lambda row: row["quote_uri"] is not None,
}
LISTS = {
    "lang": ("langs", has_language),
    "tag": ("hashtags", lambda tag, wanted: fold(tag) == fold(wanted)),
    "mention": ("mentions", lambda did, wanted: did == wanted),
    "domain": ("domains", has_domain),
    "url": ("links", has_link),
}


def says_of_itself(labels, wanted):
    found = json.loads(labels)["values"] if labels and '"values":[' in labels else []
    return any(fold(str(one.get("val"))) == fold(wanted) for one in found)


CHOSEN = {
    "has": lambda row, wanted: HAS[wanted](row),
    "is": lambda row, wanted: IS[wanted](row),
    "self": lambda row, wanted: says_of_itself(row["labels"], wanted),
}


EQUAL = {"author": "did", "root": "reply_root_uri", "quotes": "quote_uri"}


def passes(kind, wanted, row, dataset, clock):
    match kind:
        case "author" | "root" | "quotes":
            return row[EQUAL[kind]] == wanted
        case "subject":
            return has_subject(row, dataset, wanted)
        case "has" | "is" | "self":
            return CHOSEN[kind](row, wanted)
        case "since":
            return row[clock] is not None and row[clock] >= microsecond(wanted)
        case "until":
            return row[clock] is not None and row[clock] < microsecond(wanted)
    column, is_wanted = LISTS[kind]
    if kind != "mention" and set(wanted) & {"\n", "\0"}:
        return False  # no reader can write such a value
    wanted = wanted.lstrip("#＃") if kind == "tag" else wanted
    listed = any(value is not None and is_wanted(value, wanted) for value in row[column] or ())
    return listed or (kind == "tag" and is_said_only(wanted) and says_hashtag(fold(row["text"] or ""), fold(wanted)))


def matches(node, row, dataset="posts", clock="seen"):
    """Whether the row, a dict by column, is a hit. Times are naive UTC."""
    match node:
        case Term():
            return has_term(node, row["text"])
        case Filter(kind, values):
            return any(passes(kind, value, row, dataset, clock) for value in values)
        case Not(one):
            return not matches(one, row, dataset, clock)
        case And(nodes):
            return all(matches(one, row, dataset, clock) for one in nodes)
        case Or(nodes):
            return any(matches(one, row, dataset, clock) for one in nodes)
    raise TypeError(node)
