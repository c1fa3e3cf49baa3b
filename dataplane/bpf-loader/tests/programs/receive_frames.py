"""Prints what arrives on eth0 under the EtherType of the first argument until standard input has ended and a second is silent:
whether a checksum is still to be completed (the flag of a
virtio_net_hdr, linux/virtio_net.h), and the frame in hexadecimal. Begins with `ready`."""

import select
import socket
import sys

SOL_PACKET, PACKET_VNET_HDR = 263, 15
HEADER_LENGTH = 10

ether_type = int(sys.argv[1], 16)
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ether_type)) as raw:
    raw.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    raw.bind(("eth0", ether_type))
    print("ready", flush=True)
    sources, patience = [raw, sys.stdin], None
    while ready := select.select(sources, [], [], patience)[0]:
        if sys.stdin in ready:
            sources, patience = [raw], 1
        if raw in ready:
            received = raw.recv(1 << 17)
            print(received[0] & 1, received[HEADER_LENGTH:].hex(), flush=True)
