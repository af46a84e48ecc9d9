//! Parses the values of settings.
//!
//! Every source delivers a value as text. A function here returns the value, or what the setting expects instead: a
//! phrase that completes "it must be …". Nothing here knows a setting's name.

use std::{
    net::SocketAddr,
    num::{NonZeroU16, NonZeroU32},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use http::Uri;
use ipnet::{IpNet, Ipv4Net};
use keyward_domain::{Environment, SecretForm};
use secrecy::SecretString;

/// A value, or what is expected in its place.
pub(super) type Parsed<T> = Result<T, &'static str>;

pub(super) fn environment(text: &str) -> Parsed<Environment> {
    text.parse().map_err(|_| "sandbox or production")
}

pub(super) fn secret_form(text: &str) -> Parsed<SecretForm> {
    text.parse().map_err(|_| "hmac or argon2id")
}

pub(super) fn switch(text: &str) -> Parsed<bool> {
    text.parse().map_err(|_| "true or false")
}

pub(crate) fn address(text: &str) -> Parsed<SocketAddr> {
    text.parse().map_err(|_| "an IP address and a port, such as 127.0.0.1:8080 or [::]:8080")
}

pub(super) fn network(text: &str) -> Parsed<IpNet> {
    const EXPECTED: &str = "networks such as 10.0.0.0/8 or single addresses, separated by commas in the environment";
    let single = |_| std::net::IpAddr::from_str(text).map(IpNet::from);
    text.parse().or_else(single).map(unmapped).map_err(|_| EXPECTED)
}

/// An IPv4 network written as an IPv6 one (RFC 4291, section 2.5.5.2): addresses are compared as IPv4.
fn unmapped(net: IpNet) -> IpNet {
    let IpNet::V6(mapped) = net else { return net };
    let v4 = mapped.network().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(96));
    v4.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(net, IpNet::V4)
}

/// A network of proxies. One that covers much of the internet would trust everyone's forwarding headers.
pub(super) fn proxies(text: &str) -> Parsed<IpNet> {
    const EXPECTED: &str =
        "networks of your own proxies, of /8 or smaller (IPv6: /16, or within fc00::/7), not much of the internet";
    let net = network(text)?;
    let is_narrow = match net {
        IpNet::V4(net) => net.prefix_len() >= 8,
        IpNet::V6(net) => net.prefix_len() >= 16 || (net.prefix_len() >= 7 && net.network().is_unique_local()),
    };
    if is_narrow { Ok(net) } else { Err(EXPECTED) }
}

/// Whether networks together are much of the internet: more than sixteen of the widest that one may be.
pub(super) fn are_wide(nets: &[IpNet]) -> bool {
    let (mut v4, mut v6) = (0_u64, 0_u128);
    for net in IpNet::aggregate(&nets.to_vec()) {
        match net {
            IpNet::V4(net) => v4 += 1 << (32 - net.prefix_len()),
            IpNet::V6(net) if net.network().is_unique_local() => {}
            IpNet::V6(net) => v6 += 1 << (128 - net.prefix_len()).min(126),
        }
    }
    v4 > 16 << 24 || v6 > 16 << 112
}

/// An address in place of a path is a mistake, and may hold a password that messages about the file would print.
pub(crate) fn path(text: &str) -> Parsed<PathBuf> {
    if text.is_empty() || text.contains("://") { Err("a path") } else { Ok(text.into()) }
}

pub(super) fn words(text: &str) -> Parsed<String> {
    if text.trim().is_empty() { Err("a text that is not empty") } else { Ok(text.to_owned()) }
}

/// A whole number of at least 1.
pub(super) fn count(text: &str) -> Parsed<u32> {
    text.parse::<NonZeroU32>().map(NonZeroU32::get).map_err(|_| "a whole number from 1 on")
}

pub(super) fn size(text: &str) -> Parsed<usize> {
    count(text).and_then(|count| usize::try_from(count).map_err(|_| "a smaller number"))
}

