//! Handing listening sockets to the process that takes over, so that no connection is refused in between.
//!
//! Both hold the same sockets of the kernel: whoever connects waits in their queue until one of the two accepts.
//! They speak over a Unix socket: the holder sends names and sockets, the successor says that it has them, and the
//! holder says when it has stopped accepting. See `docs/adr/0008-sockets-change-hands.md`.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// Most sockets that are handed over at once: more than a process of ours listens on.
const SOCKETS_MAX: usize = 8;
/// Most bytes of their names, with spaces.
const NAMES_BYTES_MAX: usize = 256;
/// How long either side waits for the other's next word; both have nothing else to do.
const WORD_TIMEOUT: Duration = Duration::from_secs(5);
/// After an asker that broke off, before the next is heard.
const PAUSE: Duration = Duration::from_millis(100);
/// The successor has the sockets and will serve them.
const TAKEN: u8 = b'+';
/// The holder accepts no more.
const STOPPED: u8 = b'.';

/// A listening socket with the name of what it is for: one word.
pub type Named = (String, TcpListener);

/// The holder's side: waits for a successor.
#[derive(Debug)]
pub struct Offer {
    listener: tokio::net::UnixListener,
    path: PathBuf,
    sockets: Vec<Named>,
    owner: u32,
}

impl Offer {
    /// Offers `sockets` at `path`, whose folder this process must hold: a file left there is replaced. Needs a tokio
    /// runtime with I/O.
    ///
    /// # Errors
    /// When the path is too long for a Unix socket (107 bytes) or cannot be written.
    pub fn open(path: &Path, sockets: Vec<Named>) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = tokio::net::UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            sockets,
            owner: std::fs::metadata(path)?.uid(),
        })
    }

    /// Waits until a process of the same user has taken the sockets over. One that asks and breaks off changes
    /// nothing; while one is spoken to, for 5 s at most, this blocks its thread.
    pub async fn taken(&self) -> Successor {
        loop {
            match self.listener.accept().await.and_then(|(s, _)| self.give(s)) {
                Ok(successor) => return successor,
                Err(error) => {
                    tracing::warn!(%error, "sockets were asked for and not taken");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn give(&self, stream: tokio::net::UnixStream) -> io::Result<Successor> {
        let asker = stream.peer_cred()?.uid();
        if asker != self.owner && asker != 0 {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("user {asker} is not the owner"),
            ));
        }
        let mut stream = patient(stream.into_std()?)?;
        let names: Vec<&str> = self.sockets.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(" ");
        let sockets: Vec<BorrowedFd<'_>> = self.sockets.iter().map(|(_, s)| s.as_fd()).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fits = control.push(SendAncillaryMessage::ScmRights(&sockets));
        if !fits || names.len() > NAMES_BYTES_MAX {
            return Err(io::Error::other("too many sockets"));
        }
        let bytes = [IoSlice::new(names.as_bytes())];
        sendmsg(&stream, &bytes, &mut control, SendFlags::NOSIGNAL)?;
        expect(&mut stream, TAKEN)?;
        Ok(Successor(stream))
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        // What stays behind is replaced by the next offer.
        std::fs::remove_file(&self.path).ok();
    }
}

/// A process that has our sockets and waits for us to stop.
#[derive(Debug)]
pub struct Successor(UnixStream);

impl Successor {
    /// Tells it that nothing is accepted here any more.
    pub fn stopped(mut self) {
        if let Err(error) = self.0.write_all(&[STOPPED]) {
            tracing::warn!(%error, "the successor is gone");
        }
    }
}

/// The successor's side: sockets that it has and that their holder still accepts from.
#[derive(Debug)]
pub struct Takeover {
    stream: UnixStream,
    sockets: Vec<Named>,
}

impl Takeover {
    /// Asks the holder at `path` for its sockets.
    ///
    /// # Errors
    /// When nobody offers any there, or not to us.
    pub fn ask(path: &Path) -> io::Result<Self> {
        let stream = patient(UnixStream::connect(path)?)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut names = [0; NAMES_BYTES_MAX];
        let mut into = [IoSliceMut::new(&mut names)];
        let read = recvmsg(&stream, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
        let mut sockets = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(given) = message {
                sockets.extend(given.map(TcpListener::from));
            }
        }
        let names = String::from_utf8_lossy(names.get(..read).unwrap_or_default()).into_owned();
        let names: Vec<&str> = names.split_whitespace().collect();
        if names.len() != sockets.len() || sockets.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} sockets came under {} names", sockets.len(), names.len()),
            ));
        }
        let names = names.into_iter().map(str::to_owned);
        Ok(Self {
            stream,
            sockets: names.zip(sockets).collect(),
        })
    }

    /// The sockets; empty the second time.
    pub fn sockets(&mut self) -> Vec<Named> {
        std::mem::take(&mut self.sockets)
    }

    /// Tells the holder to stop, and waits until it accepts no more; at most `patience`. A holder that dies has
    /// stopped as well.
    ///
    /// # Errors
    /// When it goes on accepting.
    pub fn wait_until_stopped(mut self, patience: Duration) -> io::Result<()> {
        self.stream.write_all(&[TAKEN])?;
        self.stream.set_read_timeout(Some(patience))?;
        match expect(&mut self.stream, STOPPED) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            told => told,
        }
    }
}

fn patient(stream: UnixStream) -> io::Result<UnixStream> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(WORD_TIMEOUT))?;
    stream.set_write_timeout(Some(WORD_TIMEOUT))?;
    Ok(stream)
}

fn expect(stream: &mut UnixStream, word: u8) -> io::Result<()> {
    let mut said = [0];
    stream.read_exact(&mut said)?;
    if said == [word] {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "the other side says something else",
    ))
}
