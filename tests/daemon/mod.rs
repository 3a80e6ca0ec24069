//! The real server, for tests that have to kill it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// All files of a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The real server, on a port of its own.
pub(crate) struct Daemon {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Daemon {
    /// Starts it in a folder.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let program = Command::new(env!("CARGO_BIN_EXE_ra"));
        Self::start_by(program, folder, arguments)
    }

    /// Starts it by another command, which ends in running `ra`.
    pub(crate) fn start_by(
        mut program: Command,
        folder: &Path,
        arguments: &[&str],
    ) -> Self {
        let mut child = program
            .args(["smtpd", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .current_dir(folder)
            .env("RA_QMAIL", folder)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let address = line.rsplit(' ').next().unwrap().to_owned();
        std::thread::spawn(move || lines.count());
        Self { child, address }
    }

    /// Connects, reads the greeting, sends and reads as many lines.
    pub(crate) fn talk(
        &self,
        said: &[u8],
        lines: usize,
    ) -> (TcpStream, Vec<String>) {
        let mut client = TcpStream::connect(&self.address).unwrap();
        client.write_all(said).unwrap();
        let reader = BufReader::new(client.try_clone().unwrap());
        let heard = reader.lines().take(lines).map_while(Result::ok);
        let heard = heard.collect();
        (client, heard)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let mut kill = Command::new("kill");
        assert!(kill.args([name, &pid]).status().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A session up to DATA.
pub(crate) const UP_TO_DATA: &[u8] =
    b"HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<joe@example.org>\r\nDATA\r\n";
