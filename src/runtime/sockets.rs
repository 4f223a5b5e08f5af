//! Sockets, bound or taken over before anything is announced as ready.

use std::net::{SocketAddr, TcpListener};

use service_kit::handover::Named;
use service_kit::listen;

use super::Addresses;
use crate::cli::Part;
use crate::config::Listen;

/// The keys that say where parts listen: also the names that sockets are handed over by.
const CONSOLE: &str = "console.listen";
const BIDDER: &str = "bidder.listen";
const PIXEL: &str = "pixel.listen";
const ADMIN: &str = "admin.listen";

/// Bound sockets of the parts that run.
pub(crate) struct Sockets {
    pub(super) console: Option<TcpListener>,
    pub(super) bidder: Option<TcpListener>,
    pub(super) pixel: Option<TcpListener>,
    pub(super) admin: TcpListener,
    /// They were another process's, which is about to end.
    pub(super) taken_over: bool,
}

impl Sockets {
    /// Binds what the parts need.
    ///
    /// # Errors
    /// Naming address and key of the first that is taken or no address.
    pub(crate) fn bind(addresses: &Listen, parts: &[Part]) -> anyhow::Result<Self> {
        Self::adopt(addresses, parts, Vec::new())
    }

    /// The same, out of `given` where it listens where it should. What is not needed of it is let go.
    ///
    /// # Errors
    /// Naming address and key of the first that is taken or no address.
    pub(crate) fn adopt(
        addresses: &Listen,
        parts: &[Part],
        mut given: Vec<Named>,
    ) -> anyhow::Result<Self> {
        let taken_over = !given.is_empty();
        let mut one = |key: &str, address: &str| {
            let fits = |(name, socket): &Named| name == key && listens_at(socket, address);
            match given.iter().position(fits) {
                Some(found) => Ok(given.swap_remove(found).1),
                None => listen::bind(key, address),
            }
        };
        let mut part = |part, key: &str, address: &str| match parts.contains(&part) {
            true => one(key, address).map(Some),
            false => Ok(None),
        };
        Ok(Self {
            console: part(Part::Console, CONSOLE, &addresses.console)?,
            bidder: part(Part::Bidder, BIDDER, &addresses.bidder)?,
            pixel: part(Part::Pixel, PIXEL, &addresses.pixel)?,
            admin: one(ADMIN, &addresses.admin)?,
            taken_over,
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
            console: Some(any(CONSOLE, &addresses.console)?),
            bidder: Some(any(BIDDER, &addresses.bidder)?),
            pixel: Some(any(PIXEL, &addresses.pixel)?),
            admin: any(ADMIN, &addresses.admin)?,
            taken_over: false,
        })
    }

    /// Second handles of the same sockets, each under its key.
    ///
    /// # Errors
    /// When the process has no file descriptors left.
    pub(crate) fn handles(&self) -> std::io::Result<Vec<Named>> {
        let all = [
            (CONSOLE, self.console.as_ref()),
            (BIDDER, self.bidder.as_ref()),
            (PIXEL, self.pixel.as_ref()),
            (ADMIN, Some(&self.admin)),
        ];
        all.into_iter()
            .filter_map(|(name, socket)| Some((name, socket?)))
            .map(|(name, socket)| Ok((name.to_owned(), socket.try_clone()?)))
            .collect()
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

/// Whether a socket is what `bind` would give for an address; any port stands for port 0.
fn listens_at(socket: &TcpListener, address: &str) -> bool {
    let wanted = listen::resolve(address).ok();
    let same = |here: SocketAddr, wanted: SocketAddr| {
        here.ip() == wanted.ip() && (wanted.port() == 0 || here.port() == wanted.port())
    };
    let here = socket.local_addr().ok();
    here.zip(wanted)
        .is_some_and(|(here, wanted)| same(here, wanted))
}
