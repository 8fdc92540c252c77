//! The address of the client of a call, and the address of this server: from the connection, or from trusted proxies.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{
        HeaderMap,
        header::{FORWARDED, HOST},
        request::Parts,
    },
};

use crate::config::HttpConfig;

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The address of the client: that of the connection, or behind trusted proxies the one that the outermost of them saw.
/// Entries further left in `X-Forwarded-For`, or in `Forwarded` if that is missing, are the client's own claim. If the
/// proxy gave no address, its own counts.
pub fn client_address(parts: &Parts, config: &HttpConfig) -> IpAddr {
    client_behind(parts, config.trusted_proxies)
}

fn client_behind(parts: &Parts, proxies: u8) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(peer)| peer.ip()).to_canonical();
    let seen = said(&parts.headers, proxies, X_FORWARDED_FOR, "for");
    seen.and_then(|node| address(&node)).unwrap_or(peer)
}

/// Whether a proxy has passed the call on.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED)
}

/// The public address of this server: as configured, or as in the request.
pub(super) fn origin(config: &HttpConfig, headers: &HeaderMap) -> String {
    if let Some(url) = &config.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let scheme = if is_https(headers, config) { "https" } else { "http" };
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}

/// Whether the client used TLS to the outermost trusted proxy.
fn is_https(headers: &HeaderMap, config: &HttpConfig) -> bool {
    let scheme = said(headers, config.trusted_proxies, X_FORWARDED_PROTO, "proto");
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// The entry of the outermost trusted proxy in the list `name`, or, without that list, of `key` in `Forwarded`.
fn said(headers: &HeaderMap, proxies: u8, name: &str, key: &str) -> Option<String> {
    let hops = usize::from(proxies).checked_sub(1)?;
    let listed = list(headers, name);
    if let Some(value) = listed.iter().rev().nth(hops) {
        return Some(unquoted(value));
    }
    // Some proxies write one scheme for all of them.
    if name == X_FORWARDED_PROTO && !listed.is_empty() {
        return listed.first().map(|value| unquoted(value));
    }
    if !listed.is_empty() {
        return None;
    }
    let elements = list(headers, FORWARDED.as_str());
    let element = elements.iter().rev().nth(hops)?;
    let mut pairs = split(element, ';').into_iter().filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case(key)).map(|(_, value)| unquoted(value))
}

/// The values of a list, over all headers of that name.
fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| split(value, ','))
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
        .collect()
}

/// Splits a value at separators outside of quotes.
fn split(value: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, char) in value.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if char == separator && !quoted => {
                parts.push(&value[start..at]);
                start = at + separator.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&value[start..]);
    parts
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    let Some(inner) = value.strip_prefix('"').map(|rest| rest.strip_suffix('"').unwrap_or(rest)) else {
        return value.to_owned();
    };
    let mut escaped = false;
    let kept = inner.chars().filter(|char| {
        escaped = *char == '\\' && !escaped;
        !escaped
    });
    kept.collect::<String>().trim().to_owned()
}

/// The address of a node in the forms that proxies write: bare, in brackets, with a port, with a zone. `None` for
/// `unknown` and for names that hide it.
fn address(node: &str) -> Option<IpAddr> {
    let host = match node.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        // One colon is before a port; several belong to the address.
        None => node.split_once(':').filter(|(_, port)| !port.contains(':')).map_or(node, |(host, _)| host),
    };
    let without_zone = host.split_once('%').map_or(host, |(address, _)| address);
    without_zone.trim().parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue, Request};

    use super::*;

    fn seen(proxies: u8, headers: &[(&str, &str)]) -> String {
        let mut parts = Request::new(()).into_parts().0;
        parts.extensions.insert(ConnectInfo::<SocketAddr>("10.0.0.9:1".parse().unwrap()));
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            parts.headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        client_behind(&parts, proxies).to_string()
    }

    #[test]
    fn the_client_is_found_in_every_form_that_proxies_write() {
        for (value, address) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:4711", "192.0.2.7"),
            (" 192.0.2.7 ", "192.0.2.7"),
            ("\"192.0.2.7\"", "192.0.2.7"),
            ("\"192.0.2.7:4711\"", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("fe80::7%eth0", "fe80::7"),
            ("[fe80::7%25eth0]:4711", "fe80::7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("[::ffff:192.0.2.7]:80", "192.0.2.7"),
            ("198.51.100.1, 192.0.2.7:1", "192.0.2.7"),
            ("198.51.100.1,192.0.2.7,", "192.0.2.7"),
            ("unknown", "10.0.0.9"),
            ("", "10.0.0.9"),
            ("_hidden", "10.0.0.9"),
            ("[192.0.2.7", "10.0.0.9"),
        ] {
            assert_eq!(seen(1, &[("x-forwarded-for", value)]), address, "{value}");
        }
        for (value, address) in [
            ("for=192.0.2.7", "192.0.2.7"),
            ("For=\"192.0.2.7:4711\"", "192.0.2.7"),
            ("by=10.0.0.1; for = \"[2001:db8::7]:4711\";proto=https", "2001:db8::7"),
            ("proto=https;for=\"\\[2001:db8::7\\]\"", "2001:db8::7"),
            ("for=198.51.100.1, for=192.0.2.7;by=\"a,b;for=198.51.100.2\"", "192.0.2.7"),
            ("for=unknown", "10.0.0.9"),
            ("for=_gazonk", "10.0.0.9"),
            ("by=10.0.0.1", "10.0.0.9"),
        ] {
            assert_eq!(seen(1, &[("forwarded", value)]), address, "{value}");
        }
    }

    #[test]
    fn only_trusted_proxies_decide_the_client_address() {
        let both = [("x-forwarded-for", "198.51.100.1:5, 192.0.2.7"), ("X-Forwarded-For", "[2001:db8::7]:1")];
        assert_eq!(seen(0, &both), "10.0.0.9");
        assert_eq!(seen(1, &both), "2001:db8::7");
        assert_eq!(seen(2, &both), "192.0.2.7");
        assert_eq!(seen(3, &both), "198.51.100.1");
        assert_eq!(seen(4, &both), "10.0.0.9");
        // A proxy that writes one header passes on the client's own other header.
        assert_eq!(seen(1, &[("forwarded", "for=198.51.100.1"), ("x-forwarded-for", "192.0.2.7")]), "192.0.2.7");
        assert_eq!(seen(2, &[("forwarded", "for=1.1.1.1, for=2.2.2.2"), ("x-forwarded-for", "192.0.2.7")]), "10.0.0.9");
    }
}
