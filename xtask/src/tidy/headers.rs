//! Headers of the verifier's modules: a claim comes with its strength and its mathematics, in this order.

/// What a header states, in order.
const PARTS: [&str; 3] = ["**Claim.**", "**Strength.**", "**Math.**"];

/// What a header states.
#[derive(Debug, PartialEq, Eq)]
pub enum Header {
    /// No part: the module holds data, or joins others.
    Plain,
    /// All parts, in order.
    Stated,
    /// Some parts, or another order.
    Wrong(String),
}

/// Reads the header of a module's `text`: the lines of its inner documentation.
pub fn read(text: &str) -> Header {
    let lines = text.lines().take_while(|line| line.starts_with("//!"));
    let header: String = lines.map(|line| line.to_string() + "\n").collect();
    let found = PARTS.map(|part| header.find(part));
    let missing: Vec<&str> = (PARTS.iter().zip(found))
        .filter(|(_, at)| at.is_none())
        .map(|(part, _)| part.trim_matches(['*', '.']))
        .collect();
    if missing.len() == PARTS.len() {
        return Header::Plain;
    }
    if !missing.is_empty() {
        return Header::Wrong(format!("lacks {}", missing.join(" and ")));
    }
    match found.is_sorted() {
        true => Header::Stated,
        false => Header::Wrong("states claim, strength and math in another order".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_comes_with_its_strength_and_its_math_in_order() {
        let all =
            "//! A.\n//!\n//! **Claim.** A.\n//! **Strength.** B.\n//! **Math.** C.\n\nuse a;\n";
        assert_eq!(read(all), Header::Stated);
        assert_eq!(read("//! Data.\n// **Claim.** None.\n"), Header::Plain);
        let lacking = all.replace("//! **Strength.** B.\n", "");
        assert_eq!(read(&lacking), Header::Wrong("lacks Strength".to_string()));
        // What comes below the header is no part of it.
        let below = all.replace("//! **Math.**", "fn f() {}\n//! **Math.**");
        assert_eq!(read(&below), Header::Wrong("lacks Math".to_string()));
        let exchanged = all.replace("**Claim.**", "**Math.**");
        let exchanged = exchanged.replacen("//! **Math.** C.", "//! **Claim.** C.", 1);
        assert!(matches!(read(&exchanged), Header::Wrong(why) if why.contains("order")));
    }
}
