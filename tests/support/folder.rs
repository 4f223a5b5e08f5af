//! A temporary folder with a configuration and a data folder in it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::program;

/// Ports below those that the system gives to connections, so that none takes one while a server is restarted.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 12_000;

/// Goes with everything in it.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// An empty data folder; the server chooses its ports.
    pub(crate) fn new() -> Self {
        let folder = Self(TempDir::new().unwrap());
        folder.listen([0; 4]);
        folder
    }

    /// A data folder with campaigns for every format.
    pub(crate) fn with_examples() -> Self {
        let folder = Self::new();
        let done = folder.run(&["init", "--example", "all-formats", "--data", "data"]);
        assert_eq!(done.code, Some(0), "{done:?}");
        assert!(done.out.contains("14 live line items"), "{done:?}");
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Runs a command here.
    pub(crate) fn run(&self, args: &[&str]) -> program::Ended {
        program::run(self.path(), args)
    }

    /// Lets the server listen on ports that it will find again after a restart.
    pub(crate) fn keep_ports(&self) {
        // Held together, so that they differ.
        let held: Vec<TcpListener> = (0..PORTS)
            .map(|n| FIRST_PORT + (std::process::id() as u16).wrapping_add(n) % PORTS)
            .filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok())
            .take(4)
            .collect();
        let ports: Vec<u16> = held
            .iter()
            .map(|one| one.local_addr().unwrap().port())
            .collect();
        self.listen(ports.try_into().unwrap());
    }

    /// How long servers still take connections when they are told to end.
    pub(crate) fn leave_ms(&self, ms: u16) {
        let path = self.file("paceline.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("leave_ms = 0", &format!("leave_ms = {ms}"));
        std::fs::write(path, text).unwrap();
    }

    /// Writes the configuration: short waiting times, and these ports.
    pub(crate) fn listen(&self, [console, bidder, pixel, admin]: [u16; 4]) {
        let text = format!(
            "data = \"data\"\n\
             [console]\nlisten = \"127.0.0.1:{console}\"\n\
             [bidder]\nlisten = \"127.0.0.1:{bidder}\"\n\
             [pixel]\nlisten = \"127.0.0.1:{pixel}\"\n\
             [admin]\nleave_ms = 0\nlisten = \"127.0.0.1:{admin}\"\n\
             [updater]\nlateness_s = 1\nclick_window_s = 1\nconversion_window_s = 2\n\
             publish_every_ms = 500\ncheckpoint_every_s = 1\n\
             [exchange.generic]\nhold_web_s = 2\nhold_app_s = 2\n"
        );
        std::fs::write(self.file("paceline.toml"), text).unwrap();
    }
}
