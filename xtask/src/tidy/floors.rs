//! The floors of the verifier: which room may import which.
//!
//! **Claim.** Every import of a room leads to a lower floor, and no files import each other in a circle.
//!
//! **Strength.** The paths that begin with `crate`, `super` or `self`, and the `use` declarations of a
//! file's own children, in code that is no test. Macros and paths that are put together otherwise are
//! not seen. Tests may look at the whole house.
//!
//! **Math.** Let `F` be the files and `a → b` if `a` names something of `b`. A circle is a strongly
//! connected component of `(F, →)` with more than one file. An arrow is a pair of rooms `(A, B)`,
//! `A ≠ B`, with `a → b` for some `a` in `A` and `b` in `B`. It runs down if `floor(A) > floor(B)`.

use std::collections::{BTreeMap, BTreeSet};

/// The rooms of each floor, from the ground up. Rooms on one floor do not import each other.
pub const FLOORS: &[&[&str]] = &[
    &["ir", "finding"],
    &["machine", "report", "analysis"],
    &["evidence"],
    &["rewrite", "check"],
    &["pipeline"],
    &["lib"],
];

/// The one file that catches panics: every call of the facade goes through it.
const BOUNDARY: &str = "pipeline/verify.rs";

/// Modules that only tests use. They stand on no floor.
const TEST_ROOMS: &[&str] = &["testing"];

/// What was counted in a tree.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The rooms at the top level, and `lib`.
    pub rooms: BTreeSet<String>,
    /// The pairs of rooms of which the first imports the second, each with a file and what it names.
    pub arrows: BTreeMap<(String, String), (String, String)>,
    /// The files of each circle.
    pub circles: Vec<Vec<String>>,
    /// The files that catch panics.
    pub boundaries: Vec<String>,
    /// How many rooms stand on each other, where the rooms of one circle stand side by side.
    pub floors: usize,
    /// How many files there are.
    pub files: usize,
    /// The lines of the largest file, and its name.
    pub largest: (usize, String),
}

impl Survey {
    /// Count in `files`: their paths from `src/`, and their text.
    pub fn of(files: &[(String, String)]) -> Self {
        let modules: BTreeMap<Vec<String>, usize> = files
            .iter()
            .enumerate()
            .map(|(index, (path, _))| (module_of(path), index))
            .collect();
        let mut survey = Survey {
            files: files.len(),
            ..Survey::default()
        };
        let mut imports = vec![BTreeSet::new(); files.len()];
        for (index, (path, text)) in files.iter().enumerate() {
            let lines = text.lines().count();
            if lines > survey.largest.0 {
                survey.largest = (lines, path.clone());
            }
            let room = room_of(path);
            if is_test(path) || TEST_ROOMS.contains(&room.as_str()) {
                continue;
            }
            survey.rooms.insert(room.clone());
            let code = code_of(text);
            if code.contains("catch_unwind(") {
                survey.boundaries.push(path.clone());
            }
            for named in paths(&code, &module_of(path), &modules) {
                let Some(to) = owner(&named, &modules) else {
                    continue;
                };
                if to == index {
                    continue;
                }
                imports[index].insert(to);
                let other = room_of(&files[to].0);
                if other != room && !TEST_ROOMS.contains(&other.as_str()) {
                    let what = named.join("::");
                    let arrow = (room.clone(), other);
                    survey.arrows.entry(arrow).or_insert((path.clone(), what));
                }
            }
        }
        let name = |index: usize| files[index].0.clone();
        let circles = components(&imports).into_iter().filter(|c| c.len() > 1);
        survey.circles = circles.map(|c| c.into_iter().map(name).collect()).collect();
        survey.circles.sort();
        survey.floors = survey.height();
        survey
    }

