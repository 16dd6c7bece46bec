"""The text of a search: the tree it becomes, and the tree written out again."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lake.labelfilter.wanted import SCORES, Wanted, write_wanted
from lake.query.filter_values import QueryError
from lake.query.filters import FILTERS
from lake.query.parser import MAX_CHARACTERS, MAX_DEPTH, MAX_TERMS, parse
from lake.query.rendering import MAX_RENDERED, render
from lake.query.tree import And, Filter, Not, Or, Term, and_of, or_of, terms

PAGE = Path(__file__).parents[3] / "docs" / "search-syntax.md"


def term(*parts):
    return Term(parts)


def exact(text):
    return Term((text,), whole=True)


def tag(*values):
    return Filter("tag", values)


def label(*values):
    return Filter("label", values)


A, B, C = term("a"), term("b"), term("c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", And(())),
        (" \t\n\u3000", And(())),
        ("a", A),
        ("a\u3000b\u2003c\u0085d", And((A, B, C, term("d")))),
        ("50%_off or \\ 'x'", And((term("50%_off"), term("or"), term("\\"), term("'x'")))),
        ("covid-19 a-b", And((term("covid-19"), term("a-b")))),
        ("https://x.y 12:30 foo:bar", And((term("https://x.y"), term("12:30"), term("foo:bar")))),
        # phrases
        ('"a b"', term("a b")),
        ("“a b” „a b“ „a b”", And((term("a b"),) * 3)),
        ("＂a b＂", term("a b")),
        ('" a "', term(" a ")),
        ('"a ""b"""', term('a "b"')),
        ("“it's 5\" long”", term("it's 5\" long")),
        ("«a b»", And((term("«a"), term("b»")))),
        ('a"b c"d', And((A, term("b c"), term("d")))),
        # OR, which binds less than words side by side
        ("a OR b", Or((A, B))),
        ("a b OR c", Or((And((A, B)), C))),
        ("a (b OR c)", And((A, Or((B, C))))),
        ("a OR b OR c", Or((A, B, C))),
        ("a OR (b OR c)", Or((A, B, C))),
        ("a or b", And((A, term("or"), B))),
        ('a "OR" b', And((A, term("OR"), B))),
        ("ORa aOR", And((term("ORa"), term("aOR")))),
        # AND, which is what a blank is, and NOT, which is what a minus is
        ("a AND b", And((A, B))),
        ("a AND b OR c AND d", Or((And((A, B)), And((C, term("d")))))),
        ("a and b aAND ANDa", And((A, term("and"), B, term("aAND"), term("ANDa")))),
        ('a "AND" "NOT" b', And((A, term("AND"), term("NOT"), B))),
        ("a AND(b OR c)", And((A, Or((B, C))))),
        ("NOT a", Not(A)),
        ("a NOT b", And((A, Not(B)))),
        ("a AND NOT b", And((A, Not(B)))),
        ("a OR NOT b", Or((A, Not(B)))),
        ("not a NOTa", And((term("not"), A, term("NOTa")))),
        ("NOT(a OR b) c", And((Not(Or((A, B))), C))),
        ("NOT (a b)", Not(And((A, B)))),
        ('NOT "a b" NOT #x', And((Not(term("a b")), Not(tag("x"))))),
        ("NOT lang:en AND has:alt", And((Not(Filter("lang", ("en",))), Filter("has", ("alt",))))),
        ("NOT NOT a", A),
        ("NOT -a", A),
        ("-NOT a", A),
        # parentheses
        ("(a)", A),
        ("((a b)) c", And((A, B, C))),
        ("（a OR b）c", And((Or((A, B)), C))),
        ("a(b)c", And((A, B, C))),
        # minus
        ("-a", Not(A)),
        ("a －b −c", And((A, Not(B), term("−c")))),
        ("− a", And((term("−"), A))),
        ("-(a OR b)", Not(Or((A, B)))),
        ("--a", A),
        ("---a", Not(A)),
        ("-(-a)", A),
        ('-"a b"', Not(term("a b"))),
        ("-#x -lang:en", And((Not(tag("x")), Not(Filter("lang", ("en",)))))),
        ('"-a" a-', And((term("-a"), term("a-")))),
        # stars
        ("a*b", term("a", "b")),
        ("a＊b", term("a", "b")),
        ("*a**b*", term("a", "b")),
        ('"a * b"', term("a ", " b")),
        # hashtags
        ("#lake", tag("lake")),
        ("＃ハッシュタグ", tag("ハッシュタグ")),
        ("#a,#b,c", tag("a", "b", "c")),
        ("#a, #b.", And((tag("a"), tag("b")))),
        ("#covid-19 #c++ #🔥 #_ #1a", And((tag("covid-19"), tag("c++"), tag("🔥"), tag("_"), tag("1a")))),
        ("# #1 #1,2 #!", And((term("#"), term("#1"), term("#1,2"), term("#!")))),
        ("a#b", term("a#b")),
        ('tag:"climate change" tag:#x tag:2026', And((tag("climate change"), tag("x"), tag("2026")))),
        # operators
        ("from:@Alice.Example", Filter("author", ("alice.example",))),
        ("From：did:plc:AbC", Filter("author", ("did:plc:AbC",))),
        ("from:a.b,@c.d", Filter("author", ("a.b", "c.d"))),
        ("mentions:did:web:x.y", Filter("mention", ("did:web:x.y",))),
        ("lang:pt-BR,en", Filter("lang", ("pt-BR", "en"))),
        ('lang:"en"', Filter("lang", ("en",))),
        ("HAS:Image,ALT", Filter("has", ("image", "alt"))),
        ("is:reply", Filter("is", ("reply",))),
        ('domain:"example.com"', Filter("domain", ("example.com",))),
        ("domain:.gov.uk", Filter("domain", ("gov.uk",))),
        (
            "url:https://x.y/a_(b),c (url:x.y)",
            And((Filter("url", ("https://x.y/a_(b),c",)), Filter("url", ("x.y",)))),
        ),
        ("subject:at://did:plc:a/b/c,did:plc:d", Filter("subject", ("at://did:plc:a/b/c", "did:plc:d"))),
        ("from:https://bsky.app/profile/Alice.Example,at://c.d", Filter("author", ("alice.example", "c.d"))),
        ("mentions:https://bsky.app/profile/did:plc:AbC/?x=1", Filter("mention", ("did:plc:AbC",))),
        (
            "subject:at://Alice.example/app.bsky.feed.post/3K,@Bob.Example",
            Filter("subject", ("at://alice.example/app.bsky.feed.post/3K", "bob.example")),
        ),
        (
            "subject:https://bsky.app/profile/Alice.example/post/3k?x=1",
            Filter("subject", ("at://alice.example/app.bsky.feed.post/3k",)),
        ),
        (
            "subject:https://bsky.app/profile/did:plc:a/feed/x subject:https://bsky.app/profile/did:plc:a/lists/y",
            And(
                (
                    Filter("subject", ("at://did:plc:a/app.bsky.feed.generator/x",)),
                    Filter("subject", ("at://did:plc:a/app.bsky.graph.list/y",)),
                )
            ),
        ),
        ("subject:https://bsky.app/profile/did:plc:a", Filter("subject", ("did:plc:a",))),
        ("since:2026-07-01", Filter("since", ("2026-07-01T00:00:00Z",))),
        ("until:2026-07-01", Filter("until", ("2026-07-02T00:00:00Z",))),
        ("until:2026-07-01T12:00:00.5+02:00", Filter("until", ("2026-07-01T10:00:00.500000Z",))),
        ("until:9999-12-31", Filter("until", ("9999-12-31T23:59:59.999999Z",))),
        # labels
        ("label:toxic LABEL：a/b+c.d_e-f@g/h", And((label("toxic"), label("a/b+c.d_e-f@g/h")))),
        ("label:toxic>=0.70 label:toxic<.5,lang=ja", And((label("toxic>=0.7"), label("toxic<0.5", "lang=ja")))),
        ("label:toxic@model-x>1 -label:toxic=0.0", And((label("toxic@model-x>1"), Not(label("toxic=0.0"))))),
        ('label:"very toxic">=0.7 label:"very toxic"', And((label('"very toxic">=0.7'), label('"very toxic"')))),
        ("label:“a b”@„c d“<=1 label:a＝b", And((label('"a b"@"c d"<=1'), label('"a＝b"')))),
        ('label:"toxic>=0.7" label:"""a=b"""', And((label("toxic>=0.7"), label('"a=b"')))),
        ('label:a="0.7" label:a=0.7 label:a="x,y"', And((label('a="0.7"'), label("a=0.7"), label('a="x,y"')))),
        ("(label:a OR -label:b)c", And((Or((label("a"), Not(label("b")))), C))),
        ('self:porn,"graphic media"', Filter("self", ("porn", "graphic media"))),
        ("has:image(a)", And((Filter("has", ("image",)), A))),
        ("whoever-is:reply", term("whoever-is:reply")),
        ("exact:a", exact("a")),
        ('exact:"a * b" OR exact:“c”', Or((exact("a * b"), exact("c")))),
    ],
)
def test_a_text_is_understood(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", And(())),
        ("  ", And(())),
        (" a  b\n", exact("a  b")),
        ('-"a" OR #b * (from:c', exact('-"a" OR #b * (from:c')),
    ],
)
def test_an_exact_text_is_one_phrase(text, tree):
    assert parse(text, exact=True) == tree


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a b c d e f "a', "has an unclosed quote at character 13"),
        ("“a", "has an unclosed quote at character 1"),
        ('“a"', "has an unclosed quote at character 1"),
        ('5"', "has an unclosed quote at character 2"),
        ('a ""', "has empty quotes at character 3"),
        ("“”", "has empty quotes at character 1"),
        ("-", "has a - at character 1 with nothing right after it"),
        ("a - b", "has a - at character 3"),
        ("a -", "has a - at character 3"),
        ("- a", "has a - at character 1"),
        ("-- a", "has a - at character 2"),
        ("-OR", "has a - at character 1"),
        ("(-)", "has a - at character 2"),
        ("a OR", "has nothing after the OR at character 3"),
        ("OR a", "has nothing before the OR at character 1"),
        ("OR", "has nothing before the OR at character 1"),
        ("a OR OR b", "has nothing after the OR at character 3"),
        ("(a OR) b", "has nothing after the OR at character 4"),
        ("(OR a)", "has nothing before the OR at character 2"),
        ("a OR", 'to search for the word write "OR"'),
        ("a AND", "has nothing after the AND at character 3"),
        ("AND a", 'has nothing before the AND at character 1; to search for the word write "AND"'),
        ("AND", "has nothing before the AND at character 1"),
        ("a AND AND b", "has nothing after the AND at character 3"),
        ("a AND OR b", "has nothing after the AND at character 3"),
        ("a OR AND b", "has nothing after the OR at character 3"),
        ("(a AND) b", "has nothing after the AND at character 4"),
        ("(AND a)", "has nothing before the AND at character 2"),
        ("NOT", 'has nothing after the NOT at character 1; to search for the word write "NOT"'),
        ("a NOT", "has nothing after the NOT at character 3"),
        ("NOT OR a", "has nothing after the NOT at character 1"),
        ("NOT AND a", "has nothing after the NOT at character 1"),
        ("(NOT)", "has nothing after the NOT at character 2"),
        ("a AND NOT", "has nothing after the NOT at character 7"),
        ("NOT - a", "has a - at character 5"),
        ("-AND a", "has a - at character 1"),
        ("(", "opens a parenthesis at character 1 that is not closed"),
        ("()", "has nothing in the parentheses at character 1"),
        ("a (b", "opens a parenthesis at character 3 that is not closed"),
        ("a) b", "closes a parenthesis that is not open at character 2"),
        (")", "closes a parenthesis that is not open at character 1"),
        ("a *", "has nothing but * at character 3"),
        ('"**"', "has nothing but * at character 1"),
        ("a has:banana", f"says has: at character 3, which takes {FILTERS['has'].value.takes}, not 'banana'"),
        ("is:x", "one of reply, original, quote, not 'x'"),
        ("lang: en", "says lang: at character 1, which takes a language code like en or pt-BR; to search for these"),
        ("lang:en,", "takes a language code"),
        ("lang:e_n", "not 'e_n'"),
        ("from:a/b", "takes a handle like alice.bsky.social, a DID, or the URL of a profile at bsky.app, not 'a/b'"),
        ("label:a>=2", f"says label: at character 1, which takes {FILTERS['label'].value.takes}, not 'a>=2'"),
        ("label:", f"takes {FILTERS['label'].value.takes};"),
        *(
            (f"label:{wrong}", "takes a label")
            for wrong in ["a>", "@b", "a@", "a>=x", "a=", "a!=b", "a=>1", "a==b", "<1"]
        ),
        ('label:"a', "has an unclosed quote at character 7"),
        ('label:a="b', "takes a label"),
        ("self:", "takes an author's own label"),
        ("since:yesterday", "takes a date like 2026-07-01 or a time like 2026-07-01T12:00:00Z, not 'yesterday'"),
        ("until:2026-02-30", "not '2026-02-30'"),
        ("since:0001-01-01T00:00+01:00", "takes the years 1 to 9999"),
        ("domain:https://x.y/z", "takes a domain like example.com"),
        ("subject:at://alice/b/c", "takes a URI like"),
        ("subject:https://bsky.app/profile/alice.example/post/", "takes a URI like"),
        ("subject:https://other.example/profile/alice.example/post/3k", "takes a URI like"),
        ("from:https://bsky.app/profile/alice.example/post/3k", "takes a handle like"),
        ("tag:#", "takes a hashtag"),
        ('tag:"a\nb"', "takes a hashtag"),
        ("exact:", "says exact: at character 1, which takes a phrase"),
        ('exact:" "', "which takes a phrase"),
        ("a\0b", "has NUL at character 2"),
        ("a \ud800", "has half of a surrogate pair at character 3"),
        (f"a {chr(0xDCFF)}", "has half of a surrogate pair at character 3"),  # a byte of a shell that is no UTF-8
    ],
)
def test_what_cannot_be_understood_is_named_with_its_place(text, message):
    with pytest.raises(QueryError, match=re.escape(message)):
        parse(text)


