//! Types and numbers of libfabric's headers, as they are on this machine (Debian's libfabric-dev).

use bindgen::callbacks::{IntKind, ParseCallbacks};
use std::path::PathBuf;

/// Flags are 64 bits wide, whatever their value.
#[derive(Debug)]
struct Flags;

impl ParseCallbacks for Flags {
    fn int_macro(&self, _name: &str, value: i64) -> Option<IntKind> {
        (value >= 0).then_some(IntKind::U64)
    }
}

fn main() {
    println!("cargo:rerun-if-changed=libfabric.h");
    let bindings = bindgen::Builder::default()
        .header("libfabric.h")
        .allowlist_type("fi_.*|fid|fid_.*")
        .allowlist_var("FI_.*")
        .allowlist_function("fi_(getinfo|dupinfo|freeinfo|fabric|strerror|version)")
        .default_enum_style(bindgen::EnumVariation::Consts)
        .prepend_enum_name(false)
        .derive_default(true)
        .generate_comments(false)
        .layout_tests(false)
        .wrap_unsafe_ops(true)
        .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()))
        .parse_callbacks(Box::new(Flags))
        .generate()
        .expect("libfabric-dev and libclang-dev are installed (scripts/setup test)");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    bindings
        .write_to_file(out.join("libfabric.rs"))
        .expect("OUT_DIR can be written");
}
