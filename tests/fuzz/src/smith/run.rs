//! What a module does.

use std::fmt::Write as _;
use wasmtime::{
    AnyRef, Func, GcHeapOutOfMemory, I31, Instance, Linker, Module, Ref, Store, StoreLimits,
    StoreLimitsBuilder, ThrownException, Trap, Val, ValType,
};

/// How much was done, and compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Calls of exported functions.
    pub calls: usize,
    /// Those of them that returned.
    pub returned: usize,
    /// Objects that were looked into.
    pub objects: usize,
}

/// One call takes at most so much.
const FUEL: u64 = 20_000;
const MEMORY: usize = 64 << 20;
const ELEMENTS: usize = 10_000;

/// Runs both side by side; they do the same.
pub(super) fn run(one: &Module, other: &Module) -> Ran {
    let mut ran = Ran::default();
    let (Some(mut one), Some(mut other)) = (Program::new(one), Program::new(other)) else {
        return ran;
    };
    let functions = one.functions.len();
    // Twice, so that what the first round left behind is read.
    for index in (0..functions).chain(0..functions) {
        let ends = [one.call(index, &mut ran), other.call(index, &mut ran)];
        let [Some(left), Some(right)] = ends else {
            break;
        };
        assert_eq!(left, right, "function {index}");
        let (left, right) = (one.state(&mut ran), other.state(&mut ran));
        assert_eq!(left, right, "after function {index}");
    }
    ran
}

/// The section of machine code in an artifact.
pub(super) fn text(artifact: &[u8]) -> Vec<u8> {
    use object::{Object as _, ObjectSection as _};
    let file = object::File::parse(artifact).expect("it is an ELF file");
    let text = file.section_by_name(".text").expect("it has code");
    text.data().expect("it can be read").to_vec()
}

/// A module that was instantiated.
struct Program {
    store: Store<StoreLimits>,
    instance: Instance,
    functions: Vec<String>,
    globals: Vec<String>,
}

impl Program {
    fn new(module: &Module) -> Option<Self> {
        let limits = StoreLimitsBuilder::new()
            .memory_size(MEMORY)
            .table_elements(ELEMENTS)
            .build();
        let mut store = Store::new(module.engine(), limits);
        store.limiter(|limits| limits);
        store.set_fuel(FUEL).expect("fuel is on");
        let mut linker = Linker::new(module.engine());
        linker.allow_shadowing(true);
        linker
            .define_unknown_imports_as_default_values(&mut store, module)
            .ok()?;
        let instance = linker.instantiate(&mut store, module).ok()?;
        let (mut functions, mut globals) = (Vec::new(), Vec::new());
        for export in module.exports() {
            match export.ty() {
                wasmtime::ExternType::Func(_) => functions.push(export.name().to_string()),
                wasmtime::ExternType::Global(_) => globals.push(export.name().to_string()),
                _ => {}
            }
        }
        Some(Program {
            store,
            instance,
            functions,
            globals,
        })
    }

