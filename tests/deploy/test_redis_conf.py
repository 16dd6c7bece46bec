"""docs/operations.md gives the reason of each line of redis.conf, and says how long the buffer lasts."""

import re

from deploy.local.child import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()
BUFFER = PAGE.partition("\n## The buffer\n")[2].partition("\n## ")[0]
EVENTS_A_SECOND = 41_000_000 / 86_400


def test_each_line_of_the_configuration_has_its_reason():
    lines = [line.strip() for line in (ROOT / "deploy" / "redis.conf").read_text().splitlines()]
    rows = re.findall(r"^\| `([^`]+)` \| \S", BUFFER.partition("| line | reason |")[2], re.MULTILINE)
    assert rows == [line for line in lines if line and not line.startswith("#")]


def test_the_table_of_sizes_follows_from_the_bytes_of_an_event():
    size = int(re.search(r"takes (\d+) bytes in the stream", BUFFER)[1])
    rows = re.findall(r"^\| (\d+) GiB.*? \| ([\d.]+) million \| ([\d.]+) hours", BUFFER, re.MULTILINE)
    assert len(rows) == 5
    for gib, millions, hours in rows:
        events = int(gib) * 2**30 * 0.8 / size
        assert (millions, hours) == (f"{events / 1e6:.1f}", f"{events / EVENTS_A_SECOND / 3600:.1f}")
