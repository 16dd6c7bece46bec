"""The messages of make demo and make run: where to look, what is kept, how to remove it."""

import os
from pathlib import Path

from deploy.local.child import ROOT


def by_hand(folder: Path, command: str) -> str:
    return f"(. {os.path.relpath(folder, ROOT)}/env && .venv/bin/python manage.py {command})"


def welcome(folder: Path, port: str, admin: str) -> str:
    site = f"http://localhost:{port}"
    return f"""
  Page      {site}/
  Search    curl '{site}/search?text=time'
  Admin     {site}/admin/   {admin}
  Logs      {os.path.relpath(folder, ROOT)}/log/
  By hand   {by_hand(folder, "inspect_buffer")}
  Stop      Ctrl-C
"""


def farewell(name: str, folder: Path) -> str:
    kept = os.path.relpath(folder, ROOT)
    remove = "make clean" if name == "demo" else f"rm -rf {kept}"
    return f"Stopped. All data is kept in {kept}: make {name} goes on from there, {remove} removes it."
