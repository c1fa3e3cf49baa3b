//! Links libfabric, which this program measures.

fn main() {
    println!("cargo:rustc-link-lib=fabric");
}
