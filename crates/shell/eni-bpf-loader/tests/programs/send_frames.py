"""Sends frames on eth0 as a guest with raw sockets does: each argument is one, in hexadecimal, before it a virtio_net_hdr
and a colon where the guest claims offloads (PACKET_VNET_HDR, linux/virtio_net.h). Prints what became of each: `sent`, or
the name of the kernel's error."""

import errno
import socket
import sys

SOL_PACKET, PACKET_VNET_HDR = 263, 15

for argument in sys.argv[1:]:
    header, _, frame = argument.rpartition(":")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw:
        if header:
            raw.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        raw.bind(("eth0", 0))
        try:
            raw.send(bytes.fromhex(header + frame))
            print("sent")
        except OSError as error:
            print(errno.errorcode[error.errno])
