"""Typed readers of environment variables. A wrong value is an error that names the variable, the value and what is
allowed."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import NoReturn

import environ
from django.core.exceptions import ImproperlyConfigured

from process import secret_files

_source = environ.Env()


DEFAULTS: dict[str, str] = {}  # of all that were read, for the test that compares .env.example


def load(dotenv: Path) -> None:
    """Reads the file, if it exists. Variables of the process take precedence."""
    if dotenv.is_file():
        environ.Env.read_env(dotenv)


def text(name: str, default: str, allowed: str = "any text", valid: Callable[[str], bool] = lambda _: True) -> str:
    DEFAULTS[name] = default
    value: str = _source.str(name, default=default).strip() or default
    return value if valid(value) else refuse(name, value, allowed)


def secret(name: str, allowed: str, valid: Callable[[str], bool] = lambda _: True, default: str = "") -> str:
    """As text, or the content of the file that NAME_FILE names. A wrong value is not repeated."""
    DEFAULTS[name], DEFAULTS[f"{name}_FILE"] = default, ""
    try:
        value = secret_files.read(name, os.environ, default)
    except secret_files.SecretFileError as error:
        raise ImproperlyConfigured(str(error)) from None
    return value if valid(value) else refuse(name, "...", allowed)


def flag(name: str, default: bool) -> bool:
    value = text(name, str(default).lower()).lower()
    if value in ("true", "1", "yes", "on"):
        return True
    return False if value in ("false", "0", "no", "off") else refuse(name, value, "true or false")


def integer(name: str, default: int, low: int, high: int) -> int:
    value = text(name, str(default))
    allowed = f"a whole number from {low} to {high}"
    if not re.fullmatch(r"-?\d{1,18}", value) or not low <= int(value) <= high:
        refuse(name, value, allowed)
    return int(value)


def decimal(name: str, default: float, low: float, high: float) -> float:
    value = text(name, f"{default:g}")
    allowed = f"a number from {low:g} to {high:g}"
    if not re.fullmatch(r"\d{1,12}(\.\d{1,6})?", value) or not low <= float(value) <= high:
        refuse(name, value, allowed)
    return float(value)


def choice(name: str, default: str, choices: Sequence[str]) -> str:
    return text(name, default, "one of " + ", ".join(choices), lambda value: value in choices)


def items(
    name: str, default: str, allowed: str = "any text", valid: Callable[[str], bool] = lambda _: True
) -> list[str]:
    """A comma-separated list; [] for an empty value."""
    values = [item.strip() for item in text(name, default).split(",") if item.strip()]
    wrong = [item for item in values if not valid(item)]
    return refuse(name, wrong[0], f"a comma-separated list of {allowed}") if wrong else values


def days(name: str, default: str, datasets: Iterable[str]) -> dict[str, int]:
    """A comma-separated list of a number for all datasets and `dataset:number` for one of them; the later one wins."""
    one = re.compile(rf"(?:({'|'.join(datasets)}):)?([1-9]\d{{0,3}})")
    allowed = "days, for all datasets or for one, such as 30 or likes:7"
    found = [one.fullmatch(text) for text in items(name, default, allowed, lambda text: bool(one.fullmatch(text)))]
    return {dataset: int(item[2]) for item in found if item for dataset in ([item[1]] if item[1] else datasets)}


def networks(name: str, default: str) -> list[IPv4Network | IPv6Network]:
    """A comma-separated list; an address is a network of one."""
    return [
        ip_network(item)
        for item in items(name, default, "addresses and networks such as 192.0.2.7 or 10.0.0.0/8", _is_network)
    ]


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def path(name: str, default: str, base: Path) -> Path:
    """A path, relative to `base` unless absolute."""
    return base / text(name, default)


def refuse(name: str, value: str, allowed: str) -> NoReturn:
    raise ImproperlyConfigured(f"{name}={value!r} is not allowed: it takes {allowed}.")
