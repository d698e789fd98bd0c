//! Rewrites that are made up, and judged.
