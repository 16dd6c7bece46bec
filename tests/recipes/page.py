"""The blocks of docs/recipes.md, and how they are run."""

import os
import re
import subprocess
import sys

from deploy.local.child import ROOT

PAGE = (ROOT / "docs" / "recipes.md").read_text()


def sections(text):
    """The blocks under each heading: (language, text)."""
    parts = re.split(r"^###? (?:\d+\. )?(.+)$", text, flags=re.MULTILINE)
    return {
        title: re.findall(r"^```(\w+)\n(.*?)^```", below, re.DOTALL | re.MULTILINE)
        for title, below in zip(parts[1::2], parts[2::2], strict=True)
    }


SECTIONS = sections(PAGE)
PREAMBLE = re.findall(r"```python\n(.*?)```", PAGE.partition("\n## ")[0], re.DOTALL)[0]


class Service:
    """A web server over the lake of a folder. `begun`: recipes whose first block was run when half of the events were
    there, and `old`: an export of that time, as CSV. `labelled`: URI and rev of the posts with a label of politics.
    `handles`: of all people."""

    def __init__(self, web, folder, redis_url):
        self.web, self.folder, self.redis_url = web, folder, redis_url
        self.begun, self.old, self.labelled = {}, b"", set()
        self.handles = set()

    def command(self, *words, cwd=ROOT):
        self.shell(f"python manage.py {' '.join(words)}", cwd)

    def shell(self, text, cwd):
        """Runs these lines, for this service; a line that fails fails the test."""
        own = {
            "PATH": os.environ["PATH"],
            "REDIS_URL": self.redis_url,
            "DATABASE_PATH": str(self.folder / "catalog.sqlite3"),
            "LAKE_ROOT": str(self.folder / "lake"),
        }
        text = self.here(text).replace("curl ", "curl --silent --show-error ")
        text = text.replace("python manage.py", f"{sys.executable} {ROOT / 'manage.py'}")
        done = subprocess.run(["sh", "-ec", text], cwd=cwd, env=own, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    def here(self, text):
        return text.replace("http://localhost:8000", f"http://127.0.0.1:{self.web.port}")


class Run:
    """The blocks of a section, run in the present folder: what its variables are, and its files."""

    def __init__(self, title, service, folder, given):
        self.service, self.folder, self.found = service, folder, dict(given)
        self._left = list(SECTIONS[title])
        exec(service.here(PREAMBLE), self.found)

    def step(self):
        """Runs the next block."""
        language, text = self._left.pop(0)
        if language == "sh":
            self.service.shell(text, self.folder)
        else:
            exec(self.service.here(text), self.found)

    def finish(self):
        while self._left:
            self.step()
        return self

    def __getitem__(self, name):
        return self.found[name]

    def ids(self, name, column="id"):
        values = list(self.found[name][column])
        assert len(values) == len(set(values))
        return set(values)


def check(title, checks):
    """Registers what compares a recipe's result with the events."""

    def register(test):
        checks[title] = test
        return test

    return register
