"""The URL of the page: parameters named as in the API, so that it is a permalink. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

_PLACE = ("page", "token")  # of a page of hits: another question begins at its first page
_READABLE = ":/,@*()\"'"


class Address(NamedTuple):
    """Values by parameter, none of them empty."""

    values: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, values: Mapping[str, Sequence[str]]) -> "Address":
        kept = {name: tuple(dict.fromkeys(filter(None, texts))) for name, texts in values.items()}
        return cls({name: texts for name, texts in kept.items() if texts})

    def all(self, name: str) -> tuple[str, ...]:
        return self.values.get(name, ())

    def first(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    def without(self, *names: str) -> "Address":
        return Address({name: texts for name, texts in self.values.items() if name not in names})

    def having(self, **changes: str | Sequence[str]) -> "Address":
        """With these values in place of the present ones; an empty one removes the parameter. From page one."""
        new = {name: (texts,) if isinstance(texts, str) else texts for name, texts in changes.items()}
        return Address.of({**self.without(*_PLACE).values, **new})

    def including(self, name: str, value: str) -> "Address":
        """With that value beside the present ones, and no longer excluded."""
        others = [text for text in self.all(name) if text != f"-{value}"]
        return self.having(**{name: [*others, value]})

    def excluding(self, name: str, value: str) -> "Address":
        others = [text for text in self.all(name) if text != value]
        return self.having(**{name: [*others, f"-{value}"]})

    def removing(self, name: str, value: str) -> "Address":
        return self.having(**{name: [text for text in self.all(name) if text != value]})

    def only(self, names: Iterable[str]) -> "Address":
        chosen = set(names)
        return Address({name: texts for name, texts in self.values.items() if name in chosen})

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(name, text) for name, texts in self.values.items() for text in texts]

    @property
    def query(self) -> str:
        return urlencode(self.pairs, safe=_READABLE.replace('"', "").replace("'", ""), errors="replace")

    def at(self, path: str = "/") -> str:
        return f"{path}?{self.query}" if self.values else path
