//! Context of a request before it is handled: its id for logs, its trace and its source.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;
use keyward_app::{Access, Source};

/// Header in which an answer returns the request's id in the logs.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
// Parsed once, not for each request.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The client's own id for a request, if it is well-formed.
pub(super) fn given_request_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    let decent = |id: &&HeaderValue| {
        let id = id.as_bytes();
        (1..=64).contains(&id.len()) && id.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    headers.get(REQUEST_ID).filter(decent)
}

/// The id of a request that leaves no log line: the client's, else a new one.
pub(super) fn request_id(headers: &HeaderMap, access: &Access) -> HeaderValue {
    given_request_id(headers).cloned().unwrap_or_else(|| fresh_request_id(access))
}

/// Random for each process, counted within it: unique without drawing random bytes for each request.
fn fresh_request_id(access: &Access) -> HeaderValue {
    static PROCESS: OnceLock<[u8; 16]> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let process = PROCESS.get_or_init(|| digits(u64::from_be_bytes(access.random().unwrap_or_default())));
    let id = [*process, digits(COUNT.fetch_add(1, Ordering::Relaxed))];
    HeaderValue::from_bytes(id.as_flattened()).unwrap_or_else(|_| HeaderValue::from_static("unnamed"))
}

/// The hexadecimal digits of a number, all sixteen.
fn digits(number: u64) -> [u8; 16] {
    let bytes = number.to_be_bytes();
    std::array::from_fn(|place| {
        let byte = bytes[place / 2];
        HEX[usize::from(if place % 2 == 0 { byte >> 4 } else { byte & 0xf })]
    })
}

/// Position of the request in a distributed trace: the client's trace if its `traceparent` is valid, else a new one,
/// with a new span (W3C trace context, section 3.2).
pub(super) struct Trace {
    id: String,
    span: String,
}

impl Trace {
    pub(super) fn of(headers: &HeaderMap, access: &Access) -> Self {
        let parent = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
        let random = access.random::<24>().unwrap_or([1; 24]);
        let (trace, span) = random.split_at(16);
        let id = parent.and_then(|parent| parent.parse().ok()).map_or_else(|| hex(trace), |Parent { trace }| trace);
        Self { id, span: hex(span) }
    }

    /// The trace id, for searching logs.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The `traceparent`, which problems return as `traceId`.
    pub(super) fn parent(&self) -> String {
        format!("00-{}-{}-01", self.id, self.span)
    }

    /// The id of the request: the client's, else that of this trace.
    pub(super) fn request_id(&self, given: Option<&HeaderValue>) -> HeaderValue {
        let ours = || HeaderValue::from_str(&self.id).unwrap_or_else(|_| HeaderValue::from_static("unnamed"));
        given.cloned().unwrap_or_else(ours)
    }
}

/// A valid `traceparent`.
struct Parent {
    trace: String,
}

impl FromStr for Parent {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let hex =
            |part: &str, len: usize| part.len() == len && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let zero = |part: &str| part.bytes().all(|b| b == b'0');
        let mut parts = text.split('-');
        let (Some(version), Some(trace), Some(span), Some(flags)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(());
        };
        // Version 00 has four parts; later ones may have more.
        let whole = hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        let named = hex(trace, 32) && !zero(trace) && hex(span, 16) && !zero(span) && hex(flags, 2);
        if whole && named { Ok(Self { trace: trace.to_owned() }) } else { Err(()) }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.map(|digit| char::from(HEX[usize::from(digit)])).collect()
}

/// The source of a request: the peer of the socket, or what trusted proxies report in `X-Forwarded-For`. The report of
/// a nearby proxy that is not trusted only separates its clients.
pub(super) fn source(headers: &HeaderMap, extensions: &Extensions, trusted: &[IpNet]) -> Source {
    let (address, claim) = origin(headers, peer(extensions), trusted);
    match claim {
        // A nearby peer that forwards for others is an unconfigured gateway.
        Some(claim) if is_near(&address) => Source::claimed(hop_address(claim).unwrap_or(address), address),
        Some(_) | None => Source::from(address),
    }
}

/// The client's address, as far as trusted proxies report it.
pub(super) fn address(headers: &HeaderMap, peer: Option<IpAddr>, trusted: &[IpNet]) -> IpAddr {
    origin(headers, peer, trusted).0
}

/// The peer of the connection, where it is known.
pub(super) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())
}

/// The last trusted address, and the address that it reports.
fn origin<'a>(headers: &'a HeaderMap, peer: Option<IpAddr>, trusted: &[IpNet]) -> (IpAddr, Option<&'a str>) {
    let ours = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut address = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical();
    // A line that is not text stays in its place as an unreadable hop: what stands before it is not trusted.
    let lines = headers.get_all(X_FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or_default());
    let hops: Vec<&str> = lines.flat_map(|value| value.split(',')).map(str::trim).collect();
    // From the right: each hop is trusted only while the one that reported it is trusted.
    let mut before = hops.iter().rev();
    while ours(&address) {
        match before.next().and_then(|hop| hop_address(hop)) {
            Some(reported) => address = reported.to_canonical(),
            None => return (address, None),
        }
    }
    (address, before.next().copied().or_else(|| other_claim(headers)))
}

