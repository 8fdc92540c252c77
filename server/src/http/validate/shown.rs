//! The visible part of names and titles: a name that shows nothing, or has hidden parts, can imitate another one.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, GeneralCategory, GeneralCategoryGroup, Ideographic,
        JoiningType,
    },
};
use unicode_security::skeleton;

/// The largest number of marks on one letter, as many as any script uses.
const MARKS_MAX: usize = 6;
const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';
const BLACK_FLAG: char = '\u{1f3f4}';
/// A symbol without ink that Unicode's list of look-alikes lacks.
const NULL_NOTEHEAD: char = '\u{1d159}';

/// Whether some of the text is visible.
pub(super) fn shows_something(text: &str) -> bool {
    text.chars().any(has_ink)
}

/// Whether the text has invisible parts, or more marks than a letter can carry. Joiners and variation selectors are
/// visible where they change a letter: in Persian and Indic words, in emoji.
pub(super) fn hides_something(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let mut marks = 0;
    chars.iter().enumerate().any(|(at, char)| {
        marks = if is_mark(*char) { marks + 1 } else { 0 };
        let (before, after) = (&chars[..at], &chars[at + 1..]);
        marks > MARKS_MAX || (marks > 0 && before.iter().all(|char| is_mark(*char))) || is_hidden(before, *char, after)
    })
}

fn category(char: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(char)
}

fn is_mark(char: char) -> bool {
    GeneralCategoryGroup::Mark.contains(category(char)) && !is_ignorable(char)
}

fn is_ignorable(char: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char)
}

/// Whether it looks like a space, by Unicode's list of look-alikes.
fn is_blank(char: char) -> bool {
    char == NULL_NOTEHEAD || skeleton(char.encode_utf8(&mut [0; 4])).all(char::is_whitespace)
}

fn is_emoji(char: char) -> bool {
    CodePointSetData::new::<Emoji>().contains(char)
}

fn has_ink(char: char) -> bool {
    let group = GeneralCategoryGroup::Letter
        .union(GeneralCategoryGroup::Number)
        .union(GeneralCategoryGroup::Punctuation)
        .union(GeneralCategoryGroup::Symbol);
    // A letter that this release does not know yet may be one.
    let is_unknown = category(char) == GeneralCategory::Unassigned && !is_noncharacter(char);
    (group.contains(category(char)) || is_unknown) && !is_ignorable(char) && !is_blank(char)
}

fn is_noncharacter(char: char) -> bool {
    let code = u32::from(char);
    code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code)
}

fn is_hidden(before: &[char], char: char, after: &[char]) -> bool {
    match char {
        JOINER => !(joins_emoji(before, after) || joins_letters(before, after)),
        NON_JOINER => !joins_letters(before, after),
        '\u{fe0e}' | '\u{fe0f}' => !before.last().is_some_and(|char| is_emoji(*char)),
        '\u{fe00}'..='\u{fe0d}' | '\u{e0100}'..='\u{e01ef}' => !before.last().is_some_and(|char| {
            CodePointSetData::new::<Ideographic>().contains(*char)
                || GeneralCategoryGroup::Symbol.contains(category(*char))
        }),
        '\u{180b}'..='\u{180d}' | '\u{180f}' => {
            !before.last().is_some_and(|char| ('\u{1800}'..'\u{18b0}').contains(char))
        }
        // The tags of a flag: of England, of Scotland.
        '\u{e0020}'..='\u{e007f}' => {
            before.iter().rev().find(|char| !('\u{e0020}'..'\u{e007f}').contains(*char)) != Some(&BLACK_FLAG)
        }
        _ => {
            is_ignorable(char)
                || char.is_control()
                || is_noncharacter(char)
                || !char.is_whitespace() && is_blank(char)
                || matches!(category(char), GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator)
                || matches!(category(char), GeneralCategory::PrivateUse | GeneralCategory::Format)
                    && !is_visible_format(char)
        }
    }
}

/// Visible format characters: the signs before Arabic numbers, and similar ones.
fn is_visible_format(char: char) -> bool {
    matches!(
        char,
        '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}' | '\u{110bd}' | '\u{110cd}'
    )
}

fn joins_emoji(before: &[char], after: &[char]) -> bool {
    let is_modifier = |char: &char| matches!(char, '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}');
    let base = before.iter().rev().find(|char| !is_modifier(char)).or(before.last());
    let is_pictured = |char: &char| is_emoji(*char) && !char.is_ascii();
    base.is_some_and(is_pictured) && after.first().is_some_and(is_pictured)
}

/// As in RFC 5892, appendix A: after a virama, or between letters that would join.
fn joins_letters(before: &[char], after: &[char]) -> bool {
    let class = CodePointMapData::<CanonicalCombiningClass>::new();
    if before.last().is_some_and(|char| class.get(*char) == CanonicalCombiningClass::Virama) {
        return !after.is_empty();
    }
    let joining = CodePointMapData::<JoiningType>::new();
    let is_seen = |char: &&char| joining.get(**char) != JoiningType::Transparent;
    let left = before.iter().rev().find(is_seen).map(|char| joining.get(*char));
    let right = after.iter().find(is_seen).map(|char| joining.get(*char));
    let joins_left = matches!(left, Some(JoiningType::DualJoining | JoiningType::LeftJoining));
    let joins_right = matches!(right, Some(JoiningType::DualJoining | JoiningType::RightJoining));
    joins_left && joins_right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_and_hidden_characters_are_distinguished_from_ordinary_text() {
        for nothing in [
            "\u{200b}",
            "\u{200d}",
            "\u{2060}",
            "\u{feff}",
            "\u{ad}",
            "\u{2800}",
            "\u{3164}",
            "\u{115f}",
            "\u{e0041}",
            "\u{200e}",
            "\u{200f}",
            "\u{61c}",
            "\u{fe0f}",
            "\u{34f}",
            "\u{180e}",
            "\u{fff9}",
            "\u{206a}",
            "\u{ffff}",
            "\u{a0}",
            "\u{3000}",
            "\u{202e}",
            "\u{1160}",
            "\u{ffa0}",
            "\u{1d173}",
            "\u{2062}",
            "\u{301}",
            "\u{fdd0}",
        ] {
            assert!(!shows_something(nothing) || hides_something(nothing), "{nothing:?}");
            if !nothing.chars().all(char::is_whitespace) {
                for beside in [format!("user A{nothing}"), format!("{nothing}user A"), format!("us{nothing}er A")] {
                    // A mark on a letter is visible.
                    assert!(
                        hides_something(&beside) || nothing == "\u{301}" && !beside.starts_with('\u{301}'),
                        "{beside:?}"
                    );
                }
            }
        }
        assert!(hides_something(&format!("a{}", "\u{301}".repeat(79))));
        for written in [
            "Ada",
            "R2-D2",
            "...",
            "日本語",
            "नमस्ते",
            "क्\u{200d}ष",
            "می\u{200c}خواهم",
            "ستاره\u{200c}ها",
            "👩\u{200d}💻",
            "👨\u{200d}👩\u{200d}👧\u{200d}👦",
            "❤\u{fe0f}",
            "🏳\u{fe0f}\u{200d}🌈",
            "👩🏽\u{200d}🚀",
            "1\u{fe0f}\u{20e3}",
            "葛\u{e0100}",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "Z\u{308}o\u{308}e\u{301}",
            "שָׁלוֹם",
            "ཀྱི",
            "\u{60c}\u{627}",
        ] {
            assert!(shows_something(written) && !hides_something(written), "{written:?}");
        }
    }
}
