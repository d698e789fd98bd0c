//! That it is built is all that is wanted of it.

fn main() {}
