//! `clif-gc`: see [`clif_gc::main`].

fn main() -> std::process::ExitCode {
    clif_gc::main()
}
