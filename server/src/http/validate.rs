//! Limits of user input. All problems of a call are reported at once, by field.

mod shown;

use self::shown::{hides_something, shows_something};
use crate::{
    auth,
    directory::mailbox,
    http::error::{ApiError, Fields},
};

const EMAIL_BYTES_MAX: usize = 254;
const NAME_CHARS_MAX: usize = 80;
const PASSWORD_CHARS_MIN: usize = 10;
/// Far longer than any sentence, and short enough to hash.
const PASSWORD_BYTES_MAX: usize = 1024;
const TITLE_CHARS_MAX: usize = 200;
const LANGUAGE_BYTES_MAX: usize = 40;

/// Checks the fields of a new account.
///
/// # Errors
/// The problems, by field.
pub fn check_account(email: &str, name: &str, password: &str) -> Result<(), Fields> {
    let checked = Validate::default().email("email", email).password("password", password).name("name", name);
    if checked.fields.is_empty() { Ok(()) } else { Err(checked.fields) }
}

/// Checks a new password.
///
/// # Errors
/// The problem.
pub fn check_password(password: &str) -> Result<(), String> {
    let mut fields = Validate::default().password("password", password).fields;
    fields.remove("password").map_or(Ok(()), Err)
}

/// Collects problems.
#[derive(Default)]
pub(super) struct Validate {
    fields: Fields,
}

impl Validate {
    pub(super) fn email(mut self, field: &str, value: &str) -> Self {
        let value = value.trim();
        let odd = value.chars().any(|char| char.is_whitespace() || char.is_control()) || hides_something(value);
        let parts = value.split_once('@').is_some_and(|(local, domain)| {
            let is_domain = !domain.contains('@') && !domain.starts_with('.') && mailbox::ascii(domain).is_some();
            !local.is_empty() && is_domain
        });
        self.check(parts && !odd, field, "is not an e-mail address");
        self.check(value.len() <= EMAIL_BYTES_MAX, field, "is too long");
        self
    }

    pub(super) fn name(mut self, field: &str, value: &str) -> Self {
        self.line(field, value, NAME_CHARS_MAX);
        self
    }

    pub(super) fn title(mut self, field: &str, value: &str) -> Self {
        self.line(field, value, TITLE_CHARS_MAX);
        self
    }

    pub(super) fn password(mut self, field: &str, value: &str) -> Self {
        let long = value.chars().count() >= PASSWORD_CHARS_MIN;
        self.check(long, field, &format!("needs at least {PASSWORD_CHARS_MIN} characters"));
        self.check(value.len() <= PASSWORD_BYTES_MAX, field, "is too long");
        self.check(auth::is_typeable(value), field, "is blank, or has characters that cannot be seen or typed");
        self
    }

    pub(super) fn language(mut self, field: &str, value: &str) -> Self {
        let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._#".contains(&byte));
        self.check(plain && !value.is_empty(), field, "is not the name of a language");
        self.check(value.len() <= LANGUAGE_BYTES_MAX, field, "is too long");
        self
    }

    pub(super) fn color(mut self, field: &str, value: &str) -> Self {
        let hex = value
            .strip_prefix('#')
            .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        self.check(hex, field, "is not a colour like #0b6b60");
        self
    }

    pub(super) fn done(self) -> Result<(), ApiError> {
        if self.fields.is_empty() { Ok(()) } else { Err(ApiError::Invalid(self.fields)) }
    }

    fn line(&mut self, field: &str, value: &str, chars_max: usize) {
        let value = value.trim();
        self.check(!value.is_empty(), field, "is empty");
        self.check(value.chars().count() <= chars_max, field, &format!("has more than {chars_max} characters"));
        self.check(!hides_something(value), field, "has characters that cannot be shown");
        self.check(shows_something(value), field, "shows nothing");
    }

    /// Adds `problem` unless `good`; only the first of a field is kept.
    pub(super) fn check(&mut self, good: bool, field: &str, problem: &str) {
        if !good {
            self.fields.entry(field.to_owned()).or_insert_with(|| problem.to_owned());
        }
    }
}
