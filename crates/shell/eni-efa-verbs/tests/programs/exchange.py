"""An MPI job that checks what it exchanges: messages of all sizes both ways, and a reduction."""

import random
import sys

from mpi4py import MPI

SIZES = [0, 1, 31, 64, 1_000, 8_000, 9_000, 65_536, 300_000, 1_048_576]
ROUNDS = int(sys.argv[1])


def content(rank: int, size: int, round_number: int) -> bytes:
    return random.Random(rank * 1_000_003 + size * 101 + round_number).randbytes(size)


def main() -> None:
    world = MPI.COMM_WORLD
    me, other = world.rank, 1 - world.rank
    for round_number in range(ROUNDS):
        for size in SIZES:
            got = bytearray(size)
            world.Sendrecv(
                content(me, size, round_number), other, sendtag=size, recvbuf=got, source=other, recvtag=size
            )
            assert bytes(got) == content(other, size, round_number), f"{size} bytes in round {round_number}"
        if me == 0 and round_number == 0:
            print("underway", flush=True)
    assert world.allreduce(me + 1) == 3
    if me == 0:
        print("exchanged", ROUNDS * len(SIZES))


main()
