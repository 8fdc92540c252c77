//! The mailbox that an e-mail address names. People type one address in several forms: another case, composed or
//! decomposed letters, a domain in its own script or in ASCII, a dot at the end, pasted invisible characters.

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};

/// The form of an address that is equal for all addresses of one mailbox.
pub(crate) fn key(address: &str) -> String {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let shown = address.chars().filter(|char| !ignorable.contains(*char));
    // Not all databases accept NUL, and no address has one.
    let shown: String = shown.map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect();
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    let folded = |text: &str| {
        let folded = CaseMapper::new().fold_string(&nfc.normalize(text)).into_owned();
        nfc.normalize(&folded).into_owned()
    };
    match shown.trim().rsplit_once('@') {
        Some((local, domain)) => format!("{}@{}", folded(local), ascii(domain).unwrap_or_else(|| folded(domain))),
        None => folded(shown.trim()),
    }
}

/// A domain in ASCII, without a dot at its end; `None` for an invalid one.
pub(crate) fn ascii(domain: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii(domain).ok()?;
    let ascii = ascii.trim_end_matches('.');
    (!ascii.is_empty()).then(|| ascii.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_an_address_name_one_mailbox() {
        for (forms, named) in [
            (
                &["ada@example.org", " Ada@EXAMPLE.org ", "ada@example.org.", "a\u{200b}da@example.org"][..],
                "ada@example.org",
            ),
            (&["zo\u{eb}@example.org", "zoe\u{308}@example.org", "ZO\u{cb}@example.org"], "zo\u{eb}@example.org"),
            (
                &[
                    "a@b\u{fc}cher.example",
                    "a@bu\u{308}cher.example",
                    "a@B\u{dc}CHER.example.",
                    "a@xn--bcher-kva.example",
                ],
                "a@xn--bcher-kva.example",
            ),
            (&["\u{3c3}@x.org", "\u{3c2}@x.org", "\u{3a3}@x.org"], "\u{3c3}@x.org"),
            (&["stra\u{df}e@x.org", "strasse@x.org", "STRASSE@x.org"], "strasse@x.org"),
            (&["a@\u{ff45}xample.org", "a@example\u{3002}org", "\u{202e}a@example.org"], "a@example.org"),
        ] {
            for form in forms {
                assert_eq!(key(form), named, "{form:?}");
            }
        }
        for (one, other) in
            [("ada@example.org", "ada@example.com"), ("a.da@x.org", "ada@x.org"), ("a+b@x.org", "a@x.org")]
        {
            assert_ne!(key(one), key(other));
        }
    }
}