def test_nul_is_refused_in_an_exact_text_too():
    with pytest.raises(QueryError, match="NUL"):
        parse("a\0", exact=True)


def test_the_limits_name_the_number_and_the_limit():
    parse("x" * MAX_CHARACTERS)
    with pytest.raises(QueryError, match="is 2001 characters long, at most 2000 are allowed"):
        parse("x" * (MAX_CHARACTERS + 1))
    with pytest.raises(QueryError, match="2001 characters"):
        parse("x" * (MAX_CHARACTERS + 1), exact=True)
    for unit in ("x ", "#x ", "x*y ", "lang:en,de "):
        size = 1 + unit.count("*") + unit.count(",")
        parse(unit * (MAX_TERMS // size))
        with pytest.raises(QueryError, match=r"has 5[12] terms and values, at most 50 are allowed"):
            parse(unit * (MAX_TERMS // size + 1))
    parse("(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH)
    with pytest.raises(QueryError, match="has more than 20 nested parentheses at character 21"):
        parse("(" * (MAX_DEPTH + 1) + "x" + ")" * (MAX_DEPTH + 1))


def test_no_depth_of_signs_is_too_much_for_the_parser():
    assert parse("-" * 1999 + "a") == Not(A)
    assert parse("NOT " * 399 + "a") == Not(A)
    for text in (
        "(" * 2000,
        ")" * 2000,
        "-(" * 1000,
        '"' * 1999,
        "“" * 2000,
        "url:" + "(" * 1990,
        "#" * 2000,
        "a" + "," * 1999,
    ):
        try:
            parse(text)
        except QueryError:
            continue


SIGNS = st.sampled_from(
    ['"', "“", "”", "„", "＂", "(", ")", "（", "-", "−", "*", "#", " OR ", " AND ", " NOT ", " ", "　", ",", ":", '""']
)
NAMES = st.sampled_from([f"{kind.operator}:" for kind in FILTERS.values()] + ["exact:", "From：", "x:"])
PIECES = st.one_of(
    SIGNS, NAMES, st.text(max_size=3), st.sampled_from(["en", "did:plc:a", "2026-07-01", "image", "a.b"])
)


@settings(max_examples=200)
@given(st.lists(PIECES, max_size=12).map("".join))
@example("a\ud800")
def test_any_text_is_understood_or_refused(text):
    """And what is understood reads the same once it is written out."""
    try:
        tree = parse(text)
    except QueryError:
        return
    assert parse(render(tree)) == tree
    assert render(parse(render(tree))) == render(tree)


PARTS = st.text(st.characters(exclude_characters="*＊\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
PLAIN = st.builds(Term, st.lists(PARTS, min_size=1, max_size=3).map(tuple), st.just(False))
WHOLE = (
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
    .map(str.strip)
    .filter(bool)
    .map(exact)
)
# Of names, models and values: whatever is not blank at an end.
LABEL_TEXTS = st.text(
    st.sampled_from('ab日éA10.-_/+ @<>=!"“”,(){}#:；*\\%') | st.characters(exclude_categories=["Cs", "Cc"]),
    min_size=1,
    max_size=6,
).filter(lambda text: text.strip() == text)
VALUES = {
    "author": st.sampled_from(["alice.example", "did:plc:abc", "did:web:x.y%3A1", "a-b.c-d"]),
    "mention": st.sampled_from(["alice.example", "did:plc:abc"]),
    "lang": st.sampled_from(["en", "pt-BR", "EN"]),
    "tag": st.sampled_from(
        ["lake", "a b", "a,b", "1", "c++", "a!", 'x"y', "日本", "(x)", "a#b", "OR", "AND", "“x”", "🔥", "-x"]
    ),
    "domain": st.sampled_from(["example.com", "日本.jp", "localhost", "a(b", 'x"y']),
    "url": st.sampled_from(["https://x.y/a,b", "x.y/(a)", "x.y/a)b", 'x"y', "https://日本.jp/?q=1#z", '"', ","]),
    "has": st.sampled_from(["image", "alt"]),
    "is": st.sampled_from(["reply", "quote"]),
    "subject": st.sampled_from(["did:plc:abc", "at://did:plc:abc/app.bsky.feed.post/3abc", "at://a.b/c.d/e", "a.b"]),
    "label": st.builds(Wanted, LABEL_TEXTS, LABEL_TEXTS | st.just(""), st.sampled_from(SCORES), st.floats(0, 1)).map(
        write_wanted
    )
    | st.builds(lambda name, value: write_wanted(Wanted(name, "", "=", None, value)), LABEL_TEXTS, LABEL_TEXTS)
    | st.builds(lambda name, model: write_wanted(Wanted(name, model)), LABEL_TEXTS, LABEL_TEXTS | st.just("")),
    "self": st.sampled_from(["porn", "graphic-media", "a,b", 'x"y', "!x", "(a)"]),
    "since": st.sampled_from(["2026-07-01T00:00:00Z", "0001-01-01T00:00:00Z"]),
    "until": st.sampled_from(["2026-07-01T12:00:00.000001Z", "9999-12-31T23:59:59.999999Z"]),
}
ANY_FILTER = st.sampled_from(sorted(VALUES)).flatmap(
    lambda kind: st.lists(VALUES[kind], min_size=1, max_size=3, unique=True).map(lambda v: Filter(kind, tuple(v)))
)


def negated(node):
    return node.node if isinstance(node, Not) else Not(node)


TREES = st.recursive(
    PLAIN | WHOLE | ANY_FILTER,
    lambda inner: st.one_of(
        inner.map(negated),
        st.lists(inner, min_size=2, max_size=4).map(and_of),
        st.lists(inner, min_size=2, max_size=4).map(or_of),
    ),
    max_leaves=7,
)


@settings(max_examples=150)
@given(TREES)
def test_any_tree_can_be_written_out(tree):
    assert parse(render(tree)) == tree


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("  a   b ", "a b"),
        ('"a" "b c" "OR" "-x" "#y" "lang:en"', 'a "b c" "OR" "-x" "#y" "lang:en"'),
        ('"AND" AND NOT "NOT"', '"AND" -"NOT"'),
        ("(a b) (c)", "a b c"),
        ("(a b) OR (c d)", "a b OR c d"),
        ("(a OR b) c", "(a OR b) c"),
        ("-(a b) --c", "-(a b) c"),
        ("“a ＊ b”", '"a * b"'),
        ("LANG：EN,de", "lang:EN,de"),
        ("＃lake!,", "#lake"),
        ('tag:"a b",c', 'tag:"a b","c"'),
        ("from:@Alice.Example", "from:alice.example"),
        ("until:2026-07-01", "until:2026-07-02T00:00:00Z"),
        ('exact:"a"', "exact:a"),
    ],
)
def test_a_query_is_written_with_the_fewest_signs(text, out):
    assert render(parse(text)) == out


def test_more_values_than_a_text_may_have_are_counted():
    assert render(Filter("author", tuple(map(str, range(MAX_RENDERED + 1))))) == "from:(51 values)"


def test_terms_are_those_asked_for_in_order_each_once():
    tree = parse('b a (c OR b) -d -(e OR -f) exact:g "h*i"')
    assert [render(one) for one in terms(tree)] == ["b", "a", "c", "exact:g", "h*i"]
    assert terms(parse("lang:en")) == ()


def examples():
    """The queries in the first column of the tables of the page."""
    return re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), re.MULTILINE)


def test_the_page_of_the_syntax_has_every_operator():
    shown = " ".join(examples())
    assert [kind.operator for kind in FILTERS.values() if f"{kind.operator}:" not in shown] == []
    assert "exact:" in shown


@pytest.mark.parametrize("text", examples())
def test_every_example_of_the_page_is_understood(text):
    tree = parse(text)
    assert tree != And(())
    assert parse(render(tree)) == tree
