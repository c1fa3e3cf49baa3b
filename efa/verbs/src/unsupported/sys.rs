//! Functions that fail with `EOPNOTSUPP`, whatever their arguments.

use crate::ffi::fail;
use crate::ffi::sys::{export, set_errno};
use libc::{c_int, c_void};

/// `null`: gives null; `code`: gives the `errno`; `minus`: gives -1; `nothing`: has nothing to do.
macro_rules! unsupported {
    ($($version:literal null $name:ident;)*) => { export! { $(
        $version
        unsafe fn $name() -> *mut c_void, else std::ptr::null_mut();
        { fail(libc::EOPNOTSUPP) }
    )* } };
    (code: $($version:literal $name:ident;)*) => { export! { $(
        $version
        unsafe fn $name() -> c_int, else libc::EOPNOTSUPP;
        { libc::EOPNOTSUPP }
    )* } };
    (minus: $($version:literal $name:ident;)*) => { export! { $(
        $version
        unsafe fn $name() -> c_int, else -1;
        {
            set_errno(libc::EOPNOTSUPP);
            -1
        }
    )* } };
    (nothing: $($version:literal $name:ident;)*) => { export! { $(
        $version
        unsafe fn $name() -> (), else ();
        {}
    )* } };
}

unsupported! {
    "IBVERBS_1.0" null ibv_create_comp_channel;
    "IBVERBS_1.1" null ibv_create_srq;
    "IBVERBS_1.1" null ibv_create_ah_from_wc;
    "IBVERBS_1.10" null ibv_import_device;
    "IBVERBS_1.10" null ibv_import_mr;
    "IBVERBS_1.10" null ibv_import_pd;
    "IBVERBS_1.12" null ibv_reg_dmabuf_mr;
    "IBVERBS_1.13" null ibv_import_dm;
}

unsupported! { code:
    "IBVERBS_1.0" ibv_destroy_comp_channel;
    "IBVERBS_1.1" ibv_resize_cq;
    "IBVERBS_1.1" ibv_modify_srq;
    "IBVERBS_1.1" ibv_query_srq;
    "IBVERBS_1.1" ibv_destroy_srq;
    "IBVERBS_1.1" ibv_attach_mcast;
    "IBVERBS_1.1" ibv_detach_mcast;
    "IBVERBS_1.1" ibv_init_ah_from_wc;
    "IBVERBS_1.1" ibv_rereg_mr;
    "IBVERBS_1.1" ibv_resolve_eth_l2_from_gid;
    "IBVERBS_1.10" ibv_query_ece;
    "IBVERBS_1.10" ibv_set_ece;
}

unsupported! { minus:
    "IBVERBS_1.1" ibv_get_async_event;
    "IBVERBS_1.1" ibv_get_cq_event;
    "IBVERBS_1.11" _ibv_query_gid_ex;
    "IBVERBS_1.11" _ibv_query_gid_table;
}

unsupported! { nothing:
    "IBVERBS_1.1" ibv_ack_async_event;
    "IBVERBS_1.1" ibv_ack_cq_events;
    "IBVERBS_1.1" ibv_copy_ah_attr_from_kern;
    "IBVERBS_1.1" ibv_register_driver;
    "IBVERBS_1.0" ibv_copy_path_rec_from_kern;
    "IBVERBS_1.0" ibv_copy_path_rec_to_kern;
    "IBVERBS_1.0" ibv_copy_qp_attr_from_kern;
    "IBVERBS_1.10" ibv_unimport_mr;
    "IBVERBS_1.10" ibv_unimport_pd;
    "IBVERBS_1.13" ibv_unimport_dm;
}

export! {
    // Data of a receive is in order in memory only when the completion says so.
    "IBVERBS_1.14"
    unsafe fn ibv_query_qp_data_in_order() -> c_int, else 0;
    { 0 }
}
