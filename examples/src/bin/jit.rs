//! A compiler with Cranelift's frontend and JIT that switches the verifier on.
//!
//! `jit [MODE]`, where the mode is `none`, `check` or `enforce`, compiles and calls a function that
//! returns 43, and prints what it returned. The function is wasmtime#14323, which the unmodified
//! Cranelift 0.135.8 has: without `enforce` that is 2. `RUST_LOG=gc_verifier` shows all there
//! is to say.

use anyhow::Result;
use cranelift_codegen::ir::{
    AbiParam, AliasRegionData, Function, InstBuilder as _, MemFlagsData, StackSlotData,
    StackSlotKind, types::I32,
};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_gc_verifier::{LogSink, Options};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Linkage, Module as _, default_libcall_names};
use std::sync::Arc;

fn main() -> Result<()> {
    env_logger::init();
    let mode = std::env::args().nth(1).unwrap_or("enforce".to_string());

    // Once a process: what is verified, and where the findings go.
    cranelift_gc_verifier::install(Options::default(), Arc::new(LogSink))?;
    // For each target: whether that is done, and what it means for the code.
    let settings = [("opt_level", "speed"), ("gc_verifier", &mode)];

    let builder = JITBuilder::with_flags(&settings, default_libcall_names())?;
    let mut module = JITModule::new(builder);
    let mut context = module.make_context();
    context.func.signature.returns.push(AbiParam::new(I32));
    let name = "issue_14323";
    let id = module.declare_function(name, Linkage::Local, &context.func.signature)?;
    build(&mut context.func, module.target_config());
    module.define_function(id, &mut context)?;
    module.finalize_definitions()?;
    println!("{}", call(&module, id));
    Ok(())
}

/// Store 1, load it, store 42, load that, and return the sum.
fn build(func: &mut Function, target: TargetFrontendConfig) {
    let mut builder_context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(func, &mut builder_context);
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 4, 0);
    let slot = builder.create_sized_stack_slot(slot);
    let region = builder.func.dfg.alias_regions.insert(AliasRegionData {
        user_id: 0,
        description: "the slot, by one of its names".into(),
    });
    let anywhere = MemFlagsData::trusted();
    let in_region = anywhere.with_alias_region(Some(region));

    let block = builder.create_block();
    builder.switch_to_block(block);
    builder.seal_all_blocks();
    let address = builder.ins().stack_addr(target.pointer_type(), slot, 0);
    let one = builder.ins().iconst(I32, 1);
    let answer = builder.ins().iconst(I32, 42);
    builder.ins().store(anywhere, one, address, 0);
    let first = builder.ins().load(I32, in_region, address, 0);
    builder.ins().store(in_region, answer, address, 0);
    let second = builder.ins().load(I32, anywhere, address, 0);
    let sum = builder.ins().iadd(second, first);
    builder.ins().return_(&[sum]);
    builder.finalize(target);
}

/// Call the function `id`, which takes nothing and returns an `i32`.
#[allow(unsafe_code, reason = "nothing knows the type of compiled code")]
fn call(module: &JITModule, id: cranelift_module::FuncId) -> i32 {
    let code = module.get_finalized_function(id);
    // SAFETY: it was compiled for this machine, from a function of that signature, and its module
    // is alive.
    let function = unsafe { std::mem::transmute::<*const u8, extern "C" fn() -> i32>(code) };
    function()
}