/// The address that a gateway without `X-Forwarded-For` reports (`X-Real-IP`, or RFC 7239).
fn other_claim(headers: &HeaderMap) -> Option<&str> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default().trim());
    text(X_REAL_IP).or_else(|| {
        let last = text(header::FORWARDED)?.rsplit(',').next()?;
        let names = last.split(';').filter_map(|pair| pair.trim().split_once('='));
        let mut claimed =
            names.filter(|(name, _)| name.eq_ignore_ascii_case("for")).map(|(_, value)| value.trim_matches('"'));
        Some(claimed.next_back().unwrap_or_default())
    })
}

/// Whether an address belongs to this machine or to a private network.
const fn is_near(address: &IpAddr) -> bool {
    match address {
        // 100.64.0.0/10 lies between a provider and its customers (RFC 6598); container networks use it too.
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Parses an address as proxies write it: alone, in brackets, or with a port.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    //! Which trace parents are valid, and whose report of a source is trusted.
    use super::*;

    #[test]
    fn only_a_valid_traceparent_is_taken_over() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        for good in [
            format!("00-{trace}-00f067aa0ba902b7-01"),
            format!("00-{trace}-00f067aa0ba902b7-00"),
            format!("cc-{trace}-00f067aa0ba902b7-01-what-the-future-holds"),
        ] {
            assert_eq!(good.parse::<Parent>().map(|parent| parent.trace), Ok(trace.to_owned()), "{good}");
        }
        for bad in [
            String::new(),
            "00".into(),
            format!("ff-{trace}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{trace}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
            format!("00-{trace}-00f067aa0ba902b7-01-more"),
            format!("00-{trace}-00f067aa0ba902b7"),
        ] {
            assert!(bad.parse::<Parent>().is_err(), "{bad}");
        }
    }

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> Source {
        let mut request = http::Request::builder();
        for value in forwarded {
            // As bytes: a line need not be text.
            let bytes: Vec<u8> = value.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
            request = request.header("x-forwarded-for", bytes);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let peer: std::net::IpAddr = peer.parse().unwrap();
        parts.extensions.insert(ConnectInfo(SocketAddr::from((peer, 4711))));
        source(&parts.headers, &parts.extensions, &trusted.iter().map(|net| net.parse().unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn a_forwarding_header_is_trusted_only_from_trusted_proxies() {
        let from = |text: &str| Source::from(text.parse::<std::net::IpAddr>().unwrap());
        for (peer, forwarded, trusted, expected) in [
            ("192.0.2.1", &["198.51.100.7"][..], &[][..], "192.0.2.1"),
            ("192.0.2.1", &["198.51.100.7"], &["10.0.0.0/8"], "192.0.2.1"),
            ("10.0.0.1", &[], &["172.16.0.0/12"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7"], &["10.0.0.0/8"], "198.51.100.7"),
            ("10.0.0.1", &["203.0.113.9, 198.51.100.7"], &["10.0.0.0/8"], "198.51.100.7"),
            ("10.0.0.1", &["203.0.113.9", "198.51.100.7, 10.0.0.2"], &["10.0.0.0/8"], "198.51.100.7"),
            ("10.0.0.1", &["203.0.113.9, nonsense"], &["10.0.0.0/8"], "10.0.0.1"),
            ("10.0.0.1", &[], &["10.0.0.0/8"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7:4711"], &["10.0.0.0/8"], "198.51.100.7"),
            ("10.0.0.1", &["[2001:db8::7]:4711"], &["10.0.0.0/8"], "2001:db8::7"),
            ("10.0.0.1", &["[2001:db8::7]"], &["10.0.0.0/8"], "2001:db8::7"),
            ("10.0.0.1", &["203.0.113.9", "\u{ff}, 198.51.100.7"], &["10.0.0.0/8"], "10.0.0.1"),
            ("::ffff:10.0.0.1", &["198.51.100.7"], &["10.0.0.0/8"], "198.51.100.7"),
        ] {
            assert_eq!(seen(peer, forwarded, trusted), from(expected), "{peer} {forwarded:?} {trusted:?}");
        }
    }

    #[test]
    fn the_report_of_an_untrusted_nearby_proxy_only_separates_its_clients() {
        let ip = |text: &str| text.parse::<std::net::IpAddr>().unwrap();
        for (peer, forwarded, claimed) in [
            ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
            ("127.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
            ("fd00::1", "[2001:db8::7]:4711", "2001:db8::7"),
            ("100.64.0.1", "nonsense", "100.64.0.1"),
        ] {
            let expected = Source::claimed(ip(claimed), ip(peer));
            assert_eq!(seen(peer, &[forwarded], &[]), expected, "{peer} {forwarded}");
        }
        // The same behind a trusted proxy, and never from a distant address.
        let through = seen("10.0.0.1", &["198.51.100.7, 172.16.0.9"], &["10.0.0.0/8"]);
        assert_eq!(through, Source::claimed(ip("198.51.100.7"), ip("172.16.0.9")));
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"], &[]), Source::from(ip("192.0.2.1")));
    }

    #[test]
    fn other_forwarding_headers_are_read_too() {
        for (name, value, claim) in [
            ("x-real-ip", "198.51.100.7", "198.51.100.7"),
            ("forwarded", "for=203.0.113.9, For=\"[2001:db8::7]:80\";proto=https", "[2001:db8::7]:80"),
            ("forwarded", "proto=https", ""),
        ] {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
            assert_eq!(other_claim(&headers), Some(claim), "{value}");
        }
        assert_eq!(other_claim(&HeaderMap::new()), None);
    }
}
