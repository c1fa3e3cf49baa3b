//! The first process of the tests' instances; the product's is `openeni instance-init`.

fn main() {
    eni_instance::init::run(std::env::args_os().skip(1))
}
