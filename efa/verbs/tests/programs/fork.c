/* fork DEVICE: a child of fork that uses its parent's objects is refused; the parent's go on. */
#include "common.h"
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

static void child(struct ibv_pd *pd, struct ibv_cq *cq, struct ibv_qp *qp)
{
    struct ibv_wc wc;
    /* A child that hangs ends, and one that waits for the service (5 s). */
    alarm(3);
    errno = 0;
    CHECK(!ibv_alloc_pd(pd->context) && errno == EIO);
    CHECK(ibv_poll_cq(cq, 1, &wc) < 0);
    struct ibv_qp_init_attr_ex attributes = {
        .send_cq = cq,
        .recv_cq = cq,
        .cap = {.max_send_wr = 1, .max_recv_wr = 1, .max_send_sge = 1, .max_recv_sge = 1},
        .qp_type = IBV_QPT_DRIVER,
        .sq_sig_all = 1,
        .comp_mask = IBV_QP_INIT_ATTR_PD,
        .pd = pd,
    };
    struct efadv_qp_init_attr efa = {.driver_qp_type = EFADV_QP_DRIVER_TYPE_SRD};
    CHECK(!efadv_create_qp_ex(pd->context, &attributes, &efa, sizeof(efa)) && errno == EIO);
    struct ibv_recv_wr receive = {.wr_id = 1}, *bad;
    CHECK(ibv_post_recv(qp, &receive, &bad) == EIO);
    CHECK(ibv_destroy_qp(qp) == EIO);
    CHECK(ibv_dealloc_pd(pd) == EIO);
    _exit(0);
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    struct ibv_context *context = open_device(arguments[1]);
    CHECK(context);
    struct ibv_pd *pd = ibv_alloc_pd(context);
    struct ibv_cq *cq = ibv_create_cq(context, 4, NULL, NULL, 0);
    CHECK(pd && cq);
    struct ibv_qp *qp = create_queue_pair(pd, cq, 1);
    pid_t forked = fork();
    CHECK(forked >= 0);
    if (!forked)
        child(pd, cq, qp);
    int status;
    CHECK(waitpid(forked, &status, 0) == forked);
    CHECK(!status);
    struct ibv_wc wc;
    CHECK(ibv_poll_cq(cq, 1, &wc) == 0);
    CHECK(!ibv_destroy_qp(qp) && !ibv_destroy_cq(cq) && !ibv_dealloc_pd(pd));
    puts("unharmed");
    return 0;
}
