//! Binding a listening socket, with errors that name the address and the configuration key.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};

/// Connections the kernel keeps for us until we accept them; it cuts this to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Why an address cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Not `host:port`, or the host has no address.
    #[error("{key} = \"{address}\" is no address to listen on: {source}")]
    Address {
        /// The configuration key.
        key: String,
        /// Its value.
        address: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// Taken, forbidden, or not this machine's.
    #[error("cannot listen on {key} = \"{address}\": {source}")]
    Bind {
        /// The configuration key.
        key: String,
        /// Its value.
        address: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Binds `address` (`host:port`; port 0 lets the system choose), the value of the configuration key `key`.
/// The socket does not block and may be rebound at once after a restart.
///
/// # Errors
/// One of `ListenError`, which says what to change.
pub fn bind(key: &str, address: &str) -> Result<TcpListener, ListenError> {
    let first = resolve(address).map_err(|source| ListenError::Address {
        key: key.to_owned(),
        address: address.to_owned(),
        source,
    })?;
    open(first).map_err(|source| ListenError::Bind {
        key: key.to_owned(),
        address: address.to_owned(),
        source,
    })
}

/// The address that `bind` listens on for `host:port`.
///
/// # Errors
/// When it is none, or the host has no address.
pub fn resolve(address: &str) -> io::Result<SocketAddr> {
    let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    address.to_socket_addrs()?.next().ok_or_else(none)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Lets this process open as many files and connections as it may: systems give fewer unless asked. Gives the number.
pub fn allow_many_files() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // One that may not be raised stays as it is.
    setrlimit(Resource::Nofile, limit).ok();
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// One handle of the same socket for each core.
///
/// # Errors
/// When the process has no file descriptors left.
pub fn share(listener: &TcpListener, cores: usize) -> io::Result<Vec<TcpListener>> {
    (0..cores.max(1)).map(|_| listener.try_clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_key_and_address() {
        let first = bind("pixel.listen", "127.0.0.1:0").unwrap();
        let taken = first.local_addr().unwrap().to_string();
        let error = bind("pixel.listen", &taken).unwrap_err().to_string();
        assert!(
            error.contains("pixel.listen") && error.contains(&taken),
            "{error}"
        );
        let error = bind("admin.listen", "nonsense").unwrap_err();
        assert!(matches!(error, ListenError::Address { .. }), "{error}");
        assert_eq!(share(&first, 3).unwrap().len(), 3);
        assert!(allow_many_files() > 64);
    }
}
