/* One end of a conversation over an SRD queue pair, by libibverbs and libefa alone.
 *
 * peer DEVICE send|receive|both: prints its address, reads the other's, and then sends or receives datagrams without
 * end, or does both. Every datagram holds its number; the receiver checks that it misses and repeats none of those that it was promised.
 * The first completion that is not a success is printed and ends the program. */
#include "common.h"
#include <inttypes.h>

enum { DEPTH = 64, LENGTH = 2048 };

static void send_number(struct ibv_qp *qp, struct ibv_ah *ah, uint32_t other, struct ibv_mr *mr, uint64_t number)
{
    uint64_t *slot = (uint64_t *)((char *)mr->addr + (DEPTH + number % DEPTH) * LENGTH);
    slot[0] = number;
    slot[LENGTH / 8 - 1] = ~number;
    struct ibv_qp_ex *qpx = ibv_qp_to_qp_ex(qp);
    ibv_wr_start(qpx);
    qpx->wr_id = number;
    ibv_wr_send(qpx);
    ibv_wr_set_sge(qpx, mr->lkey, (uintptr_t)slot, LENGTH);
    ibv_wr_set_ud_addr(qpx, ah, other, QKEY);
    CHECK(!ibv_wr_complete(qpx));
}

static void post_receive(struct ibv_qp *qp, struct ibv_mr *mr, uint64_t slot)
{
    struct ibv_sge sge = {(uintptr_t)mr->addr + slot * LENGTH, LENGTH, mr->lkey};
    struct ibv_recv_wr request = {.wr_id = slot, .sg_list = &sge, .num_sge = 1}, *bad;
    CHECK(!ibv_post_recv(qp, &request, &bad));
}

int main(int count, char **arguments)
{
    CHECK(count == 3);
    int receives = strcmp(arguments[2], "send"), sends = strcmp(arguments[2], "receive");
    struct ibv_context *context = open_device(arguments[1]);
    CHECK(context);
    struct ibv_pd *pd = ibv_alloc_pd(context);
    struct ibv_cq *cq = ibv_create_cq(context, 2 * DEPTH, NULL, NULL, 0);
    CHECK(pd && cq);
    struct ibv_qp *qp = create_queue_pair(pd, cq, DEPTH);
    struct ibv_mr *mr = ibv_reg_mr(pd, calloc(2 * DEPTH, LENGTH), 2 * DEPTH * LENGTH, IBV_ACCESS_LOCAL_WRITE);
    CHECK(mr);
    for (uint64_t slot = 0; slot < DEPTH && receives; slot++)
        post_receive(qp, mr, slot);
    union ibv_gid gid;
    CHECK(!ibv_query_gid(context, 1, 0, &gid));
    printf("%016llx %016llx %u\n", gid.global.subnet_prefix, gid.global.interface_id, qp->qp_num);
    fflush(stdout);
    uint32_t other;
    CHECK(scanf("%llx %llx %u", &gid.global.subnet_prefix, &gid.global.interface_id, &other) == 3);
    struct ibv_ah_attr attributes = {.is_global = 1, .port_num = 1, .grh = {.dgid = gid}};
    struct ibv_ah *ah = ibv_create_ah(pd, &attributes);
    if (!ah) {
        printf("refused\n");
        return 0;
    }
    uint64_t next = 0, done = 0, received = 0;
    while (sends && next < DEPTH)
        send_number(qp, ah, other, mr, next++);
    for (;;) {
        struct ibv_wc wc;
        int found = ibv_poll_cq(cq, 1, &wc);
        CHECK(found >= 0);
        if (!found)
            continue;
        if (wc.status != IBV_WC_SUCCESS) {
            printf("status %u vendor %u\n", wc.status, wc.vendor_err);
            return 0;
        }
        if (++done == 1000) {
            printf("thousand\n");
            fflush(stdout);
        }
        if (!(wc.opcode & IBV_WC_RECV)) {
            send_number(qp, ah, other, mr, next++);
            continue;
        }
        uint64_t *slot = (uint64_t *)((char *)mr->addr + wc.wr_id * LENGTH);
        int whole = wc.byte_len == LENGTH && wc.src_qp == other && slot[0] == ~slot[LENGTH / 8 - 1];
        if (!whole || slot[0] > ++received + DEPTH) {
            printf("wrong datagram %" PRIu64 "\n", slot[0]);
            return 1;
        }
        post_receive(qp, mr, wc.wr_id);
    }
}
