"""A file system in user space (FUSE) over a folder, in a process of its own. It journals each change, and fails where
it is told to. `python -m tests.faults.filesystem FOLDER MOUNT JOURNAL`

Extended attributes of its root are how a test speaks to it: `user.fault` sets a fault, `user.fired` says how often that
has failed an operation since, `user.position` how many operations the journal has, and
setting `user.sync` makes all durable that is there.
"""

import json
import os
import stat
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO

import mfusepy

from tests.faults import journal
from tests.faults.faults import Fault
from tests.faults.journal import ROOT, Create, Link, Remove, Rename, Sync, SyncAll, Truncate, Write

STAT = ("st_mode", "st_ino", "st_nlink", "st_uid", "st_gid", "st_size", "st_blocks")
TIMES = ("st_atime", "st_mtime", "st_ctime")
STATVFS = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail", "f_namemax")


class Recorder(mfusepy.Operations):  # type: ignore[misc]
    """`backing`: where all files are meanwhile."""

    use_ns = True

    def __init__(self, backing: Path, file: BinaryIO) -> None:
        self._backing, self._file = str(backing), file
        self._position = self._last = 0
        self._numbers = {backing.stat().st_ino: ROOT}
        self._open: dict[int, tuple[int, str]] = {}  # number and path, by descriptor
        self._fault, self._counted, self._fired = Fault(), 0, 0
        self._note_existing(backing)

    def _note_existing(self, backing: Path) -> None:
        for path in sorted(backing.rglob("*")):
            name = f"/{path.relative_to(backing)}"
            number = self._note_create(name, path.is_dir())
            if path.is_file():
                self._note(Write(number, 0, path.read_bytes()))
        self._note(SyncAll())

    def _note(self, operation: journal.Operation) -> None:
        journal.append(self._file, operation)
        self._position += 1

    def _note_create(self, path: str, folder: bool) -> int:
        self._last += 1
        self._numbers[os.lstat(self._backing + path).st_ino] = self._last
        self._note(Create(self._parent(path), os.path.basename(path), self._last, folder))
        return self._last

    def _number(self, path: str) -> int:
        return self._numbers[os.lstat(self._backing + path).st_ino]

    def _parent(self, path: str) -> int:
        return self._number(os.path.dirname(path))

    def _forget(self, path: str) -> None:
        """Before its last name goes: the kernel uses its inode number again."""
        status = os.lstat(self._backing + path)
        if status.st_nlink == 1 or stat.S_ISDIR(status.st_mode):
            self._numbers.pop(status.st_ino, None)

    def _may(self, kind: str, *paths: str) -> None:
        """Raises the error of the fault if it is this operation's turn."""
        fault = self._fault
        if kind in fault.kinds and any(fnmatch(path, fault.match) for path in paths):
            self._counted += 1
            if fault.first <= self._counted < fault.first + fault.times:
                self._fired += 1
                raise mfusepy.FuseOSError(fault.errno)

    # How a test speaks to it.

    def setxattr(self, path, name, value, options, position=0):
        if name == "user.sync":
            self._note(SyncAll())
            return
        assert name == "user.fault"
        self._fault, self._counted, self._fired = Fault(**json.loads(value)), 0, 0

    def getxattr(self, path, name, position=0):
        answers = {"user.fired": self._fired, "user.position": self._position}
        if path != "/" or name not in answers:
            raise mfusepy.FuseOSError(mfusepy.ENOATTR)
        self._file.flush()
        return str(answers[name]).encode()

    # What only reads.

    def init_with_config(self, conn_info, config_3):
        config_3.nullpath_ok = config_3.hard_remove = config_3.kernel_cache = True

    def getattr(self, path, fh=None):
        status = os.lstat(self._backing + path) if path is not None else os.fstat(fh)
        return {name: getattr(status, name) for name in STAT} | {name: getattr(status, f"{name}_ns") for name in TIMES}

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self._backing + self._open[fh][1])]

    def statfs(self, path):
        status = os.statvfs(self._backing + path)
        return {name: getattr(status, name) for name in STATVFS}

    def read(self, path, size, offset, fh):
        self._may("read", self._open[fh][1])
        return os.pread(fh, size, offset)

    # What changes names.

    def create(self, path, mode, fi=None):
        self._may("create", path)
        fh = os.open(self._backing + path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        self._open[fh] = self._note_create(path, folder=False), path
        return fh

    def mkdir(self, path, mode):
        self._may("mkdir", path)
        os.mkdir(self._backing + path, mode)
        self._note_create(path, folder=True)

    def mknod(self, path, mode, dev):
        """Sockets: a power loss leaves none that matters."""
        os.mknod(self._backing + path, mode, dev)

    def link(self, target, source):
        self._may("link", target, source)
        os.link(self._backing + source, self._backing + target)
        self._note(Link(self._parent(target), os.path.basename(target), self._number(target)))

    def unlink(self, path):
        self._may("unlink", path)
        self._forget(path)
        os.unlink(self._backing + path)
        self._note(Remove(self._parent(path), os.path.basename(path)))

    def rmdir(self, path):
        self._may("rmdir", path)
        parent = self._parent(path)
        number = self._number(path)
        os.rmdir(self._backing + path)
        self._numbers = {inode: known for inode, known in self._numbers.items() if known != number}
        self._note(Remove(parent, os.path.basename(path)))

    def rename(self, old, new):
        self._may("rename", old, new)
        if os.path.lexists(self._backing + new):
            self._forget(new)
        os.rename(self._backing + old, self._backing + new)
        names = (self._parent(old), os.path.basename(old)), (self._parent(new), os.path.basename(new))
        self._note(Rename(*names[0], *names[1]))
        self._open = {fh: (number, new if path == old else path) for fh, (number, path) in self._open.items()}

    # What changes content.

    def open(self, path, flags):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_TRUNC):
            self._may("open", path)
        # Who writes may also read, for pages that are mapped; O_APPEND would ignore the offsets that we are given.
        fh = os.open(self._backing + path, os.O_RDWR)
        self._open[fh] = self._number(path), path
        if flags & os.O_TRUNC:
            self._truncate(fh, 0)
        return fh

    def write(self, path, data, offset, fh):
        self._may("write", self._open[fh][1])
        written = os.pwrite(fh, data, offset)
        self._note(Write(self._open[fh][0], offset, data[:written]))
        return written

    def truncate(self, path, length, fh=None):
        if fh is not None:
            self._may("truncate", self._open[fh][1])
            self._truncate(fh, length)
            return
        self._may("truncate", path)
        os.truncate(self._backing + path, length)
        self._note(Truncate(self._number(path), length))

    def _truncate(self, fh: int, length: int) -> None:
        os.ftruncate(fh, length)
        self._note(Truncate(self._open[fh][0], length))

    def fallocate(self, path, mode, offset, size, fh):
        raise mfusepy.FuseOSError(95)  # EOPNOTSUPP: the C library writes in its place

    def fsync(self, path, datasync, fh):
        self._may("fsync", self._open[fh][1])
        self._note(Sync(*self._open[fh]))

    def fsyncdir(self, path, datasync, fh):
        path = self._open[fh][1]
        self._may("fsync", path)
        self._note(Sync(*self._open[fh]))

    def opendir(self, path):
        fh = os.open(self._backing + path, os.O_RDONLY | os.O_DIRECTORY)
        self._open[fh] = self._number(path), path
        return fh

    def release(self, path, fh):
        self._open.pop(fh, None)
        os.close(fh)

    releasedir = release

    def chmod(self, path, mode):
        os.chmod(self._backing + path, mode)

    def chown(self, path, uid, gid):
        os.chown(self._backing + path, uid, gid)

    def utimens(self, path, times=None):
        os.utime(self._backing + path, ns=times)


class Mounted(mfusepy.FUSE):  # type: ignore[misc]
    def truncate_fuse_3(self, path, length, fip):
        """With the descriptor, which the library leaves out."""
        fh = fip.contents.fh if fip else None
        return self.operations.truncate(None if path is None else path.decode(), length, fh)


def main() -> None:
    backing, mount, path = sys.argv[1:]
    with open(path, "wb") as file:
        Mounted(Recorder(Path(backing), file), mount, foreground=True, nothreads=True, default_permissions=True)


if __name__ == "__main__":
    main()
