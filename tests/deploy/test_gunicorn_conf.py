"""The web server as it is started by hand: with the settings of .env, as every other command."""

import os
import subprocess
import sys

import pytest

from deploy.local.child import ROOT

PRINT = "import runpy, sys; print(runpy.run_path(sys.argv[1])['bind'])"


@pytest.mark.parametrize(
    ("port", "says"),
    [("", "0.0.0.0:8000"), ("8123", "0.0.0.0:8123"), ("http", "Configuration: WEB_PORT='http' is not allowed")],
)
def test_it_listens_where_the_settings_say(tmp_path, port, says):
    own = {"PATH": os.environ["PATH"], "WEB_PORT": port}
    line = [sys.executable, "-c", PRINT, ROOT / "deploy" / "gunicorn.conf.py"]
    ran = subprocess.run(line, cwd=tmp_path, env=own, capture_output=True, text=True)
    assert (ran.stdout + ran.stderr).startswith(says)
