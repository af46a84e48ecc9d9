//! The source of a request.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The source of a request: an IPv4 address, or the IPv6 /64 that one customer usually holds. The report of an
/// unconfigured proxy keeps its clients apart, and proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    address: IpAddr,
    gateway: Option<IpAddr>,
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self { address: network(address), gateway: None }
    }
}

impl Source {
    /// An address that an unconfigured proxy reports.
    #[must_use]
    pub fn claimed(address: IpAddr, gateway: IpAddr) -> Self {
        Self { address: network(address), gateway: Some(network(gateway)) }
    }

    /// The network of which one party may hold all addresses: an IPv4 /24, an IPv6 /48.
    #[must_use]
    pub fn network(self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & !0xff)),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> 48))),
        }
    }

    /// The gateway that reports this source; `None` for a direct client.
    #[must_use]
    pub const fn gateway(self) -> Option<IpAddr> {
        self.gateway
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        if self.address.is_ipv6() {
            f.write_str("/64")?;
        }
        self.gateway.map_or(Ok(()), |gateway| write!(f, " (claimed by {gateway})"))
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}
