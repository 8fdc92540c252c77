//! The output of a run: Markdown, with both sides of every ratio.

use std::fmt::Write;

use crate::target::Kind;

/// The outcome of one scenario.
pub struct Table {
    pub title: String,
    pub columns: Vec<&'static str>,
    pub rows: Vec<(String, Vec<String>)>,
    pub verdicts: Vec<String>,
    pub failures: usize,
}

impl Table {
    pub fn new(title: impl Into<String>, columns: &[&'static str]) -> Self {
        Self { title: title.into(), columns: columns.to_vec(), rows: Vec::new(), verdicts: Vec::new(), failures: 0 }
    }

    pub fn row(&mut self, label: &str, cells: Vec<String>) {
        self.rows.push((label.into(), cells));
    }

    /// Records a target that could not be measured; the others still are.
    pub fn failed(&mut self, label: &str, error: &anyhow::Error) {
        self.failures += 1;
        self.row(label, vec![format!("failed: {error:#}")]);
    }

    /// States whether CodeSync's value, compared with that of `other`, meets a bar, with both sides.
    pub fn ratio(&mut self, what: &str, of: impl Fn(Kind) -> Option<f64>, other: Kind, bar: Bar) {
        let (Some(ours), Some(theirs)) = (of(Kind::Codesync), of(other)) else {
            return;
        };
        self.compare(what, ("CodeSync", ours), (other.label(), theirs), bar);
    }

    /// States whether the first value, compared with the second, meets a bar, with both sides.
    pub fn compare(&mut self, what: &str, ours: (&str, f64), theirs: (&str, f64), bar: Bar) {
        let ratio = ours.1 / theirs.1;
        let (kept, sign, limit) = match bar {
            Bar::AtLeast(limit) => (ratio >= limit, "at least", limit),
            Bar::AtMost(limit) => (ratio <= limit, "at most", limit),
        };
        let sides = format!("{} {} / {} {}", ours.0, number(ours.1), theirs.0, number(theirs.1));
        let (ratio, limit, verdict) = (number(ratio), number(limit), verdict(kept));
        self.verdicts.push(format!("{what}: {sides} = **{ratio}** (bar: {sign} {limit}) {verdict}"));
    }

    pub fn limit(&mut self, what: &str, value: Option<f64>, most: f64) {
        let Some(value) = value else { return };
        let verdict = if value <= most { "held" } else { "**missed**" };
        self.verdicts.push(format!("{what}: **{}** (bar: at most {}) {verdict}", number(value), number(most)));
    }

    pub fn markdown(&self) -> String {
        let mut out = format!("### {}\n\n| | {} |\n|---|", self.title, self.columns.join(" | "));
        out.push_str(&"---:|".repeat(self.columns.len()));
        for (label, cells) in &self.rows {
            write!(out, "\n| {label} | {} |", cells.join(" | ")).expect("a String takes all that is written");
        }
        out.push('\n');
        for verdict in &self.verdicts {
            write!(out, "\n- {verdict}").expect("a String takes all that is written");
        }
        out.push('\n');
        out
    }
}

#[derive(Clone, Copy)]
pub enum Bar {
    AtLeast(f64),
    AtMost(f64),
}

fn verdict(kept: bool) -> &'static str {
    if kept { "held" } else { "**missed**" }
}

/// Three significant digits, with thousands separators.
pub fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        let digits = if value.abs() < 1.0 {
            3
        } else if value.abs() < 10.0 {
            2
        } else {
            1
        };
        let text = format!("{value:.digits$}");
        return match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        };
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

pub fn milliseconds(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{} ms", number(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let numbers = [0.0714, 0.5, 4.0, 4.25, 42.0, 99.94, 205_000.4, 1_900_000.0, 100.0];
        assert_eq!(numbers.map(number), ["0.071", "0.5", "4", "4.25", "42", "99.9", "205,000", "1,900,000", "100"]);
    }
}
