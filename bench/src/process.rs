//! Child processes of this program, and the processor time they have used.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Linux counts processor time in ticks of a hundredth of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// A child that ends when its input is closed, which dropping does.
#[derive(Debug)]
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts this program with other arguments.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(arguments: &[&str]) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {arguments:?}"))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("the child has no output")?;
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
        })
    }

    /// The next line it prints.
    ///
    /// # Errors
    /// When it has ended.
    pub fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        let read = self.output.read_line(&mut line)?;
        anyhow::ensure!(read > 0, "a child process ended early");
        Ok(line.trim().to_owned())
    }

    /// Has a client play a round.
    ///
    /// # Errors
    /// When the client or the server has ended.
    pub fn ask<R: DeserializeOwned>(&mut self, order: &impl Serialize) -> anyhow::Result<R> {
        self.tell(&serde_json::to_string(order)?)?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    /// Writes a line to its input.
    ///
    /// # Errors
    /// When it has ended.
    pub fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.input.as_mut().context("the child's input is closed")?;
        writeln!(input, "{line}")?;
        input.flush()?;
        Ok(())
    }

    /// User and system time so far, in seconds (fields 14 and 15 of `proc_pid_stat`).
    ///
    /// # Errors
    /// When the system does not say.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields = stat.rsplit(')').next().unwrap_or_default();
        // The text after the command name begins with field 3.
        let times = fields.split_whitespace().skip(11).take(2);
        let ticks = times.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
        Ok(ticks / TICKS_PER_SECOND)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.input = None;
        // It ends by itself; how is of no interest any more.
        self.child.wait().ok();
    }
}
