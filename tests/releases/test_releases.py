"""The lake of each earlier release is read, verified and compacted by the code of now, and answers as it did then."""

import json
import os
import re
import subprocess
import sys
import tarfile

import pytest

from deploy.local.child import ROOT
from tests.releases.__main__ import FOLDER, LARGEST

ARCHIVES = sorted(FOLDER.glob("*.tar.xz"))
TOO_OLD = "0.1"  # CHANGELOG.md, 0.2: its lake must be created anew
UPGRADE = """
import json
import sys
import django
django.setup()
from django.core.management import call_command
from tests.releases.questions import answers

call_command("migrate", verbosity=0)
before = answers()
if "-index-" not in sys.argv[1]:  # an index of another version is a difference until it is built again
    call_command("verify_lake", "--cids", "20")
call_command("compact_lake", "--once")
after = answers()
call_command("verify_lake", "--cids", "20")
print(json.dumps([before, after]))
"""


def upgraded(folder, archive):
    with tarfile.open(archive) as file:
        file.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.2 has none
        file.extractall(folder)
    own = {
        "PATH": os.environ["PATH"],
        "DJANGO_DEBUG": "true",
        "DJANGO_SETTINGS_MODULE": "explorer.settings",
        "DATABASE_PATH": str(folder / "catalog.sqlite3"),
        "LAKE_ROOT": str(folder / "files"),
        "SWEEP_GRACE_SECONDS": "0",
        "METRICS_PORT_COMPACTOR": "0",
    }
    return subprocess.run(
        [sys.executable, "-c", UPGRADE, archive.name], cwd=ROOT, env=own, capture_output=True, text=True, check=False
    )


# The newest one was made by code like that of now.
OLDER = [pytest.param(path, marks=pytest.mark.slow) if path == ARCHIVES[-1] else path for path in ARCHIVES]


@pytest.mark.parametrize("archive", OLDER, ids=lambda path: path.name)
def test_a_lake_of_an_earlier_release_answers_as_it_did(tmp_path, archive):
    assert archive.stat().st_size < LARGEST
    ran = upgraded(tmp_path, archive)
    assert ran.returncode == 0, ran.stderr
    before, after = json.loads(ran.stdout.splitlines()[-1])
    then = json.loads((tmp_path / "answers.json").read_text())
    assert {question: before[question] for question in then} == then
    assert {question: after[question] for question in then} == then
    assert len(list((tmp_path / "files/posts").rglob("c-*.parquet"))) >= 2, "it was compacted"


def test_each_released_version_has_its_lake():
    released = re.findall(r"^## (\d\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert {f"{version}.tar.xz" for version in released if version != TOO_OLD} <= {path.name for path in ARCHIVES}
