"""The image installs what requirements.txt names, and only files whose hashes are known."""

import re

from deploy.local.child import ROOT

PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", re.MULTILINE | re.IGNORECASE)


def pins(path):
    return {name.lower(): version for name, version in PIN.findall((ROOT / path).read_text())}


def test_the_lock_has_each_requirement_in_its_version():
    wanted, locked = pins("requirements.txt"), pins("deploy/requirements.lock")
    assert {name: locked.get(name) for name in wanted} == wanted, "requirements.txt has changed: make lock"


def test_each_locked_package_has_hashes():
    text = (ROOT / "deploy/requirements.lock").read_text()
    blocks = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    assert len(blocks) >= len(pins("requirements.txt"))
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_the_build_gets_no_secrets_and_no_data():
    lines = (ROOT / ".dockerignore").read_text().split()
    assert "*" in lines
    assert {"deploy/.env", "deploy/secrets"} <= set(lines)
    assert not {"!.env", "!var", "!tests", "!.git"} & set(lines)
