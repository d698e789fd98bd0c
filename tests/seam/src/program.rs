//! Programs, and what they do.

use cranelift_codegen::data_value::DataValue;
use cranelift_codegen::ir::Function;
use cranelift_interpreter::environment::FunctionStore;
use cranelift_interpreter::interpreter::{Interpreter, InterpreterError, InterpreterState};
use cranelift_interpreter::step::ControlFlow;

/// wasmtime#14323, which returns 43, and 2 once the e-graph pass did what it does.
pub const ISSUE_14323: &str = "
function %issue_14323() -> i32 {
    ss0 = explicit_slot 4
    region0 = 0 \"r0\"
block0:
    v9 = stack_addr.i64 ss0
    v8 = iconst.i32 1
    v2 = iconst.i32 42
    store notrap v8, v9
    v1 = load.i32 notrap region0 v9
    store notrap region0 v2, v9
    v3 = load.i32 notrap v9
    v4 = iadd v3, v1
    return v4
}";

/// Functions that call each other by name. The last one is the main function.
#[derive(Clone, Debug)]
pub struct Program {
    functions: Vec<Function>,
}

/// What a run does, as far as it can be observed.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The main function returned these.
    Returned(Vec<DataValue>),
    /// The program trapped.
    Trapped(String),
}

/// More than any program here needs.
const FUEL: u64 = 200_000;

impl Program {
    /// Parse CLIF.
    ///
    /// # Panics
    ///
    /// Panics if the text is no CLIF or has no function, with the text.
    pub fn parse(clif: &str) -> Self {
        let functions = cranelift_reader::parse_functions(clif)
            .unwrap_or_else(|error| panic!("{error}\n{clif}"));
        assert!(!functions.is_empty());
        Self { functions }
    }

    /// The functions.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The main function.
    pub fn main(&self) -> &Function {
        self.functions.last().expect("a program has a function")
    }

    /// The program with each of its functions replaced.
    pub fn map(&self, replace: impl FnMut(&Function) -> Function) -> Self {
        let functions = self.functions.iter().map(replace).collect();
        Self { functions }
    }

    /// Run the main function.
    ///
    /// `None` means that it takes too long.
    ///
    /// # Panics
    ///
    /// Panics if the interpreter cannot make sense of the program.
    pub fn run(&self, arguments: &[DataValue]) -> Option<Outcome> {
        let mut store = FunctionStore::default();
        for function in &self.functions {
            store.add(function.name.to_string(), function);
        }
        let state = InterpreterState::default().with_function_store(store);
        let mut interpreter = Interpreter::new(state).with_fuel(Some(FUEL));
        let main = self.main().name.to_string();
        match interpreter.call_by_name(&main, arguments) {
            Ok(ControlFlow::Return(values)) => Some(Outcome::Returned(values.to_vec())),
            Ok(ControlFlow::Trap(trap)) => Some(Outcome::Trapped(trap.to_string())),
            Err(InterpreterError::FuelExhausted) => None,
            Ok(other) => panic!("{other:?}\n{}", self.main()),
            Err(error) => panic!("{error:?}\n{}", self.main()),
        }
    }
}