    /// Calls a function; what came of it, unless that depends on how much memory or stack there is.
    fn call(&mut self, index: usize, ran: &mut Ran) -> Option<String> {
        let name = &self.functions[index];
        let func = self.instance.get_func(&mut self.store, name)?;
        let Some(arguments) = self.arguments(&func) else {
            return Some("no arguments".to_string());
        };
        self.store.set_fuel(FUEL).expect("fuel is on");
        let results = func.ty(&self.store).results().len();
        let mut results = vec![Val::I32(0); results];
        ran.calls += 1;
        match func.call(&mut self.store, &arguments, &mut results) {
            Ok(()) => {
                ran.returned += 1;
                let mut text = String::new();
                for result in &results {
                    self.show(result, DEPTH, &mut text, ran);
                }
                Some(text)
            }
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &wasmtime::Error) -> Option<String> {
        if error.is::<ThrownException>() {
            self.store.take_pending_exception();
            return Some("exception".to_string());
        }
        if error.is::<GcHeapOutOfMemory<()>>() {
            return None;
        }
        match error.downcast_ref::<Trap>() {
            // NB: Frames have other sizes where other rewrites happen.
            Some(Trap::StackOverflow) => None,
            Some(trap) => Some(format!("trap: {trap}")),
            None => Some(format!("error: {}", error.root_cause())),
        }
    }

    /// What a function takes, if there is any of its types.
    fn arguments(&mut self, func: &Func) -> Option<Vec<Val>> {
        let types: Vec<ValType> = func.ty(&self.store).params().collect();
        let mut arguments = Vec::new();
        for (index, ty) in types.into_iter().enumerate() {
            let number = 3 * index as u32 + 1;
            arguments.push(match ty {
                ValType::I32 => Val::I32(number as i32),
                ValType::I64 => Val::I64(i64::from(number)),
                ValType::F32 => Val::F32((number as f32).to_bits()),
                ValType::F64 => Val::F64(f64::from(number).to_bits()),
                ValType::V128 => Val::V128(u128::from(number).into()),
                ValType::Ref(ty) => {
                    let i31 = AnyRef::from_i31(&mut self.store, I31::wrapping_u32(number));
                    let i31 = Val::AnyRef(Some(i31));
                    let fits = i31.matches_ty(&self.store, &ValType::Ref(ty.clone()));
                    match fits {
                        Ok(true) => i31,
                        _ if ty.is_nullable() => Val::null_ref(ty.heap_type()),
                        _ => return None,
                    }
                }
            });
        }
        Some(arguments)
    }

    /// What can be seen of the module, after a collection.
    fn state(&mut self, ran: &mut Ran) -> String {
        // It can fail where memory is short; that is not what is compared.
        let _ = self.store.gc(None);
        let mut text = String::new();
        for name in self.globals.clone() {
            let global = self.instance.get_global(&mut self.store, &name);
            let value = global.expect("it is exported").get(&mut self.store);
            self.show(&value, DEPTH, &mut text, ran);
        }
        text
    }

    /// Writes a value, and what it refers to. Not where objects are, which is not what programs do.
    fn show(&mut self, value: &Val, depth: usize, text: &mut String, ran: &mut Ran) {
        let _ = match value {
            Val::I32(n) => write!(text, "{n} "),
            Val::I64(n) => write!(text, "{n} "),
            Val::F32(bits) => write!(text, "{bits:x} "),
            Val::F64(bits) => write!(text, "{bits:x} "),
            Val::V128(bits) => write!(text, "{:x} ", bits.as_u128()),
            Val::AnyRef(Some(reference)) => {
                let reference = *reference;
                if let Ok(Some(i31)) = reference.as_i31(&self.store) {
                    write!(text, "i31 {} ", i31.get_u32())
                } else {
                    ran.objects += 1;
                    self.show_object(reference, depth, text, ran);
                    Ok(())
                }
            }
            Val::FuncRef(func) => write!(text, "func {} ", func.is_some()),
            Val::ExternRef(it) => write!(text, "extern {} ", it.is_some()),
            other => write!(text, "{} ", other.ref_().is_some_and(|r| is_null(&r))),
        };
    }

    fn show_object(
        &mut self,
        reference: wasmtime::Rooted<AnyRef>,
        depth: usize,
        text: &mut String,
        ran: &mut Ran,
    ) {
        let mut fields = Vec::new();
        if let Ok(Some(object)) = reference.as_struct(&self.store) {
            text.push_str("struct ");
            if depth > 0
                && let Ok(all) = object.fields(&mut self.store)
            {
                fields = all.take(FIELDS).collect();
            }
        } else if let Ok(Some(object)) = reference.as_array(&self.store) {
            let _ = write!(text, "array of {:?} ", object.len(&self.store).ok());
            if depth > 0
                && let Ok(all) = object.elems(&mut self.store)
            {
                fields = all.take(FIELDS).collect();
            }
        }
        text.push('(');
        for field in &fields {
            self.show(field, depth - 1, text, ran);
        }
        text.push(')');
    }
}

/// So deep is looked into objects, and so many fields are looked at.
const DEPTH: usize = 4;
const FIELDS: usize = 6;

fn is_null(reference: &Ref) -> bool {
    reference.is_null()
}
