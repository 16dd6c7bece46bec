"""The same query elsewhere: lines to copy for a shell, for Python and for R. Pure."""

import json
import shlex
from typing import NamedTuple


class Recipe(NamedTuple):
    name: str
    lines: str


def recipes(export: str, *, needs_key: bool) -> list[Recipe]:
    """`export`: the URL of an export, with its host, and without its format. It is ASCII, as it is encoded."""
    both = "&" if "?" in export else "?"
    csv, parquet = (f"{export}{both}format={form}" for form in ("csv", "parquet"))
    return [
        Recipe("curl", _curl(csv, needs_key)),
        Recipe("Python, pandas", _pandas(parquet, needs_key)),
        Recipe("R", _r(csv, needs_key)),
    ]


def _curl(url: str, needs_key: bool) -> str:
    key = ' --header "X-API-Key: $API_KEY"' if needs_key else ""
    return f"curl --fail --output bluesky.csv{key} \\\n  {shlex.quote(url)}"


def _pandas(url: str, needs_key: bool) -> str:
    key = ', storage_options={"X-API-Key": "your key"}' if needs_key else ""
    return f"import pandas as pd\nposts = pd.read_parquet({json.dumps(url)}{key})"


def _r(url: str, needs_key: bool) -> str:
    if not needs_key:
        return f"posts <- read.csv({json.dumps(url)})"
    return (
        f'download.file({json.dumps(url)}, "bluesky.csv",\n  headers = c("X-API-Key" = "your key"))\n'
        f'posts <- read.csv("bluesky.csv")'
    )
