"""The language of a post's text, as its text says and not its author's app: `label_posts --with
lake.labels.language:detect`. Needs py3langid, whose model is inside it."""

import re
from functools import cache
from typing import Any

import pyarrow as pa

from lake.errors import LakeError

name = "lang"  # of its labels
model = "py3langid"
version = "0.4.0"

UNKNOWN = "und"  # of texts with too few letters, and where the model is not sure
FEWEST_LETTERS = 3
SURE = 0.5
# Links, mentions and hashtags are in no language.
_NO_LANGUAGE = re.compile(r"(?:https?://|www\.)\S+|[@#＃]\S+|\S+\.(?:com|org|net|social)\S*")


def detect(posts: pa.Table) -> list[str]:
    """A code like en, ja or pt for each post, or `und`. Raises LakeError without py3langid."""
    identify = _identifier()
    return [_language(text or "", identify) for text in posts["text"].to_pylist()]


def _language(text: str, identify: Any) -> str:
    words = _NO_LANGUAGE.sub(" ", text)
    if sum(character.isalpha() for character in words) < FEWEST_LETTERS:
        return UNKNOWN
    code, sure = identify.classify(words)
    return str(code) if sure >= SURE else UNKNOWN


@cache
def _identifier() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as error:
        raise LakeError(
            "Languages are found by py3langid, which is not installed: pip install -r requirements-labels.txt."
        ) from error
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
