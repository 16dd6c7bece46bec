"""Secrets from the environment, or from files that it names, as containers mount them: NAME or NAME_FILE."""

from collections.abc import Iterable, Mapping
from pathlib import Path


class SecretFileError(Exception):
    """Which variable is wrong, in one sentence that does not tell the secret."""


def read(name: str, variables: Mapping[str, str], default: str = "") -> str:
    """The value of `name`, or the content of the file that NAME_FILE names, without blanks and line breaks around it.
    A value that is the default, as in a copy of .env.example, counts as none."""
    path, value = variables.get(f"{name}_FILE", "").strip(), variables.get(name, "").strip() or default
    if not path:
        return value
    if value != default:
        raise SecretFileError(f"{name} and {name}_FILE are both set: set one of them.")
    return _content(f"{name}_FILE", path)


def resolved(names: Iterable[str], variables: Mapping[str, str]) -> dict[str, str]:
    """All variables, with the values of these secrets in place of the names of their files."""
    secrets = {name: read(name, variables) for name in names if variables.get(f"{name}_FILE", "").strip()}
    return {**variables, **secrets, **{f"{name}_FILE": "" for name in secrets}}


def _content(name: str, path: str) -> str:
    try:
        content = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise SecretFileError(f"{name}={path!r} can't be read ({reason}): name a file that has the secret.") from None
    if not content:
        raise SecretFileError(f"{name}={path!r} is empty: write the secret into this file.")
    return content
