//! The object against the running kernel. Needs root.

use eni_bpf_loader::{DataPlane, mount_bpffs, unmount_bpffs};

#[test]
fn root_the_kernel_accepts_the_program() {
    let directory = std::env::temp_dir().join(format!("eni-load-{}", std::process::id()));
    mount_bpffs(&directory).unwrap();
    let opened = DataPlane::open(&directory);
    unmount_bpffs(&directory).unwrap();
    std::fs::remove_dir(&directory).unwrap();
    if let Err(error) = opened.map(|_| ()) {
        panic!("{error}: {error:#?}");
    }
}
