//! The program as a child process: everything it says is waited for, and for a bounded time only.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::Stopwatch;

/// How long a command may take, and a server to say where it listens. Generous: machines that test are busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at something that is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Most that is shown of what a program wrote to standard error.
const ERRORS_BYTES_MAX: u64 = 1 << 20;

/// A running child, killed when dropped.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    /// How many of them `line` has looked at.
    seen: usize,
    errors: File,
}

/// How a child ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Absent when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn last_line(&self) -> &str {
        self.out.lines().last().unwrap_or_default()
    }
}

/// `paceline` with a clean environment in a folder.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    command
        .args(args)
        .env_clear()
        .env("TMPDIR", folder)
        .current_dir(folder);
    command
}

/// Runs a command to its end.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Ended {
    Program::start(command(folder, args), b"").end()
}

impl Program {
    pub(crate) fn start(mut command: Command, input: &[u8]) -> Self {
        let errors = tempfile::tempfile().unwrap();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(errors.try_clone().unwrap()));
        let mut child = command.spawn().unwrap();
        // A program that does not read its input may be gone already.
        child.stdin.take().unwrap().write_all(input).ok();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            said: Vec::new(),
            seen: 0,
            errors,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard error so far.
    pub(crate) fn errors(&self) -> String {
        let mut text = vec![0; ERRORS_BYTES_MAX as usize];
        let read = self.errors.read_at(&mut text, 0).unwrap();
        text.truncate(read);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The first line after the last one asked for that contains a text.
    pub(crate) fn line(&mut self, containing: &str) -> String {
        let waited = Stopwatch::start();
        while waited.elapsed() < PATIENCE {
            while let Some(line) = self.said.get(self.seen) {
                self.seen += 1;
                if line.contains(containing) {
                    return line.clone();
                }
            }
            match self.lines.recv_timeout(LOOK_EVERY) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        panic!(
            "no line with {containing:?} in {:?}\n{}",
            self.said,
            self.errors()
        );
    }

    /// Waits until something is there, while the program runs.
    pub(crate) fn until<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut look: impl FnMut() -> Option<T>,
    ) -> T {
        let waited = Stopwatch::start();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(
                waited.elapsed() < within,
                "{what}: not within {within:?}\n{}",
                self.errors()
            );
            match self.lines.recv_timeout(LOOK_EVERY) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{what}: the program ended\n{}", self.errors())
                }
            }
        }
    }

    /// Waits until it ends by itself.
    pub(crate) fn end(mut self) -> Ended {
        let waited = Stopwatch::start();
        loop {
            match self.lines.recv_timeout(LOOK_EVERY) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Timeout) => assert!(
                    waited.elapsed() < PATIENCE,
                    "it does not end: {:?}\n{}",
                    self.said,
                    self.errors()
                ),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Ended {
            code: self.child.wait().unwrap().code(),
            out: self.said.join("\n"),
            err: self.errors(),
        }
    }

    /// Asks it to stop, as a service manager does.
    pub(crate) fn stop(self) -> Ended {
        self.ask_to_stop();
        self.end()
    }

    /// The same without waiting for it.
    pub(crate) fn ask_to_stop(&self) {
        let ask = format!("kill -s TERM {}", self.child.id());
        let asked = Command::new("sh").args(["-c", &ask]).status().unwrap();
        assert!(asked.success(), "{asked:?}");
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
