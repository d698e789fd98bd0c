//! How long this thread worked.

use std::time::Instant;

/// Where the kernel tells how long this thread ran, as the first of three numbers, in nanoseconds.
const SCHEDSTAT: &str = "/proc/thread-self/schedstat";

/// In seconds.
const SHORT: f64 = 0.05;

/// A clock that stands still while others have the processor, where there is one; else the wall's.
///
/// What shares caches and memory with others still takes longer.
///
/// NB: The kernel brings the number up to date some hundred times a second, so that what takes less
/// than `SHORT` is measured by the wall's clock.
pub struct Clock {
    ran: Option<u64>,
    start: Instant,
}

impl Clock {
    /// Now.
    pub fn start() -> Self {
        Self {
            ran: ran(),
            start: Instant::now(),
        }
    }

    /// Seconds since then.
    pub fn elapsed(&self) -> f64 {
        let wall = self.start.elapsed().as_secs_f64();
        match (self.ran, ran()) {
            (Some(start), Some(end)) if wall > SHORT => end.saturating_sub(start) as f64 / 1e9,
            _ => wall,
        }
    }
}

fn ran() -> Option<u64> {
    let text = std::fs::read_to_string(SCHEDSTAT).ok()?;
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time() {
        let clock = Clock::start();
        let mut sum = 0_u64;
        for n in 0..10_000_000 {
            sum = std::hint::black_box(sum.wrapping_add(n));
        }
        assert!(clock.elapsed() > 0.0, "{sum}");
    }
}
