//! What the verifier of GC references costs: `cargo bench -p gc-benches`.
//!
//! **Claim.** A ratio compares two ways to compile the same thing in the same process: the modes take
//! turns, each round gives one ratio for each mode, and the table shows the median and the
//! quartiles of the rounds. So a load that lasts longer than a round cancels out, and [`clock`]
//! does not count what others do. No time is asserted anywhere.
//!
//! * [`module`]: whole modules, by Wasmtime, on one thread;
//! * [`class`]: the functions of all modules, compiled by Cranelift alone, by how many
//!   references they have;
//! * [`shape`]: generated functions from 10² to 10⁵ instructions;
//! * [`hard`]: such functions that are hard to analyse, of which steps are counted.

pub mod class;
pub mod clock;
pub mod compile;
pub mod hard;
pub mod mode;
pub mod module;
pub mod plot;
pub mod shape;
pub mod stats;
pub mod table;
