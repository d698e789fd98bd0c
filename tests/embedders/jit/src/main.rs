//! Compiles a function that wasmtime#14323 breaks, and calls it. It returns 43; without the verifier, 2.

use anyhow::Result;
use cranelift_codegen::ir::types::I32;
use cranelift_codegen::ir::{
    AbiParam, AliasRegionData, InstBuilder as _, MemFlagsData, StackSlotData, StackSlotKind,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_gc_verifier::{FunctionReport, Options, Sink};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Linkage, Module as _, default_libcall_names};
use std::sync::Arc;

/// Prints what is refused.
struct Printer;

impl Sink for Printer {
    fn function(&self, report: FunctionReport) {
        for refusal in report.refusals {
            println!("refused in {}: {}", refusal.pass, refusal.violation.error.code());
        }
    }
}

fn main() -> Result<()> {
    cranelift_gc_verifier::install(Options::default(), Arc::new(Printer))?;
    let settings = [("opt_level", "speed"), ("gc_verifier", "enforce")];
    let builder = JITBuilder::with_flags(&settings, default_libcall_names())?;
    let mut module = JITModule::new(builder);
    let target = module.target_config();

    let mut context = module.make_context();
    context.func.signature.returns.push(AbiParam::new(I32));
    let mut builder_context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut context.func, &mut builder_context);
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

    let id = module.declare_function("f", Linkage::Local, &context.func.signature)?;
    module.define_function(id, &mut context)?;
    module.finalize_definitions()?;
    let code = module.get_finalized_function(id);
    // SAFETY: it was compiled for this machine, from a function of that signature, and its module is alive.
    let function = unsafe { std::mem::transmute::<*const u8, extern "C" fn() -> i32>(code) };
    println!("{}", function());
    Ok(())
}
