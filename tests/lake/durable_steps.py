"""What a test sees of the order in which a writer makes things durable: fsyncs, renames, commits, trims."""

import os
from pathlib import Path


class Steps:
    """In order, as text: `synced a`, `renamed a to b`, `renamed unsynced a to b` if a has grown since its
    sync, and what `note()` adds. Paths are below `root`, which is `.` itself."""

    def __init__(self, root, monkeypatch):
        self.root, self.monkeypatch, self.done = root, monkeypatch, []
        self._synced = {}  # by inode: the size that the disk has for sure
        for name, seen in (("fsync", self._see_sync), ("rename", self._see_rename)):
            monkeypatch.setattr(os, name, seen(getattr(os, name)))

    def note(self, owner, name, step):
        """Adds the step after each call."""
        call = getattr(owner, name)

        def noted(*args, **kwargs):
            result = call(*args, **kwargs)
            self.done.append(step)
            return result

        self.monkeypatch.setattr(owner, name, noted)

    def _see_sync(self, fsync):
        def synced(descriptor):
            fsync(descriptor)
            status = os.fstat(descriptor)
            self._synced[status.st_ino] = status.st_size
            self.done.append(f"synced {self._named(Path(f'/proc/self/fd/{descriptor}').readlink())}")

        return synced

    def _see_rename(self, rename):
        def renamed(old, new):
            status = Path(old).stat()
            whole = self._synced.get(status.st_ino, status.st_size) == status.st_size
            rename(old, new)
            self.done.append(f"renamed {'' if whole else 'unsynced '}{self._named(old)} to {self._named(new)}")

        return renamed

    def _named(self, path):
        path = Path(path)
        return str(path.relative_to(self.root) if path.is_relative_to(self.root) else path)
