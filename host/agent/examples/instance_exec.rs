//! What watches over commands in the tests' instances; the product's is `openeni instance-exec`.

fn main() {
    eni_instance::supervisor::run(std::env::args_os().skip(1))
}
