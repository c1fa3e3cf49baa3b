"""Holds TCP connections, and says how many are alive.

hold_connections.py serve: echoes what comes on port 7000.
hold_connections.py COUNT ADDRESS: connects so often to ADDRESS, says "ready", and when a line comes on standard input, on how
many of them a byte comes back.
"""

import resource
import selectors
import socket
import sys

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
    print(sum(answers(each) for each in sockets), flush=True)


def answers(connection):
    try:
        connection.sendall(b"x")
        return connection.recv(1) == b"x"
    except OSError:
        return False


_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
if sys.argv[1] == "serve":
    serve()
else:
    hold(int(sys.argv[1]), sys.argv[2])
