//! Compilers that switch the verifier of GC references on; see `src/bin`.
