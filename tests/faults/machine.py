"""A machine whose power fails: all that a stack has is on a recorded disk, and a stack starts on what is left of it."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.redis_process import RedisError
from tests.end_to_end.stack import Stack
from tests.faults import journal
from tests.faults.journal import Operation
from tests.faults.power_loss import Disk, Survivors, nothing_more
from tests.faults.recorded_disk import RecordedDisk

STACK = "stack"  # the folder of the stack on the disk
Choose = Callable[[Disk], Survivors]


@dataclass
class Recording:
    """`cuts`: how many operations there were at each step. `frames`: all that came until the end, and `url` where they
    come again."""

    disk: RecordedDisk
    cuts: dict[str, int] = field(default_factory=dict)
    batches: int = 0  # committed at the end
    frames: list[bytes] = field(default_factory=list)
    url: str = ""

    def cut(self, step: str) -> None:
        self.cuts[step] = self.disk.position()

    def until(self, step: str) -> list[Operation]:
        return list(journal.read(self.disk.journal))[: self.cuts[step]]

    def between(self, first: str, last: str, share: float) -> list[Operation]:
        """Up to some moment between two steps."""
        low, high = self.cuts[first], self.cuts[last]
        return self.until(last)[: low + int((high - low) * share)]


def lose_power(done: Sequence[Operation], target: Path, choose: Choose = nothing_more) -> Path:
    """After these operations. Returns the folder of the stack as the machine finds it."""
    disk = Disk().play(done)
    disk.write(target, choose(disk))
    return target / STACK


def install(left: Path, stack: Stack) -> Stack:
    """Puts what a power loss has left in the place of the new stack's files, and starts its Redis."""
    stack.database.unlink()
    for path in left.iterdir():
        if path.is_dir() and path.name in ("lake", "redis"):
            shutil.copytree(path, stack.folder / path.name, dirs_exist_ok=True)
        elif path.is_file() and path.name.startswith(stack.database.name):
            shutil.copyfile(path, stack.folder / path.name)
    start_redis(stack)
    return stack


def start_redis(stack: Stack) -> None:
    """If it can't load its log, because the loss took writes in its midst, it is wiped as docs/operations.md says."""
    try:
        stack.redis.start()
    except RedisError as error:
        if "Bad file format" not in str(error):
            raise
        shutil.rmtree(stack.redis.folder)
        stack.redis.start()


def must_catch_up(stack: Stack, frames: list[bytes]) -> None:
    """Started again, it fetches what is missing: all is there once, shows as it should, and verify_lake agrees."""
    stack.settle(frames, stack.consumer(), stack.flusher())
    stack.lake.must_show(frames)
    must_verify(stack)


def must_verify(stack: Stack) -> None:
    verified = stack.start("verify_lake", "--cids", "2", prefix=())
    assert verified.await_end() == 0, verified.text
