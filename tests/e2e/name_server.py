"""A resolver that the host asks, at 127.0.0.1: python3 name_server.py PORT ASKED. Writes what it is asked to ASKED.

Knows www.example.test, of whose answer it first sends a forged one under another number; big.example.test, which fits no
datagram; none.example.test, which is not there; and says nothing about silent.example.test.
"""

import json
import socket
import socketserver
import struct
import sys
import threading

A, SOA, TXT = 1, 6, 16
ADDRESS = "192.0.2.80"


def name_of(message):
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode())
        at += 1 + message[at]
    kind = struct.unpack_from("!H", message, at + 1)[0]
    return ".".join(labels), kind, message[12 : at + 5]


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def record(owner, kind, ttl, data):
    return owner + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def answer(message, over_tcp):
    name, kind, question = name_of(message)
    name, pointer = name.lower(), b"\xc0\x0c"
    answers, authorities, code, cut = [], [], 0, 0
    if (name, kind) == ("www.example.test", A):
        answers = [record(pointer, A, 300, socket.inet_aton(ADDRESS))]
    elif (name, kind) == ("big.example.test", TXT) and over_tcp:
        answers = [record(pointer, TXT, 300, b"\xfa" + b"%03d" % number + b"x" * 247) for number in range(40)]
    elif (name, kind) == ("big.example.test", TXT):
        cut = 0x0200
    else:
        numbers = struct.pack("!IIIII", 1, 3600, 3600, 3600, 30)
        authorities = [record(wire("example.test"), SOA, 30, wire("ns.example.test") + wire("a.example.test") + numbers)]
        code = 0 if name == "www.example.test" else 3
    header = message[:2] + struct.pack("!HHHHH", 0x8180 | cut | code, 1, len(answers), len(authorities), 0)
    return header + question + b"".join(answers + authorities)


class Asked:
    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8")
        self.lock = threading.Lock()

    def note(self, message, client, transport):
        name, kind, _ = name_of(message)
        number = int.from_bytes(message[:2], "big")
        with self.lock:
            line = {"name": name, "type": kind, "number": number, "port": client[1], "transport": transport}
            print(json.dumps(line), file=self.file, flush=True)
        return name.lower()


class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        message, sock = self.request
        name = asked.note(message, self.client_address, "udp")
        if name == "silent.example.test":
            return
        right = answer(message, False)
        if name == "www.example.test":
            forged = bytes([right[0] ^ 1]) + right[1:-4] + socket.inet_aton("198.51.100.66")
            sock.sendto(forged, self.client_address)
        sock.sendto(right, self.client_address)


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        length = int.from_bytes(self.rfile.read(2), "big")
        message = self.rfile.read(length)
        asked.note(message, self.client_address, "tcp")
        right = answer(message, True)
        self.wfile.write(struct.pack("!H", len(right)) + right)


if __name__ == "__main__":
    at = ("127.0.0.1", int(sys.argv[1]))
    socketserver.TCPServer.allow_reuse_address = True
    udp = socketserver.ThreadingUDPServer(at, Datagram)
    tcp = socketserver.ThreadingTCPServer(at, Connection)
    udp.daemon_threads = tcp.daemon_threads = True
    threading.Thread(target=tcp.serve_forever, daemon=True).start()
    asked = Asked(sys.argv[2])
    udp.serve_forever()
