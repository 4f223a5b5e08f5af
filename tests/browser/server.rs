//! The real program on a temporary folder and free ports.

use std::process::Command;

use tempfile::TempDir;

use crate::program::Program;

const CONFIG: &str = "[console]\nlisten = \"127.0.0.1:0\"\n[bidder]\nlisten = \"127.0.0.1:0\"\n\
    [pixel]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n";

/// A running `paceline serve`. Addresses are `host:port`.
pub(crate) struct Server {
    pub(crate) console: String,
    pub(crate) bidder: String,
    pub(crate) pixel: String,
    /// The first administrator's, as printed.
    pub(crate) password: String,
    // In this order: first the process goes, then its folder.
    _program: Program,
    _folder: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("paceline.toml");
        std::fs::write(&config, CONFIG).unwrap();
        let program = Program::start(
            Command::new(env!("CARGO_BIN_EXE_paceline"))
                .arg("serve")
                .arg("--config")
                .arg(&config)
                .arg("--data")
                .arg(folder.path().join("data")),
        );
        Self {
            console: program.after("console  http://"),
            bidder: program.after("bidder   http://"),
            pixel: program.after("pixel    http://"),
            password: program.after("with the password "),
            _program: program,
            _folder: folder,
        }
    }
}
