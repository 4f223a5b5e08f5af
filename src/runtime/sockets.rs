//! Sockets, bound before anything is announced as ready.

use std::net::TcpListener;

use service_kit::listen;

use super::Addresses;
use crate::cli::Part;
use crate::config::Listen;

/// Bound sockets of the parts that run.
pub(crate) struct Sockets {
    pub(super) console: Option<TcpListener>,
    pub(super) bidder: Option<TcpListener>,
    pub(super) pixel: Option<TcpListener>,
    pub(super) admin: TcpListener,
}

impl Sockets {
    /// Binds what the parts need.
    ///
    /// # Errors
    /// Naming address and key of the first that is taken or no address.
    pub(crate) fn bind(addresses: &Listen, parts: &[Part]) -> anyhow::Result<Self> {
        let part = |part, key: &str, address: &str| match parts.contains(&part) {
            true => listen::bind(key, address).map(Some),
            false => Ok(None),
        };
        Ok(Self {
            console: part(Part::Console, "console.listen", &addresses.console)?,
            bidder: part(Part::Bidder, "bidder.listen", &addresses.bidder)?,
            pixel: part(Part::Pixel, "pixel.listen", &addresses.pixel)?,
            admin: listen::bind("admin.listen", &addresses.admin)?,
        })
    }

    /// Binds every part to its address, or to a free port where that is taken.
    ///
    /// # Errors
    /// When no port is free.
    pub(crate) fn bind_any(addresses: &Listen) -> anyhow::Result<Self> {
        let any = |key: &str, address: &str| {
            listen::bind(key, address).or_else(|_| listen::bind(key, "127.0.0.1:0"))
        };
        Ok(Self {
            console: Some(any("console.listen", &addresses.console)?),
            bidder: Some(any("bidder.listen", &addresses.bidder)?),
            pixel: Some(any("pixel.listen", &addresses.pixel)?),
            admin: any("admin.listen", &addresses.admin)?,
        })
    }

    /// Where they are.
    ///
    /// # Errors
    /// When the system cannot say.
    pub(crate) fn addresses(&self) -> anyhow::Result<Addresses> {
        let of = |listener: &Option<TcpListener>| {
            listener.as_ref().map(TcpListener::local_addr).transpose()
        };
        Ok(Addresses {
            console: of(&self.console)?,
            bidder: of(&self.bidder)?,
            pixel: of(&self.pixel)?,
            admin: self.admin.local_addr()?,
        })
    }
}
