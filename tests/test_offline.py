"""The guard of tests/offline: nothing leaves this machine, here or in a child, and what is local works."""

import socket
import subprocess
import sys

import pytest

FAR = ["192.0.2.1", "2001:db8::1", "example.invalid"]  # addresses and a name that are kept for documentation
CHILD = "import socket; socket.create_connection((%r, 80), 1)"


@pytest.mark.parametrize("host", FAR)
def test_refuses_here(host):
    with pytest.raises(ConnectionRefusedError, match="no test may use the network"):
        socket.create_connection((host, 80), timeout=1)


@pytest.mark.parametrize("call", ["connect", "connect_ex"])
def test_refuses_a_bare_socket(call):
    with socket.socket() as bare, pytest.raises(ConnectionRefusedError, match="no test may use"):
        getattr(bare, call)(("192.0.2.1", 80))


def test_refuses_a_datagram():
    with socket.socket(type=socket.SOCK_DGRAM) as bare, pytest.raises(ConnectionRefusedError):
        bare.sendto(b"", ("192.0.2.1", 53))


def test_refuses_in_a_child():
    child = subprocess.run([sys.executable, "-c", CHILD % FAR[0]], capture_output=True, text=True)
    assert child.returncode == 1
    assert "no test may use the network; this one wants '192.0.2.1'" in child.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_lets_this_machine_talk_to_itself(host):
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()
    assert socket.getaddrinfo(host, 80)
