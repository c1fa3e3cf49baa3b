"""An MPI job that checks what it exchanges: messages of all sizes both ways, and a reduction.

Both ways at once, or in turns. A job that is to fail must take turns: where both processes read each other's large
message, both reads fail, and each has first to wait for the other's word that it has read (libfabric's long-read
protocol sends it when a read succeeds, and nothing when it fails).
"""

import random
import sys

from mpi4py import MPI

SIZES = [0, 1, 31, 64, 1_000, 8_000, 9_000, 65_536, 300_000, 1_048_576]
ROUNDS = int(sys.argv[1])
IN_TURNS = sys.argv[2:] == ["turns"]


def content(rank: int, size: int, round_number: int) -> bytes:
    return random.Random(rank * 1_000_003 + size * 101 + round_number).randbytes(size)


def exchange(world: MPI.Comm, sent: bytes, got: bytearray, tag: int) -> None:
    other = 1 - world.rank
    if not IN_TURNS:
        world.Sendrecv(sent, other, sendtag=tag, recvbuf=got, source=other, recvtag=tag)
    elif world.rank == 0:
        world.Send(sent, other, tag)
        world.Recv(got, other, tag)
    else:
        world.Recv(got, other, tag)
        world.Send(sent, other, tag)


def main() -> None:
    world = MPI.COMM_WORLD
    me, other = world.rank, 1 - world.rank
    for round_number in range(ROUNDS):
        for size in SIZES:
            got = bytearray(size)
            exchange(world, content(me, size, round_number), got, size)
            assert bytes(got) == content(other, size, round_number), f"{size} bytes in round {round_number}"
        if me == 0 and round_number == 0:
            print("underway", flush=True)
    assert world.allreduce(me + 1) == 3
    if me == 0:
        print("exchanged", ROUNDS * len(SIZES))


main()