/// A century in milliseconds: longer than any sensible setting, and short enough that sums of times do not overflow.
const LONGEST: u64 = 100 * 366 * 24 * 3_600 * 1_000;

/// A time with its unit. A bare number is refused, because its unit is ambiguous.
pub(crate) fn duration(text: &str) -> Parsed<Duration> {
    const EXPECTED: &str = "a time with its unit, such as 500ms, 10s, 5m, 12h or 30d, above zero and at most 36600d";
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or(EXPECTED)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| EXPECTED)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60 * 1_000,
        "h" => 3_600 * 1_000,
        "d" => 24 * 3_600 * 1_000,
        _ => return Err(EXPECTED),
    };
    match number.checked_mul(milliseconds) {
        Some(total @ 1..=LONGEST) => Ok(Duration::from_millis(total)),
        Some(_) | None => Err(EXPECTED),
    }
}

/// Maximum time that a stop may be delayed.
pub(super) fn delay_of_a_stop(text: &str) -> Parsed<Duration> {
    const EXPECTED: &str = "a time with its unit, such as 20s, and at most 1h";
    duration(text).ok().filter(|it| *it <= Duration::from_hours(1)).ok_or(EXPECTED)
}

/// As [`delay_of_a_stop`], or zero.
pub(super) fn delay_of_a_stop_or_none(text: &str) -> Parsed<Duration> {
    if text == "0s" {
        Ok(Duration::ZERO)
    } else {
        delay_of_a_stop(text).map_err(|_| "a time with its unit, such as 5s, at most 1h, or 0s")
    }
}

/// Base URL for clients. The trailing slash is dropped: paths are appended to it. Its own path, if any, must be plain
/// words: it becomes part of a route.
pub(super) fn public_url(text: &str) -> Parsed<String> {
    const EXPECTED: &str =
        "an address such as https://keys.example.com or https://example.com/keys, without query or fragment";
    let url: Uri = text.parse().map_err(|_| EXPECTED)?;
    let known_scheme = matches!(url.scheme_str(), Some("http" | "https"));
    let is_word = |word: &str| {
        !matches!(word, "" | "." | "..") && word.bytes().all(|it| it.is_ascii_alphanumeric() || b"-._~".contains(&it))
    };
    let path = url.path().trim_end_matches('/').trim_start_matches('/');
    let plain = path.is_empty() || path.split('/').all(is_word);
    let sound = known_scheme && plain && url.host().is_some_and(|host| !host.is_empty()) && url.query().is_none();
    if sound && !text.contains(['#', '@']) { Ok(text.trim_end_matches('/').to_owned()) } else { Err(EXPECTED) }
}

/// Allowed parameters of a database address. The driver logs any other name with its value.
const PARAMETERS: [&str; 19] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "options[",
];

/// The address of a Postgres. An address that parses wrongly is refused: part of its password would count as host or
/// database, which messages name.
pub(super) fn database_url(text: &str) -> Parsed<SecretString> {
    const EXPECTED: &str = "postgres://user:password@host:port/database; omit it for the embedded database";
    const ENCODED: &str = "an address in which @ / ? # % and : of the user and the password are percent-encoded (%40 \
                           %2F %3F %23 %25 %3A)";
    const PORT: &str = "an address whose port is a number from 1 to 65535";
    const KNOWN: &str = "an address with known parameters only: sslmode, sslrootcert, sslcert, sslkey, host, hostaddr, \
                         port, dbname, user, password, application_name and options";
    let schemes = ["postgres://", "postgresql://"];
    let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme)).ok_or(EXPECTED)?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let port = host.rsplit_once(':').filter(|_| !host.ends_with(']')).map_or("", |(_, port)| port);
    let is_cut_right = !user.contains('@')
        && user.matches(':').count() <= 1
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && !database.contains(['@', ':', '/'])
        && !text.contains(['#', ' ']);
    if !is_cut_right {
        return Err(ENCODED);
    }
    let is_port = |port: &str| port.is_empty() || port.parse::<NonZeroU16>().is_ok();
    let ports = query.split('&').filter_map(|pair| pair.strip_prefix("port="));
    if !ports.chain([port]).all(is_port) {
        return Err(PORT);
    }
    let is_known = |pair: &str| {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        PARAMETERS.iter().any(|known| *known == name || (known.ends_with('[') && name.starts_with(known)))
    };
    if query.split('&').filter(|pair| !pair.is_empty()).all(is_known) { Ok(text.into()) } else { Err(KNOWN) }
}

