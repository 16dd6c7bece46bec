from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ingest.simulator.world.people import Person
from ingest.simulator.world.texts import PostText, Writer
from ingest.simulator.world.vocabulary import LANGUAGES, VOCABULARY_SIZE, words

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.lists(TEXT))
def test_a_facet_covers_the_bytes_of_what_was_added(beginning, additions):
    draft = PostText(beginning)
    for shown in additions:
        draft.add(shown, {"tag": shown})
    text = draft.text.encode()
    covered = [text[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode() for facet in draft.facets]
    assert covered == additions


@given(TEXT)
def test_without_a_feature_there_is_no_facet(shown):
    draft = PostText("water")
    draft.add(shown, None)
    assert (draft.text, draft.facets) == (f"water {shown}", [])


def test_a_nul_occurs_very_rarely():
    writer, person = Writer(Random(1).random), Person(seed=1, serial=1, place=1)
    texts = [writer.post_text(person, lambda: person).text for _ in range(20_000)]
    assert 1 <= sum("\0" in text for text in texts) < 20


def test_every_language_has_a_vocabulary_with_rare_words():
    assert sum(language.share for language in LANGUAGES) == 100
    for number in range(len(LANGUAGES)):
        assert len(words(number)) == VOCABULARY_SIZE
        assert len(set(words(number))) > VOCABULARY_SIZE / 2
