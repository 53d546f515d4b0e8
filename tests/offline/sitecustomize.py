"""Keep the tests on this machine: every connection and every look-up that leaves it is refused.

Python runs a module of this name at each start, so with this folder on PYTHONPATH the guard also stands in
whatever a test starts: kernels, JupyterLab, the course's own command. The refusal is an ``OSError``, as without
a network.
"""

import ipaddress
import socket


class NetworkRefused(ConnectionRefusedError):
    """A test tried to leave this machine."""


def _stays_here(host) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if host is None or host in ("", "localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _demand_local(host) -> None:
    if not _stays_here(host):
        raise NetworkRefused(f"no test may use the network; this one wants {host!r}: serve it from 127.0.0.1")


def _guarded(method):
    def guard(self, *arguments):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _demand_local(arguments[-1][0])  # the address comes last in connect, connect_ex and sendto
        return method(self, *arguments)

    return guard


def _guarded_lookup(getaddrinfo):
    def guard(host, *arguments, **options):
        _demand_local(host)
        return getaddrinfo(host, *arguments, **options)

    return guard


if not hasattr(socket, "kept_on_this_machine"):
    for _name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, _name, _guarded(getattr(socket.socket, _name)))
    setattr(socket, "getaddrinfo", _guarded_lookup(socket.getaddrinfo))  # noqa: B010, what a type checker takes
    setattr(socket, "kept_on_this_machine", True)  # noqa: B010
