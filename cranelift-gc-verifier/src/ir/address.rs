//! What an address was found to point into, and how far.

use cranelift_codegen::ir::Value;

/// An address, taken apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    /// The only reference to an object of the heap that takes part in it.
    pub(crate) reference: Option<Value>,
    /// The only wide value that takes part in it: the heap's base, or a pointer to something.
    pub(crate) pointer: Option<Value>,
    /// What is added to these, if that is a constant.
    pub(crate) offset: Option<i64>,
    /// The only word that takes part in it besides a pointer and a constant, of which nothing says what it is; and that constant.
    pub(crate) word: Option<(Value, i64)>,
}
