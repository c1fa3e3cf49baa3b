/* What the programs of these tests share: a device by its name, and an SRD queue pair that is ready to send. */
#pragma once

#include <infiniband/efadv.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QKEY = 0x11223344 };

#define CHECK(what)                                                                                                    \
    do {                                                                                                               \
        if (!(what)) {                                                                                                 \
            perror(#what);                                                                                             \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static struct ibv_context *open_device(const char *name)
{
    struct ibv_device **list = ibv_get_device_list(NULL);
    CHECK(list);
    for (struct ibv_device **device = list; *device; device++)
        if (!strcmp(ibv_get_device_name(*device), name))
            return ibv_open_device(*device);
    return NULL;
}

static struct ibv_qp *create_queue_pair(struct ibv_pd *pd, struct ibv_cq *cq, uint32_t depth)
{
    struct ibv_qp_init_attr_ex attributes = {
        .send_cq = cq,
        .recv_cq = cq,
        .cap = {.max_send_wr = depth, .max_recv_wr = depth, .max_send_sge = 1, .max_recv_sge = 1},
        .qp_type = IBV_QPT_DRIVER,
        .sq_sig_all = 1,
        .comp_mask = IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
        .pd = pd,
        .send_ops_flags = IBV_QP_EX_WITH_SEND | IBV_QP_EX_WITH_RDMA_READ,
    };
    struct efadv_qp_init_attr efa = {.driver_qp_type = EFADV_QP_DRIVER_TYPE_SRD};
    struct ibv_qp *qp = efadv_create_qp_ex(pd->context, &attributes, &efa, sizeof(efa));
    CHECK(qp);
    struct ibv_qp_attr state = {.qp_state = IBV_QPS_INIT, .port_num = 1, .qkey = QKEY};
    CHECK(!ibv_modify_qp(qp, &state, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_QKEY));
    state.qp_state = IBV_QPS_RTR;
    CHECK(!ibv_modify_qp(qp, &state, IBV_QP_STATE));
    state.qp_state = IBV_QPS_RTS;
    CHECK(!ibv_modify_qp(qp, &state, IBV_QP_STATE | IBV_QP_SQ_PSN));
    return qp;
}
