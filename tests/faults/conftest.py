"""Stacks on a recorded disk, and stacks on what a power loss has left of it."""

import pytest

from tests.end_to_end.conftest import template  # noqa: F401
from tests.end_to_end.stack import Stack
from tests.end_to_end.stream import START_US
from tests.faults.machine import install


@pytest.fixture
def make_stack(tmp_path, template):  # noqa: F811
    """Makes a stack with a running Redis; all of it is killed at the end of the test. `left`: what a power loss has
    left of another one."""
    stacks = []

    def make(url, left=None, start_us=START_US, folder=None, **variables):
        stack = Stack(folder or tmp_path / f"stack-{len(stacks)}", template, url, start_us, **variables)
        stacks.append(stack)
        if left:
            return install(left, stack)
        stack.redis.start()
        return stack

    yield make
    for stack in stacks:
        stack.end()
