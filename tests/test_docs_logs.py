"""docs/operations.md lists what is logged as a warning or an error, each under its level."""

import ast
import re

import pytest

from tests.test_architecture import MODULES, ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()
LEVELS = {"warning": "WARNING", "error": "ERROR", "exception": "ERROR", "critical": "ERROR"}


def said():
    """(level, event) of each warning and error in the code."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            function = getattr(node, "func", None)
            if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name | ast.Call):
                name = getattr(function.value, "id", None) or ast.unparse(function.value).partition("(")[0]
                first = node.args[0] if node.args else None
                if (
                    name in ("log", "structlog.get_logger")
                    and function.attr in LEVELS
                    and isinstance(first, ast.Constant)
                ):
                    yield LEVELS[function.attr], first.value


def listed():
    return set(re.findall(r"^\| (WARNING|ERROR) \| `([^`]+)` \|", PAGE, re.MULTILINE))


def test_each_warning_and_each_error_is_explained_under_its_level():
    assert set(said()) - listed() == set()


def test_nothing_is_explained_that_is_never_said():
    outside = {("WARNING", "request"), ("ERROR", "request"), ("ERROR", "unhandled error")}
    outside |= {("WARNING", "SENTRY_DSN is set, but its package is missing")}
    assert listed() - set(said()) <= outside


@pytest.mark.parametrize("level", ["INFO", "WARNING", "ERROR"])
def test_each_level_has_its_meaning(level):
    assert re.search(rf"^- \*\*{level}\*\*: \w", PAGE, re.MULTILINE)


def test_nothing_is_logged_below_info():
    calls = [path for path in MODULES if re.search(r"\blog\.debug\(", path.read_text())]
    assert calls == []
