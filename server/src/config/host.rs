//! Names and addresses of hosts in settings.

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::ensure;

/// The longest name in DNS, and the longest part between its dots.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// The host in `text`, as a URL contains it: a name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn host(variable: &str, text: &str) -> anyhow::Result<String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<Ipv6Addr>().is_ok() {
        return Ok(format!("[{bare}]"));
    }
    ensure!(
        text.parse::<Ipv4Addr>().is_ok() || is_name(text),
        "{variable} must be the name or the address of one host, as db.example.org, 10.0.0.5 or ::1, without a scheme and \
         without a port: {text:?}"
    );
    Ok(text.to_owned())
}

fn is_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    // A number at the end makes it an address, and here it is a malformed one.
    let ends_in_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    name.len() <= NAME_BYTES_MAX && name.split('.').all(is_label) && !ends_in_number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_used_or_refused() {
        for (text, expected) in [
            ("::1", "[::1]"),
            ("[::1]", "[::1]"),
            ("2001:db8::5", "[2001:db8::5]"),
            ("10.0.0.5", "10.0.0.5"),
            ("localhost", "localhost"),
            ("my_redis", "my_redis"),
            ("db.example.org.", "db.example.org."),
            ("0a", "0a"),
        ] {
            assert_eq!(host("REDIS_HOST", text).unwrap(), expected);
        }
        let long = "a".repeat(64);
        for text in [
            "host:6379",
            "10.0.0.5:6379",
            "[::1]:6379",
            "[::1",
            "::1]",
            ":::1",
            "fe80::1%eth0",
            " host",
            "host ",
            "host\n",
            "two hosts",
            "one,two",
            "redis://host",
            "user@host",
            "host/0",
            "host?x",
            "6379",
            "300.0.0.1",
            "10.0.0",
            "a..b",
            ".",
            " ",
            "h\u{f6}st",
            &long,
        ] {
            let error = host("REDIS_HOST", text).unwrap_err().to_string();
            assert!(error.contains("REDIS_HOST"), "{text:?}: {error}");
        }
    }
}
