"""Holds TCP connections, and says how many are alive.

hold_connections.py serve: echoes what comes on port 7000.
hold_connections.py COUNT ADDRESS: connects so often to ADDRESS, says "ready", and when a line comes on standard input, on how
many of them a byte comes back.
"""

import resource
import selectors
import socket
import sys
import time

PORT = 7000
PATIENCE_S = 20


def serve():
    listener = socket.create_server(("", PORT), backlog=1024)
    ready = selectors.DefaultSelector()
    ready.register(listener, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in ready.select():
            if key.fileobj is listener:
                ready.register(listener.accept()[0], selectors.EVENT_READ)
            else:
                data = key.fileobj.recv(64)
                if data:
                    key.fileobj.sendall(data)
                else:
                    ready.unregister(key.fileobj)
                    key.fileobj.close()


def hold(count, address):
    sockets = [socket.create_connection((address, PORT), PATIENCE_S) for _ in range(count)]
    print("ready", flush=True)
    sys.stdin.readline()
    print(answered(sockets), flush=True)


def answered(sockets):
    """On how many of them a byte comes back, all within one patience."""
    waiting = selectors.DefaultSelector()
    for each in sockets:
        try:
            each.sendall(b"x")
            waiting.register(each, selectors.EVENT_READ)
        except OSError:
            pass
    count, deadline = 0, time.monotonic() + PATIENCE_S
    while waiting.get_map() and time.monotonic() < deadline:
        for key, _ in waiting.select(deadline - time.monotonic()):
            waiting.unregister(key.fileobj)
            try:
                count += key.fileobj.recv(1) == b"x"
            except OSError:
                pass
    return count


_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
if sys.argv[1] == "serve":
    serve()
else:
    hold(int(sys.argv[1]), sys.argv[2])
