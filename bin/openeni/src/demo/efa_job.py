"""An MPI job of two ranks: they exchange messages, check every byte, and tell how fast that went.

Rank 0 prints a line of JSON for every round. The job ends after the seconds given.
"""

import json
import os
import sys
import time

from mpi4py import MPI

SMALL, SMALL_ROUNDS = 64, 1000
LARGE, LARGE_ROUNDS = 1 << 20, 50

world = MPI.COMM_WORLD
peer = 1 - world.rank


def pattern(rank, size):
    return bytearray((rank + place) & 0xFF for place in range(size))


def exchange(size, rounds):
    """Seconds that a message of this size takes one way."""
    sent, received = pattern(world.rank, size), bytearray(size)
    world.Barrier()
    began = time.monotonic()
    for _ in range(rounds):
        if world.rank == 0:
            world.Send(sent, peer)
            world.Recv(received, peer)
        else:
            world.Recv(received, peer)
            world.Send(sent, peer)
    took = time.monotonic() - began
    if received != pattern(peer, size):
        sys.exit("the data that arrived is not the data that was sent")
    return took / rounds / 2


# Each rank by itself on a processor, if there are two: mpirun takes the instances for machines with processors of their own.
processors = sorted(os.sched_getaffinity(0))
os.sched_setaffinity(0, {processors[world.rank % len(processors)]})

until = time.monotonic() + float(sys.argv[1])
while True:
    latency = exchange(SMALL, SMALL_ROUNDS)
    bandwidth = LARGE / exchange(LARGE, LARGE_ROUNDS)
    if world.rank == 0:
        speed = {"latency_us": round(latency * 1e6, 3), "gigabytes_a_second": round(bandwidth / 1e9, 3)}
        print(json.dumps(speed), flush=True)
    if world.bcast(time.monotonic() >= until, root=0):
        break
