"""The rules of the house, its picture, and its budget."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("explorer", "api", "lake", "ingest", "process", "deploy")
MODULES = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts]

PAGE = ROOT / "docs" / "architecture.md"
# Between packages imports point one way: explorer -> api -> lake -> ingest -> process. These are the doors.
MAY_IMPORT = {
    "process": {"process"},
    "ingest": {"ingest", "process"},
    "lake": {
        "lake",
        "ingest.buffer",
        "ingest.events",
        "ingest.identifiers",
        "ingest.models",
        "ingest.read_only_admin",
        "ingest.stream.sample",
        "process",
    },
    "api": {
        "api",
        "lake",
        "ingest.buffer",
        "ingest.events",
        "ingest.handles",
        "ingest.identifiers",
        "ingest.models",
        "process",
    },
    "explorer": {"explorer", "api", "lake.flags", "lake.schema", "process"},
    "deploy": {"deploy", "process.heartbeats", "process.locks", "process.secret_files"},
}
# Each outside system has one doorway.
DOORWAYS = {
    "websockets": ("ingest/stream/jetstream.py", "ingest/stream/frame_collector.py", "ingest/simulator/"),
    "redis": ("ingest/buffer/redis_stream.py",),
    "duckdb": ("lake/storage/duckdb_engine.py",),
    "pyarrow": (
        "api/imports/table_files.py",
        "lake/pseudonyms/tables.py",
        "lake/storage/derived_cids.py",
        "lake/catalog/tombstone_rows.py",
        "lake/compact/tombstones.py",
        "lake/storage/parquet_writer.py",
        "lake/export/formats.py",
        "lake/export/label_cells.py",
        "lake/export/made_columns.py",
        "lake/storage/row_reader.py",
        "lake/storage/stored_rows.py",
        "lake/compact/rewrite.py",
        "lake/flush/",
        "lake/labels/",
    ),
    "urllib.request": ("deploy/", "ingest/handles/appview.py"),
    "http.client": ("deploy/local/health_watch.py", "ingest/handles/appview.py", "ingest/handles/appview_replies.py"),
    "requests": (),
    "libipld": ("ingest/events.py", "ingest/simulator/"),
}
MAX_MODULES = 12  # in a room
MAX_MODULE = 250
MAX_FUNCTION = 40
NAMELESS = {"utils", "helpers", "common", "base", "misc"}


@cache
def imports(path):
    """Dotted names that a module imports; `from a.b import c` counts as a.b.c."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def below(name, module):
    return name == module or name.startswith(f"{module}.")


def relative(path):
    return path.relative_to(ROOT).as_posix()


@cache
def room(module):
    """The sub-package that a module lies in, such as lake/search; the package itself for its ground and its roof."""
    parts = module.split(".")
    depth = 3 if parts[:2] == ["ingest", "simulator"] else 2
    folders = [length for length in range(1, depth + 1) if ROOT.joinpath(*parts[:length]).is_dir()]
    return "/".join(parts[: max(folders, default=0)])


@cache
def rooms():
    """All sub-packages, with their modules."""
    found = {}
    for path in MODULES:
        name = path.relative_to(ROOT).parent.as_posix()
        if "/" in name and not name.startswith("deploy") and "management" not in name and path.stem != "__init__":
            found.setdefault(name, []).append(path)
    return found


@cache
def arrows():
    """Imports between rooms of one package: (importer, imported)."""
    return {
        (name, other)
        for name, paths in rooms().items()
        for path in paths
        for imported in imports(path)
        if (other := room(imported)) != name and other in rooms() and other.split("/")[0] == name.split("/")[0]
    }


def drawn():
    """The picture in docs/architecture.md, from the top down: rooms, and the rooms that each imports."""
    lines = re.findall(r"^ *([a-z]+/[a-z/]+) +\d+ +(?:->|is the ground)(.*)$", PAGE.read_text(), re.MULTILINE)
    package = {name: name.split("/")[0] for name, _ in lines}
    return {name: [f"{package[name]}/{other}" for other in others.split()] for name, others in lines}


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_imports_between_packages_point_one_way(path):
    package = relative(path).split("/")[0]
    ours = [name for name in imports(path) if name.split(".")[0] in PACKAGES]
    assert [name for name in ours if not any(below(name, module) for module in MAY_IMPORT[package])] == []


def test_the_picture_has_all_rooms_and_all_imports_between_them():
    assert drawn().keys() == rooms().keys()
    assert {(name, other) for name, others in drawn().items() for other in others} == arrows()


def test_the_picture_has_no_arrow_that_points_up():
    order = list(drawn())
    assert [(name, other) for name, other in arrows() if order.index(other) <= order.index(name)] == []


def test_the_ground_of_a_package_imports_none_of_its_rooms():
    roof = {"admin", "apps", "checks", "metrics", "urls"}
    ground = [path for path in MODULES if path.parent.parent == ROOT and path.stem not in roof]
    ground = [path for path in ground if path.parent.name in ("ingest", "lake", "api")]
    assert [relative(path) for path in ground if any(room(name) in rooms() for name in imports(path))] == []


def ways():
    """The ways in docs/architecture.md: by heading, the first place that each step names."""
    sections = re.findall(r"^## (One \w+'s way)\n(.*?)(?=^## )", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return {title: re.findall(r"^\d\. `([a-z_/]+\.py)`", text, re.MULTILINE) for title, text in sections}


def test_each_way_goes_through_at_most_seven_places_and_none_twice():
    assert len(ways()) == 4
    for title, places in ways().items():
        assert 5 <= len(places) <= 7, title
        assert len(set(places)) == len(places), title
        assert [place for place in places if not (ROOT / place).is_file()] == []


@pytest.mark.parametrize("name", sorted(rooms()))
def test_a_room_has_at_most_a_dozen_modules(name):
    assert len(rooms()[name]) <= MAX_MODULES


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_each_outside_system_has_one_doorway(path):
    name = relative(path)
    closed = [system for system, doors in DOORWAYS.items() if not name.startswith(doors)]
    assert [system for system in closed if any(below(imported, system) for imported in imports(path))] == []


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_modules_and_functions_are_small_and_named_for_what_they_do(path):
    assert path.stem not in NAMELESS
    assert len(path.read_text().splitlines()) <= MAX_MODULE
    nodes = ast.walk(ast.parse(path.read_text()))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [node.name for node in functions if node.end_lineno - node.lineno + 1 > MAX_FUNCTION] == []


def test_packages_say_what_they_do_and_what_they_refuse_to_know():
    packages = {path.parent for path in MODULES if "management" not in path.parts and path.parts[-2] != "local"}
    for package in sorted(packages - {ROOT / "deploy"}):
        source = (package / "__init__.py").read_text()
        body = ast.parse(source).body
        assert len(body) == 1, f"{package}: holds more than its docstring"
        assert len(ast.get_docstring(ast.parse(source)) or "") > 60


def test_the_rules_see_what_they_forbid(tmp_path):
    """The checks above would pass vacuously if they could not see an import."""
    module = tmp_path / "module.py"
    module.write_text("import redis.asyncio\nfrom explorer.env import load\n")
    assert imports(module) == ["redis.asyncio", "explorer.env.load"]
    assert room("lake.search.reader.Reader") == "lake/search"
    assert room("lake.schema.DATASETS") == "lake"
    assert ("lake/search", "lake/query") in arrows()