    /// The rooms on the longest way down.
    fn height(&self) -> usize {
        let rooms: Vec<&String> = self.rooms.iter().collect();
        let index = |room: &String| rooms.binary_search(&room).ok();
        let mut imports = vec![BTreeSet::new(); rooms.len()];
        for (from, to) in self.arrows.keys() {
            if let (Some(from), Some(to)) = (index(from), index(to)) {
                imports[from].insert(to);
            }
        }
        // NB: A component comes after those that it imports.
        let components = components(&imports);
        let mut of_room = vec![0; rooms.len()];
        let mut heights: Vec<usize> = Vec::new();
        for component in &components {
            let number = heights.len();
            for &room in component {
                of_room[room] = number;
            }
            let below = component.iter().flat_map(|&room| &imports[room]);
            let below = below.filter(|&&to| !component.contains(&to));
            heights.push(1 + below.map(|&to| heights[of_room[to]]).max().unwrap_or(0));
        }
        heights.into_iter().max().unwrap_or(0)
    }

    /// What breaks the rules of the house.
    pub fn problems(&self) -> Vec<String> {
        let floor = |room: &str| FLOORS.iter().position(|rooms| rooms.contains(&room));
        let mut problems = Vec::new();
        for room in &self.rooms {
            if floor(room).is_none() {
                problems.push(format!("floors: the room `{room}` stands on no floor"));
            }
        }
        for ((from, to), (file, what)) in &self.arrows {
            let runs_down = match (floor(from), floor(to)) {
                (Some(from), Some(to)) => from > to,
                // Said already.
                (None, _) | (_, None) => true,
            };
            if !runs_down {
                problems.push(format!(
                    "floors: `{from}` imports `{to}`, which is not on a lower floor: {file} names `{what}`"
                ));
            }
        }
        for file in self.boundaries.iter().filter(|file| *file != BOUNDARY) {
            problems.push(format!(
                "floors: {file} catches panics, which {BOUNDARY} does alone"
            ));
        }
        for circle in &self.circles {
            let files = circle.join(", ");
            problems.push(format!("floors: these files import each other: {files}"));
        }
        problems
    }
}

impl std::fmt::Display for Survey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (lines, largest) = &self.largest;
        write!(
            f,
            "{} rooms on {} floors, {} arrows, {} circles, {} files, the largest {} lines ({largest})",
            self.rooms.len(),
            self.floors,
            self.arrows.len(),
            self.circles.len(),
            self.files,
            lines,
        )
    }
}

/// The module of the file at `path`.
fn module_of(path: &str) -> Vec<String> {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let mut segments: Vec<String> = path.split('/').map(String::from).collect();
    if segments.last().is_some_and(|last| last == "mod") || segments == ["lib"] {
        segments.pop();
    }
    segments
}

fn room_of(path: &str) -> String {
    module_of(path).first().cloned().unwrap_or("lib".into())
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs")
}

/// `text` without comments and without what is compiled for tests only.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            // NB: An item that has a body ends with a brace at the start of a line.
            let Some(first) = lines.next() else {
                break;
            };
            if first.ends_with('{') {
                lines.by_ref().find(|line| line.starts_with('}'));
            }
            continue;
        }
        let line = line.split("//").next().unwrap_or_default();
        code.push_str(line);
        code.push('\n');
    }
    code
}

/// The absolute paths that `code`, of `module`, names.
fn paths(
    code: &str,
    module: &[String],
    modules: &BTreeMap<Vec<String>, usize>,
) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let bytes = code.as_bytes();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut at = 0;
    while at < bytes.len() {
        if !is_word(bytes[at]) {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && is_word(bytes[at]) {
            at += 1;
        }
        let word = &code[start..at];
        let is_continued = code[..start].ends_with("::");
        let is_path = code[at..].starts_with("::");
        if is_continued || !is_path {
            continue;
        }
        let follows_use = code[..start].trim_end().ends_with("use");
        let base = match word {
            "crate" => Vec::new(),
            "super" => module[..module.len().saturating_sub(1)].to_vec(),
            "self" => module.to_vec(),
            child => {
                let mut path = module.to_vec();
                path.push(child.to_string());
                // NB: A path in code may begin with a child that is declared or imported here.
                if !modules.contains_key(&path)
                    || !follows_use && !code.contains(&format!("mod {child};"))
                {
                    continue;
                }
                path
            }
        };
        let (trees, end) = tree(code, at + 2);
        at = end;
        for branch in trees {
            let mut path = base.clone();
            for segment in branch {
                match segment.as_str() {
                    "super" => _ = path.pop(),
                    "self" => {}
                    _ => path.push(segment),
                }
            }
            paths.push(path);
        }
    }
    paths
}

