//! What there is to say about a check.

/// Everything that is said about one code, in one place: the documents, `clif-gc explain` and the
/// messages are made of it, or tested against it.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The code itself, such as `GCV02`.
    pub code: &'static str,
    /// The check's name, such as `stale-reference`.
    pub name: &'static str,
    /// What must hold, in one sentence.
    pub invariant: &'static str,
    /// What goes wrong, and where it comes from.
    pub meaning: &'static str,
    /// Upstream's bugs of this kind: their issues, and what was wrong.
    pub bugs: &'static [(&'static str, &'static str)],
}
