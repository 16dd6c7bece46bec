"""The Redis that tests, demo and run get: deploy/redis.conf really holds, and a crash loses nothing."""

import socket

import pytest

from deploy.local.redis_process import SOCKET_PATH_LIMIT, RedisProcess, redis_process, socket_path


@pytest.fixture
def server(tmp_path):
    with redis_process(tmp_path / "redis", maxmemory="64mb") as server:
        yield server


def ask(server, command):
    """The raw answer to one inline command."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(server.socket))
        connection.sendall(command.encode() + b"\r\n")
        return connection.recv(65_536).decode()


def setting(server, name):
    return ask(server, f"CONFIG GET {name}").split("\r\n")[4]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("maxmemory-policy", "noeviction"),
        ("maxmemory", str(64 * 1024 * 1024)),  # the override wins over the file
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("stream-node-max-bytes", "65536"),
        ("stop-writes-on-bgsave-error", "no"),
        ("port", "0"),
    ],
)
def test_the_configuration_file_is_in_force(server, name, value):
    assert setting(server, name) == value


def test_a_killed_server_has_its_data_again_after_a_restart(server):
    ask(server, "XADD buffer * event first")
    ask(server, "XADD buffer * event second")
    server.kill()
    assert not server.answers()
    server.start()
    assert ask(server, "XLEN buffer") == ":2\r\n"


def test_a_full_server_refuses_and_throws_nothing_away(server):
    ask(server, "XADD buffer * event first")
    ask(server, "CONFIG SET maxmemory 100kb")
    assert ask(server, "XADD buffer * event second").startswith("-OOM")
    assert ask(server, "XLEN buffer") == ":1\r\n"


def test_a_stopped_server_leaves_nothing_running(tmp_path):
    with redis_process(tmp_path / "redis") as server:
        assert server.child.alive
    assert not server.child.alive
    assert not server.socket.exists()


def test_two_servers_never_share_a_folder(server, monkeypatch):
    monkeypatch.setattr("deploy.local.redis_process.STOP_SECONDS", 0.1)
    with pytest.raises(Exception, match="Another redis-server keeps running"):
        RedisProcess(server.folder).start()


def test_a_wrong_setting_is_told_with_redis_own_words(tmp_path):
    with pytest.raises(Exception, match="maxmemory-policy"), redis_process(tmp_path, maxmemory_policy="any"):
        pass


def test_a_folder_too_deep_for_a_socket_still_gets_one(tmp_path):
    deep = tmp_path / ("d" * SOCKET_PATH_LIMIT)
    assert socket_path(deep) == socket_path(deep) != socket_path(tmp_path / ("e" * SOCKET_PATH_LIMIT))
    with redis_process(deep) as server:
        assert server.answers()
        assert len(str(server.socket)) <= SOCKET_PATH_LIMIT
