/* Reads of memory whose program does something else, by libibverbs and libefa alone.
 *
 * read DEVICE target: prints its address and that of its memory, and then does nothing but wait for a line.
 * read DEVICE initiator: reads the target's line, reads all of its memory, checks it, and prints how many milliseconds
 * that took; again for each further line. */
#include "common.h"
#include <inttypes.h>
#include <time.h>

enum { LENGTH = 8 << 20 };

static double milliseconds(void)
{
    struct timespec now;
    CHECK(!clock_gettime(CLOCK_MONOTONIC, &now));
    return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)((offset * 2654435761u) >> 13);
}

static void target(struct ibv_context *context, struct ibv_pd *pd, struct ibv_qp *qp)
{
    uint8_t *memory = malloc(LENGTH);
    for (uint64_t offset = 0; offset < LENGTH; offset++)
        memory[offset] = byte_at(offset);
    struct ibv_mr *mr = ibv_reg_mr(pd, memory, LENGTH, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ);
    CHECK(mr);
    union ibv_gid gid;
    CHECK(!ibv_query_gid(context, 1, 0, &gid));
    printf("%016llx %016llx %u %" PRIu64 " %u\n", gid.global.subnet_prefix, gid.global.interface_id, qp->qp_num,
           (uint64_t)(uintptr_t)memory, mr->rkey);
    fflush(stdout);
    getchar();
}

static void initiator(struct ibv_pd *pd, struct ibv_qp *qp, struct ibv_cq *cq)
{
    uint8_t *memory = calloc(1, LENGTH);
    struct ibv_mr *mr = ibv_reg_mr(pd, memory, LENGTH, IBV_ACCESS_LOCAL_WRITE);
    CHECK(mr);
    union ibv_gid gid;
    uint32_t other, rkey;
    uint64_t address;
    while (scanf("%llx %llx %u %" SCNu64 " %u", &gid.global.subnet_prefix, &gid.global.interface_id, &other, &address,
                 &rkey) == 5) {
        struct ibv_ah_attr attributes = {.is_global = 1, .port_num = 1, .grh = {.dgid = gid}};
        struct ibv_ah *ah = ibv_create_ah(pd, &attributes);
        CHECK(ah);
        memset(memory, 0, LENGTH);
        double begun = milliseconds();
        struct ibv_qp_ex *qpx = ibv_qp_to_qp_ex(qp);
        ibv_wr_start(qpx);
        qpx->wr_id = 1;
        ibv_wr_rdma_read(qpx, rkey, address);
        ibv_wr_set_sge(qpx, mr->lkey, (uintptr_t)memory, LENGTH);
        ibv_wr_set_ud_addr(qpx, ah, other, QKEY);
        CHECK(!ibv_wr_complete(qpx));
        struct ibv_wc wc;
        int found;
        while (!(found = ibv_poll_cq(cq, 1, &wc)))
            ;
        double took = milliseconds() - begun;
        CHECK(found == 1);
        int right = wc.status == IBV_WC_SUCCESS;
        for (uint64_t offset = 0; offset < LENGTH && right; offset++)
            right = memory[offset] == byte_at(offset);
        printf(right ? "%.0f\n" : "wrong after %.0f\n", took);
        fflush(stdout);
        CHECK(!ibv_destroy_ah(ah));
    }
}

int main(int count, char **arguments)
{
    CHECK(count == 3);
    struct ibv_context *context = open_device(arguments[1]);
    CHECK(context);
    struct ibv_pd *pd = ibv_alloc_pd(context);
    struct ibv_cq *cq = ibv_create_cq(context, 64, NULL, NULL, 0);
    CHECK(pd && cq);
    struct ibv_qp *qp = create_queue_pair(pd, cq, 32);
    if (!strcmp(arguments[2], "target"))
        target(context, pd, qp);
    else
        initiator(pd, qp, cq);
    return 0;
}
