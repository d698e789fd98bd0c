//! ISLE sources as forms, and the rules among them.
//!
//! **Claim.** [`rules`] returns each `(rule …)` form of a text once, with the lines that it takes.
//!
//! **Strength.** Comments of both kinds and strings are read as ISLE reads them. Nothing is checked beyond
//! parentheses: the compiler does that.

use anyhow::{Result, bail};
use std::fmt;

/// An S-expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// A symbol, a number or a string.
    Atom(String),
    /// What is in parentheses.
    List(Vec<Form>),
}

impl Form {
    /// The word, if it is one.
    pub fn atom(&self) -> Option<&str> {
        match self {
            Form::Atom(atom) => Some(atom),
            Form::List(_) => None,
        }
    }

    /// What is in the parentheses, if there are any.
    pub fn list(&self) -> Option<&[Form]> {
        match self {
            Form::Atom(_) => None,
            Form::List(list) => Some(list),
        }
    }

    /// The first word of a list.
    pub fn head(&self) -> Option<&str> {
        self.list()?.first()?.atom()
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Form::Atom(atom) => f.write_str(atom),
            Form::List(list) => {
                f.write_str("(")?;
                for (index, form) in list.iter().enumerate() {
                    let space = if index > 0 { " " } else { "" };
                    write!(f, "{space}{form}")?;
                }
                f.write_str(")")
            }
        }
    }
}

/// A form at the top level of a file, with its first and last line, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// What it is.
    pub form: Form,
    /// Its first line.
    pub first: usize,
    /// Its last line.
    pub last: usize,
}

/// A rewrite rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What it matches.
    pub pattern: Form,
    /// The `if` and `if-let` forms.
    pub conditions: Vec<Form>,
    /// What it makes.
    pub result: Form,
    /// Its first line, from 1, by which Cranelift names it.
    pub first: usize,
    /// Its last line.
    pub last: usize,
    /// All of it, however it is laid out.
    pub text: String,
}

impl Rule {
    /// The term that it is a rule of, such as `simplify`.
    pub fn term(&self) -> &str {
        self.pattern.head().unwrap_or_default()
    }

    fn of(placed: &Placed) -> Option<Rule> {
        let list = placed.form.list()?;
        let (head, mut rest) = list.split_first()?;
        if head.atom() != Some("rule") {
            return None;
        }
        let mut name = None;
        while let Some((Form::Atom(atom), others)) = rest.split_first() {
            // NB: A number is the priority.
            if atom.parse::<i64>().is_err() {
                name = Some(atom.clone());
            }
            rest = others;
        }
        let (pattern, rest) = rest.split_first()?;
        let (result, conditions) = rest.split_last()?;
        Some(Rule {
            name,
            pattern: pattern.clone(),
            conditions: conditions.to_vec(),
            result: result.clone(),
            first: placed.first,
            last: placed.last,
            text: placed.form.to_string(),
        })
    }
}

/// The rules of a file, in order.
///
/// # Errors
///
/// If parentheses or strings are not closed, with the line.
pub fn rules(text: &str) -> Result<Vec<Rule>> {
    Ok(forms(text)?.iter().filter_map(Rule::of).collect())
}

/// The forms of a file, in order.
///
/// # Errors
///
/// As [`rules`].
pub fn forms(text: &str) -> Result<Vec<Placed>> {
    let mut forms = Vec::new();
    let mut open: Vec<(usize, Vec<Form>)> = Vec::new();
    let mut tokens = Tokens {
        rest: text,
        line: 1,
    };
    while let Some((line, token)) = tokens.next()? {
        let (first, form) = match token {
            "(" => {
                open.push((line, Vec::new()));
                continue;
            }
            ")" => match open.pop() {
                Some((first, list)) => (first, Form::List(list)),
                None => bail!("line {line}: a parenthesis is closed that is not open"),
            },
            atom => (line, Form::Atom(atom.to_string())),
        };
        match open.last_mut() {
            Some((_, list)) => list.push(form),
            None => forms.push(Placed {
                form,
                first,
                last: tokens.line,
            }),
        }
    }
    match open.first() {
        None => Ok(forms),
        Some((line, _)) => bail!("line {line}: a parenthesis is not closed"),
    }
}

struct Tokens<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Tokens<'a> {
    /// The next token, and the line that it begins on.
    fn next(&mut self) -> Result<Option<(usize, &'a str)>> {
        self.skip()?;
        let line = self.line;
        let Some(first) = self.rest.chars().next() else {
            return Ok(None);
        };
        let length = match first {
            '(' | ')' | '@' => 1,
            '"' => match self.rest[1..].find('"') {
                Some(at) => at + 2,
                None => bail!("line {line}: a string is not closed"),
            },
            _ => {
                let ends = |c: char| c.is_whitespace() || "();@\"".contains(c);
                self.rest.find(ends).unwrap_or(self.rest.len())
            }
        };
        Ok(Some((line, self.take(length))))
    }

    /// Skips white space and comments.
    fn skip(&mut self) -> Result<()> {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.take(blank);
            if self.rest.starts_with("(;") {
                self.skip_block()?;
            } else if self.rest.starts_with(';') {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.take(end);
            } else {
                return Ok(());
            }
        }
    }

    /// Skips a block comment, and those in it.
    fn skip_block(&mut self) -> Result<()> {
        let line = self.line;
        let mut depth = 0_usize;
        loop {
            let step = match self.rest {
                rest if rest.starts_with("(;") => {
                    depth += 1;
                    2
                }
                rest if rest.starts_with(";)") => {
                    depth -= 1;
                    2
                }
                rest => match rest.chars().next() {
                    Some(c) => c.len_utf8(),
                    None => bail!("line {line}: a comment is not closed"),
                },
            };
            self.take(step);
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
;; (rule (not this) one)
(decl pure x (Value) Value) (; nor (; (rule (this) one) ;)
;)
(rule named 2 (simplify (iadd ty x
        (iconst_u ty 0))) ; x+0
      (if-let k (f \"a ) b\"))
      (subsume x))

(rule (helper x) (other x))
";

    #[test]
    fn rules_are_found_with_their_lines() {
        let found = rules(TEXT).unwrap();
        assert_eq!(found.len(), 2);
        let Rule {
            name,
            pattern,
            conditions,
            result,
            first,
            last,
            text: _,
        } = &found[0];
        assert_eq!(name.as_deref(), Some("named"));
        let expected = "(simplify (iadd ty x (iconst_u ty 0)))";
        assert_eq!(pattern.to_string(), expected);
        assert_eq!(conditions[0].to_string(), "(if-let k (f \"a ) b\"))");
        assert_eq!(result.to_string(), "(subsume x)");
        assert_eq!((*first, *last), (4, 7));
        assert_eq!((found[1].term(), found[1].first), ("helper", 9));
        assert_eq!(forms(TEXT).unwrap().len(), 3);
    }

    #[test]
    fn what_is_not_closed_is_an_error_with_a_line() {
        for (text, message) in [
            ("\n(a (b)", "line 2"),
            ("a)\n", "line 1"),
            ("\n\n(; a", "line 3"),
            ("(a \"b)", "line 1"),
        ] {
            let error = rules(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn a_rule_is_the_same_however_it_is_laid_out() {
        let one = rules("(rule (f x) ;; why\n  (g x))").unwrap();
        let other = rules("(rule\n(f   x) (g x) )").unwrap();
        assert_eq!(one[0].text, other[0].text);
        let one = rules("(rule (f x@(g y)) x)").unwrap();
        let other = rules("(rule (f x @ (g y)) x)").unwrap();
        assert_eq!(one[0].text, other[0].text);
    }
}
