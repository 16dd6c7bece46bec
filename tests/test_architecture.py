"""The two rules of the house, and its budget."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("explorer", "api", "lake", "ingest", "process", "deploy")
MODULES = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts]

# Imports point one way: explorer -> api -> lake -> ingest -> process. Of ingest the lake knows what stands at its door.
MAY_IMPORT = {
    "process": {"process"},
    "ingest": {"ingest", "process"},
    "lake": {
        "lake",
        "ingest.events",
        "ingest.identifiers",
        "ingest.buffer.redis_stream",
        "ingest.buffer.entries",
        "ingest.models",
        "process",
        "ingest.read_only_admin",
    },
    "api": {
        "api",
        "lake",
        "ingest.buffer.redis_stream",
        "ingest.buffer.entries",
        "ingest.events",
        "ingest.handles",
        "ingest.identifiers",
        "ingest.models",
        "process",
    },
    "explorer": {"explorer", "api", "process", "lake.flags.definitions"},
    "deploy": {"deploy", "process.locks"},
}
# Each outside system has one doorway.
DOORWAYS = {
    "websockets": ("ingest/stream/jetstream.py", "ingest/stream/frame_collector.py", "ingest/simulator/"),
    "redis": ("ingest/buffer/redis_stream.py",),
    "duckdb": ("lake/storage/duckdb_engine.py",),
    "pyarrow": (
        "lake/storage/derived_cids.py",
        "lake/compact/tombstones.py",
        "lake/storage/parquet_writer.py",
        "lake/export/formats.py",
        "lake/search/tombstone_cache.py",
        "lake/storage/row_reader.py",
        "lake/compact/rewrite.py",
        "lake/flush/chunk.py",
    ),
    "urllib.request": ("deploy/", "ingest/handles/appview.py"),
    "http.client": ("ingest/handles/appview.py", "ingest/handles/appview_replies.py"),
    "requests": (),
    "libipld": ("ingest/events.py", "ingest/simulator/"),
}
MAX_MODULE = 250
MAX_FUNCTION = 40
NAMELESS = {"utils", "helpers", "common", "base", "misc"}


def imports(path):
    """Dotted names that a module imports; `from a.b import c` counts as a.b.c."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def below(name, module):
    return name == module or name.startswith(f"{module}.")


def relative(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_imports_point_one_way(path):
    package = relative(path).split("/")[0]
    ours = [name for name in imports(path) if name.split(".")[0] in PACKAGES]
    assert [name for name in ours if not any(below(name, module) for module in MAY_IMPORT[package])] == []


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
    assert list(imports(module)) == ["redis.asyncio", "explorer.env.load"]
