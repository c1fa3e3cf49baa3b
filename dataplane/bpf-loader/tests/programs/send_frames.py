"""Sends frames on eth0 as a guest with raw sockets does: under the EtherType of the first argument (0: the frame's own),
each line of the input, in hexadecimal, before it a virtio_net_hdr and a colon where the guest claims offloads
(PACKET_VNET_HDR, linux/virtio_net.h). Prints what became of each: `sent`, or the name of the kernel's error."""

import errno
import socket
import sys

SOL_PACKET, PACKET_VNET_HDR = 263, 15

ether_type = int(sys.argv[1], 16)
for line in sys.stdin:
    header, _, frame = line.strip().rpartition(":")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw:
        if header:
            raw.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        try:
            raw.sendto(bytes.fromhex(header + frame), ("eth0", ether_type))
            print("sent")
        except OSError as error:
            print(errno.errorcode[error.errno])