/// The paths of the tree of names at `at`, after `::`, and where it ends.
fn tree(code: &str, at: usize) -> (Vec<Vec<String>>, usize) {
    let rest = &code[at..];
    if let Some(inner) = rest.strip_prefix('{') {
        let mut branches = Vec::new();
        let mut at = at + (rest.len() - inner.len());
        loop {
            let skipped = code[at..].trim_start_matches([' ', '\n', ',']);
            at = code.len() - skipped.len();
            if skipped.starts_with('}') || skipped.is_empty() {
                return (branches, (at + 1).min(code.len()));
            }
            let (more, end) = tree(code, at);
            branches.extend(more);
            // NB: What is renamed keeps the path that it had.
            let after = code[end..].trim_start();
            at = match after.strip_prefix("as ") {
                Some(name) => {
                    let len = name.find([',', '}']).unwrap_or(name.len());
                    code.len() - name.len() + len
                }
                None => end.max(at + 1),
            };
        }
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let name = rest[..len].to_string();
    if name.is_empty() {
        return (vec![Vec::new()], at);
    }
    match rest[len..].strip_prefix("::") {
        Some(_) => {
            let (branches, end) = tree(code, at + len + 2);
            let all = branches.into_iter().map(|branch| {
                let mut path = vec![name.clone()];
                path.extend(branch);
                path
            });
            (all.collect(), end)
        }
        None => (vec![vec![name]], at + len),
    }
}

/// The file that `path` leads to: that of its longest beginning which is a module.
fn owner(path: &[String], modules: &BTreeMap<Vec<String>, usize>) -> Option<usize> {
    let mut lengths = (0..=path.len()).rev();
    lengths.find_map(|len| modules.get(&path[..len]).copied())
}

/// The strongly connected components, each after those that it leads to (Tarjan, "Depth-first search
/// and linear graph algorithms", 1972).
fn components(edges: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    struct Search<'a> {
        edges: &'a [BTreeSet<usize>],
        order: Vec<Option<usize>>,
        low: Vec<usize>,
        stack: Vec<usize>,
        is_open: Vec<bool>,
        visited: usize,
        found: Vec<Vec<usize>>,
    }
    impl Search<'_> {
        fn visit(&mut self, node: usize) {
            self.order[node] = Some(self.visited);
            self.low[node] = self.visited;
            self.visited += 1;
            self.stack.push(node);
            self.is_open[node] = true;
            for &next in &self.edges[node] {
                match self.order[next] {
                    None => {
                        self.visit(next);
                        self.low[node] = self.low[node].min(self.low[next]);
                    }
                    Some(order) if self.is_open[next] => {
                        self.low[node] = self.low[node].min(order);
                    }
                    Some(_) => {}
                }
            }
            if Some(self.low[node]) == self.order[node] {
                let start = self.stack.iter().rposition(|&at| at == node);
                let mut component = self.stack.split_off(start.expect("it was pushed"));
                for &member in &component {
                    self.is_open[member] = false;
                }
                component.sort_unstable();
                self.found.push(component);
            }
        }
    }
    let mut search = Search {
        edges,
        order: vec![None; edges.len()],
        low: vec![0; edges.len()],
        stack: Vec::new(),
        is_open: vec![false; edges.len()],
        visited: 0,
        found: Vec::new(),
    };
    for node in 0..edges.len() {
        if search.order[node].is_none() {
            search.visit(node);
        }
    }
    search.found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(files: &[(&str, &str)]) -> Survey {
        let own = |&(path, text): &(&str, &str)| (path.to_string(), text.to_string());
        Survey::of(&files.iter().map(own).collect::<Vec<_>>())
    }

    /// A small house in order.
    const HOUSE: &[(&str, &str)] = &[
        ("lib.rs", "mod ir;\nmod check;\npub use check::run;\n"),
        ("ir/mod.rs", "pub mod cfg;\npub mod view;\n"),
        ("ir/cfg.rs", "pub struct Cfg;\n"),
        ("ir/view.rs", "use super::cfg::{self, Cfg};\n"),
        (
            "check/mod.rs",
            "use crate::ir::{cfg::Cfg as Graph, view};\npub fn run() { crate::finding::code::new(); }\n",
        ),
        ("finding/mod.rs", "pub mod code;\n"),
        (
            "finding/code.rs",
            "//! See [`run`](crate::check::run).\npub fn new() {}\n",
        ),
    ];

    fn with(more: &[(&str, &str)]) -> Survey {
        let mut files: BTreeMap<&str, &str> = HOUSE.iter().copied().collect();
        files.extend(more.iter().copied());
        survey(&files.into_iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_house_in_order_has_no_problems() {
        let found = with(&[]);
        assert_eq!(found.problems(), [""; 0]);
        let arrows: Vec<String> = found
            .arrows
            .keys()
            .map(|(a, b)| format!("{a}-{b}"))
            .collect();
        assert_eq!(arrows, ["check-finding", "check-ir", "lib-check"]);
        assert_eq!((found.floors, found.files, found.circles.len()), (3, 7, 0));
        let text = found.to_string();
        assert!(
            text.starts_with("4 rooms on 3 floors, 3 arrows, 0 circles, 7 files"),
            "{text}"
        );
    }

    #[test]
    fn an_arrow_that_runs_up_is_a_problem() {
        let found = with(&[("ir/cfg.rs", "use crate::check::run;\n")]);
        let problems = found.problems();
        assert!(
            problems[0].contains("`ir` imports `check`") && problems[0].contains("ir/cfg.rs"),
            "{problems:?}"
        );
        // The two files import each other by way of `view`, too.
        assert!(
            problems
                .iter()
                .any(|problem| problem.contains("each other"))
        );
    }

    #[test]
    fn a_path_in_code_is_an_import() {
        let found = with(&[("ir/cfg.rs", "fn f() {\n    crate::check::run();\n}\n")]);
        assert!(found.problems()[0].contains("names `check::run`"));
    }

    #[test]
    fn rooms_on_one_floor_do_not_import_each_other() {
        let found = with(&[("ir/cfg.rs", "use crate::finding::code;\n")]);
        assert_eq!(found.problems().len(), 1);
    }

    #[test]
    fn a_circle_within_a_room_is_a_problem() {
        let found = with(&[("ir/cfg.rs", "use super::view::View;\n")]);
        let expected = "floors: these files import each other: ir/cfg.rs, ir/view.rs";
        assert_eq!(found.problems(), [expected]);
        assert_eq!(found.floors, 3);
    }

    #[test]
    fn a_child_that_imports_its_parent_closes_a_circle() {
        let found = with(&[
            ("ir/mod.rs", "mod cfg;\npub struct All;\nuse cfg::Cfg;\n"),
            ("ir/cfg.rs", "use super::All;\n"),
        ]);
        assert_eq!(found.circles, [["ir/cfg.rs", "ir/mod.rs"]]);
    }

    #[test]
    fn tests_may_look_at_the_whole_house() {
        let test = "#[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::check::run;\n}\n";
        assert_eq!(with(&[("ir/cfg.rs", test)]).problems(), [""; 0]);
        let file = ("ir/cfg/tests.rs", "use crate::check::run;\n");
        let parent = ("ir/cfg.rs", "#[cfg(test)]\nmod tests;\n");
        assert_eq!(with(&[parent, file]).problems(), [""; 0]);
    }

    #[test]
    fn panics_are_caught_in_one_place() {
        let found = with(&[(
            "ir/cfg.rs",
            "fn f() {\n    let _ = catch_unwind(|| ());\n}\n",
        )]);
        let expected = "floors: ir/cfg.rs catches panics, which pipeline/verify.rs does alone";
        assert_eq!(found.problems(), [expected]);
        let found = with(&[(
            "pipeline/verify.rs",
            "fn f() {\n    let _ = catch_unwind(|| ());\n}\n",
        )]);
        assert_eq!(found.problems(), [""; 0]);
    }

    #[test]
    fn a_new_room_has_to_be_given_a_floor() {
        let found = with(&[("attic.rs", "")]);
        assert_eq!(
            found.problems(),
            ["floors: the room `attic` stands on no floor"]
        );
    }
}
