"""Languages: common words as a list, rare ones made of syllables."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

VOCABULARY_SIZE = 20_000  # words per language: the rarest comes once in some hundred thousand words


@dataclass(frozen=True)
class Language:
    """As languages.toml describes it."""

    share: int
    tags: list[str]
    common: str
    syllables: str
    space: str
    stops: list[str]


_LANGUAGES = tomllib.loads(Path(__file__).with_name("languages.toml").read_text("utf-8"))["language"]
LANGUAGES = tuple(Language(**described) for described in _LANGUAGES)

_EMOJI = (
    "😀 😂 🥲 😍 🔥 ✨ 💦 🎉 ❤️ 🌊 ☕ 🐈‍⬛ 🏳️‍🌈 👩‍💻 👨‍👩‍👧‍👦 🧑🏽‍🚀 👍🏿 🇯🇵 🇧🇷 🇺🇦 1️⃣ 🫠 "
    "🦋 ☀️ 🎮 (´・ω・`) ¯\\_(ツ)_/¯ ♡ ★ → <3 &amp; é"
)
EMOJI = tuple(_EMOJI.split())


_SHORT_WORDS = 1_200  # frequent words are short


@cache
def words(number: int) -> tuple[str, ...]:
    """All words of `LANGUAGES[number]`, the most frequent first: the same on any machine and in any run."""
    language = LANGUAGES[number]
    common, syllables = tuple(language.common.split()), language.syllables.split()
    rare = tuple(_rare(rank, syllables) for rank in range(VOCABULARY_SIZE - len(common)))
    return common + rare


def _rare(rank: int, syllables: list[str]) -> str:
    mixed, size = rank * 2_654_435_761 % 2**32, len(syllables)  # words of similar rank must not look alike
    word = syllables[mixed % size] + syllables[mixed // 64 % size]
    return word if rank < _SHORT_WORDS else word + syllables[mixed // 4096 % size]
