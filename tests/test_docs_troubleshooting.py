"""docs/troubleshooting.md quotes messages as the code has them."""

import ast
import re

import pytest

from tests.test_architecture import MODULES, ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
OURS = PAGE.partition("\n## Containers\n")[0]  # below: messages of Docker and others
MESSAGES = [
    message for line in re.findall(r"^\| (`.*?) \| ", OURS, re.MULTILINE) for message in re.findall("`([^`]+)`", line)
]


def said():
    """All texts in the code; what is filled in is an ellipsis."""
    for path in [*MODULES, ROOT / "manage.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else "..." for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


TEXTS = "\n".join(said())


@pytest.mark.parametrize("message", MESSAGES)
def test_each_message_is_one_that_the_code_has(message):
    pieces = [piece.strip(" '(),.:=") for piece in message.split("...")]
    missing = [piece for piece in pieces if len(piece) > 5 and piece not in TEXTS]
    assert missing == []


def test_there_are_at_least_twenty():
    assert len(MESSAGES) >= 20
