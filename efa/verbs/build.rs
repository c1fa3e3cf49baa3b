//! Bindings to the structures of libibverbs and libefa, and the symbol versions under which programs look for them.

use std::env;
use std::error::Error;
use std::path::PathBuf;

const HEADERS: &str = "wrapper.h";
const VERSIONS: &str = "versions.map";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={HEADERS}");
    println!("cargo::rerun-if-changed={VERSIONS}");
    let bindings = bindgen::Builder::default()
        .header(HEADERS)
        .allowlist_type("(ibv|efadv|verbs)_.*|_compat_ibv_port_attr")
        .allowlist_var("(IBV|EFADV)_.*")
        // We are the library that others link to.
        .blocklist_function(".*")
        .default_enum_style(bindgen::EnumVariation::Consts)
        .prepend_enum_name(false)
        .generate_comments(false)
        .layout_tests(false)
        .generate()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    bindings.write_to_file(out.join("verbs.rs"))?;
    let here = env::var("CARGO_MANIFEST_DIR")?;
    // rustc's own list has no versions; lld takes both (GNU ld does not).
    println!("cargo::rustc-cdylib-link-arg=-Wl,--version-script={here}/{VERSIONS}");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libibverbs.so.1");
    Ok(())
}
