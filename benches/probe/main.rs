//! Compiles one module once, on one thread: what `cargo xtask cost` counts instructions of.
//!
//! `cost-probe MODE FILE…`, where MODE is `none`, or with the feature `verifier` also `check`, `on-demand`, `enforce`,
//! `all-rewrites` or `cranelift-verifier`. The feature is off where this is built against unpatched
//! crates.

#[allow(dead_code, reason = "what is measured is one of many configurations")]
#[path = "../../tests/configurations/src/lib.rs"]
mod configurations;
#[cfg(feature = "verifier")]
#[path = "../src/mode.rs"]
mod mode;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().expect("usage: cost-probe MODE FILE…");
    let mut config = configurations::measured();
    set_mode(&mut config, &mode);
    let engine = wasmtime::Engine::new(&config).expect("the configuration is fine");
    for path in arguments {
        let module = std::fs::read(path).expect("the module can be read");
        let code = engine.precompile_module(&module).expect("it compiles");
        println!("{} bytes", code.len());
    }
}

#[cfg(feature = "verifier")]
fn set_mode(config: &mut wasmtime::Config, name: &str) {
    let mode = mode::Mode::parse(name).expect("there is such a mode");
    mode.configure(config);
    let switch = mode::Switch::make();
    switch.select(mode);
    let installed = cranelift_codegen::gc_verifier::set_gc_verifier(switch);
    installed.expect("nothing else is installed");
}

#[cfg(not(feature = "verifier"))]
fn set_mode(_: &mut wasmtime::Config, name: &str) {
    assert_eq!(name, "none", "unpatched crates have no other mode");
}