#[cfg(test)]
mod tests {
    //! Which values are accepted, and which are not.
    use super::*;

    #[test]
    fn a_time_has_a_unit_and_is_above_zero() {
        for (text, milliseconds) in
            [("500ms", 500), ("10s", 10_000), ("5m", 300_000), ("12h", 43_200_000), ("30d", 2_592_000_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "10", "s", "0s", "-1s", "1.5s", "10 s", "1w", "99999999999999999999s", "99999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(
            (delay_of_a_stop_or_none("0s"), delay_of_a_stop_or_none("2s")),
            (Ok(Duration::ZERO), Ok(Duration::from_secs(2)))
        );
        assert!(delay_of_a_stop_or_none("0").is_err());
    }

    #[test]
    fn a_public_url_is_absolute_and_loses_its_last_slash() {
        assert_eq!(public_url("https://keys.example.com/").unwrap(), "https://keys.example.com");
        assert_eq!(public_url("http://[::1]:8080").unwrap(), "http://[::1]:8080");
        assert_eq!(public_url("https://example.com/keys").unwrap(), "https://example.com/keys");
        for text in [
            "",
            "/",
            "keys.example.com",
            "ftp://x",
            "https://",
            "https://x?a=b",
            "https://x#a",
            "https://u:p@x",
            "https://x/a//b",
            "https://x/../a",
            "https://x/{a}",
            "https://x/a%2Fb",
        ] {
            assert!(public_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_may_be_one_address() {
        assert_eq!(network("10.1.2.3").unwrap(), "10.1.2.3/32".parse().unwrap());
        assert_eq!(network("fd00::/8").unwrap(), "fd00::/8".parse().unwrap());
        assert_eq!(network("::ffff:10.1.0.0/112").unwrap(), "10.1.0.0/16".parse().unwrap());
        assert!(network("localhost").is_err());
    }

    #[test]
    fn proxies_never_cover_much_of_the_internet() {
        for text in ["10.0.0.0/8", "192.0.2.1", "fc00::/7", "fd00::/8", "2001:db8::/32", "::1"] {
            assert!(proxies(text).is_ok(), "{text}");
        }
        for text in
            ["0.0.0.0/0", "::/0", "128.0.0.0/1", "0.0.0.0/7", "2000::/3", "fe00::/7", "8000::/1", "::ffff:0.0.0.0/96"]
        {
            assert!(proxies(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_database_is_a_postgres() {
        assert!(database_url("postgresql://h/db").is_ok());
        for text in ["", "sqlite://x", "mysql://x", "h/db"] {
            assert!(database_url(text).is_err(), "{text}");
        }
        for good in [
            "postgres://u:p%40ss@h:5432/db?sslmode=require&options[search_path]=k",
            "postgres://u@/db?host=/run/postgresql",
            "postgres://u:p@[::1]:5432/db",
            "postgres://u:p@[::1]/db",
        ] {
            assert!(database_url(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn an_address_that_is_split_within_its_password_is_refused() {
        for text in [
            "postgres://u:pa@ss@h/db",
            "postgres://u:pa/ss@h/db",
            "postgres://u:pa?ss@h/db",
            "postgres://u:pa#ss@h/db",
            "postgres://u:pa:ss@h/db",
            "postgres://u:pass@h:port/db",
            "postgres://u:pass/db",
            "postgres://h/db?passwrod=pass",
        ] {
            assert!(database_url(text).is_err(), "{text}");
        }
    }
}
