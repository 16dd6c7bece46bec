"""Notes: what was probably meant otherwise is told, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.params.notes import MAX_NOTES, notes
from lake.query.filter_values import QueryError
from lake.query.filters import FILTERS
from lake.query.parser import parse
from tests.api.params.asking import valid
from tests.lake.query.test_parser import PIECES


def told(text):
    return notes(text, [parse(text)])


SLIPS = [
    ("lake or house", '"or" at character 6 of text is searched for as a word: to find either side of it write OR.'),
    ("lake Or (house OR boat)", '"Or" at character 6'),
    ("(lake or -house)", '"or" at character 7'),
    ("(lake) or house", '"or" at character 8'),
    ("lake And house", '"And" at character 6 of text is searched for as a word: leave it out, since all words must'),
    ("lake not house", '"not" at character 6 of text is searched for as a word: to exclude what follows write NOT.'),
    ("#lake or lang:en", '"or" at character 7'),
    ("before:2026-07-01", ": until:2026-07-01 is the nearest to before:, which is no operator."),
    ("lake -after:2026-07-01", '"after:2026-07-01" at character 7'),
    ("before: 2026-07-01", "text: until: is the nearest to "),
    (
        "root:at://did:plc:a/b/c",
        '"root:at://did:plc:a/b/c" at character 1 of text is searched for as text: root: takes the',
    ),
    (
        "lake -(a OR Quotes:x)",
        '"Quotes:x" at character 13 of text is searched for as text: quotes: takes the AT-URI of a post',
    ),
    (
        'lake root:"x"',
        '"root:" at character 6 of text is searched for as text: root: takes the AT-URI of a post like at://',
    ),
    ("thread:at://did:plc:a/app.bsky.feed.post/c", "text: root:at://did:plc:a/app.bsky.feed.post/c is the nearest to "),
    ("form:alice", "text: from:alice is the nearest to form:, which is no operator."),
    ("-form：alice", "text: from:alice is the nearest to form:, which is no operator."),
    ("lake OR (form:alice)", "text: from:alice is the nearest to form:, which is no operator."),
    ('form:"alice b"', 'text: from:"alice b" is the nearest to form:, which is no operator.'),
    ("min-faves:10", "text: min-faves: is no operator."),
    ("label2:x", "is searched for as text: "),
    ("did:plc:abc", "text: from:did:plc:abc is the nearest to "),
    ("at://did:plc:a/b/c", "text: subject:at://did:plc:a/b/c is the nearest to "),
    ("mentoins:alice.example", "text: mentions:alice.example is the nearest to "),
    ("hastag:lake", "text: hashtag:lake is the nearest to "),
    ("reply:true", "text: is:reply is the nearest to "),
    ("sentiment:good", "is searched for as text: sentiment: is no operator."),
    ("‘lake house’", '"‘lake" at character 1 of text is searched for with ‘, which is text: put a phrase in double'),
    ("'lake house'", "is searched for with ', which is text"),
    ("«lake»", "is searched for with «"),
    ("lake – house", '"–" at character 6 of text is searched for with –, which is text: leave it out, or write -'),
    ("lake —house", '"—house" at character 6'),
    ("−5", "is searched for with −"),
    ("lake, house", '"lake," at character 1 of text is searched for with ,, which is text: leave it out.'),
    ("湖、 海", "is searched for with 、"),
    ("lang:english", '"english" is not the code of a language in posts: write en.'),
    ("lake -lang:jp", "write ja."),
    ("(a OR lang:elvish)", "write one like en or pt-BR."),
]
FINE = [
    *(
        "",
        "lake house",
        "or",
        "lake OR or OR house",
        "(a or) b",
        "a (or b)",
        "and lake",
        "lake or",
        "not",
        "lake OR house AND NOT boat",
        'lake "or" house',
    ),
    *("https://example.com/page", "at 12:30", "see: this", "before", "foo::bar", "C:drive", '"before:2026"', "url:x.y"),
    *("it’s it's", "rock 'n roll", "’tis", "'", '"‘lake’"', "covid-19", "a-b -c", '"– "', "a—b", "a,b", '"lake,"'),
    *(
        "#a, #b",
        "lang:en",
        "lang:pt-BR,fil,x-pt",
        "lang:EN",
        "exact:or",
        "mention:a.b hashtag:c langs:en start:2026-07-01",
    ),
]


@pytest.mark.parametrize(("text", "note"), SLIPS)
def test_a_slip_is_told_with_its_place_and_the_right_form(text, note):
    (found,) = told(text)
    assert note in found


@pytest.mark.parametrize("text", FINE)
def test_what_is_well_written_has_no_note(text):
    assert told(text) == []


def test_each_slip_has_its_note_once():
    assert [note.partition(" at ")[0] for note in told("‘a b’, or –c before:1 lang:xyzzy")] == [
        '"‘a"',
        '"b’,"',
        '"or"',
        '"–c"',
        '"before:1"',
        '"xyzzy" is not the code of a language in posts: write one like en or pt-BR.',
    ]
    assert len(told("lang:english lang:english")) == 1


def test_parameters_have_notes_as_the_text_has():
    assert valid("text=lake&lang=en")["notes"] == []
    assert valid("text=a+or+b&lang=-english")["notes"] == [*told("a or b"), *told("lang:english")]
    assert valid("text=a+or+b,&exact=True")["notes"] == []


def test_a_note_is_short_whatever_the_text():
    for text in ("before:" + "x" * 1900, "—" + "x" * 1900, "lang:" + "x" * 1900):
        assert max(map(len, told(text))) < 400


def test_a_long_list_of_slips_has_as_many_notes_as_can_be_read():
    assert len(valid({"lang": [f"elvish-{n}" for n in range(10_000)]})["notes"]) == MAX_NOTES


@given(st.lists(PIECES | st.sampled_from(["or", "and", "not", "‘", "–", "before:", "at:"]), max_size=12).map(" ".join))
def test_any_text_that_is_understood_has_notes_that_are_sentences(text):
    try:
        node = parse(text)
    except QueryError:
        return
    assert all(note.startswith('"') and note.endswith(".") for note in notes(text, [node]))


def test_no_note_names_an_operator_that_is_none():
    for text, note in SLIPS:
        if " is the nearest" in note:
            nearest = note.removeprefix("text: ").removeprefix(": ").partition(":")[0]
            assert nearest in {"hashtag", *(spec.operator for spec in FILTERS.values())}, text
