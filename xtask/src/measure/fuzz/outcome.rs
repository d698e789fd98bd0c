//! What libFuzzer says of a run.

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub executions: u64,
    pub per_second: u64,
    /// Edges of the control flow that were taken, and what libFuzzer calls features.
    pub edges: u64,
    pub features: u64,
    /// Inputs that were kept.
    pub corpus: u64,
    pub died: bool,
}

impl Outcome {
    /// Reads the log of a run.
    pub fn read(log: &str, died: bool) -> Self {
        let mut outcome = Outcome {
            died,
            ..Outcome::default()
        };
        for line in log.lines() {
            if let Some(stat) = line.strip_prefix("stat::") {
                outcome.stat(stat);
            } else if line.starts_with('#') {
                outcome.progress(line);
            }
        }
        outcome
    }

    fn stat(&mut self, stat: &str) {
        let Some((name, number)) = stat.split_once(':') else {
            return;
        };
        let number = number.trim().parse().unwrap_or(0);
        match name {
            "number_of_executed_units" => self.executions = number,
            "average_exec_per_sec" => self.per_second = number,
            _ => {}
        }
    }

    /// Such as `#4096 pulse  cov: 1234 ft: 5678 corp: 90/12Kb lim: 43 exec/s: 2048 rss: 55Mb`.
    fn progress(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(count) = words[0].strip_prefix('#').and_then(|n| n.parse().ok()) {
            self.executions = self.executions.max(count);
        }
        for pair in words.windows(2) {
            let number = pair[1].split('/').next().and_then(|n| n.parse().ok());
            let place = match pair[0] {
                "cov:" => &mut self.edges,
                "ft:" => &mut self.features,
                "corp:" => &mut self.corpus,
                _ => continue,
            };
            *place = number.unwrap_or(*place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read() {
        let log = "INFO: Seed: 1\n#2\tINITED cov: 10 ft: 11 corp: 1/1b exec/s: 0 rss: 40Mb\n\
                   #4096\tpulse  cov: 1234 ft: 5678 corp: 90/12Kb lim: 43 exec/s: 2048 rss: 55Mb\n\
                   Done 5000 runs\nstat::number_of_executed_units: 5000\nstat::average_exec_per_sec:     250\n\
                   stat::peak_rss_mb: 55\n";
        let outcome = Outcome::read(log, false);
        let expected = Outcome {
            executions: 5000,
            per_second: 250,
            edges: 1234,
            features: 5678,
            corpus: 90,
            died: false,
        };
        assert_eq!(outcome, expected);
        assert_eq!(Outcome::read("", true).executions, 0);
    }
}
