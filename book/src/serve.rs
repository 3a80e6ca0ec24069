//! A small server for reading the book while one writes it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The longest request line that we read.
const REQUEST_MAX: u64 = 8192;

/// How often we look whether a file has changed.
const INTERVAL: Duration = Duration::from_millis(500);

/// How long a client may take over its request.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves a folder on the local machine, and calls `rebuild` whenever
/// something below one of the watched folders changes.
pub fn serve(
    folder: &Path,
    port: u16,
    watched: &[PathBuf],
    rebuild: impl Fn(),
) -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    println!("http://{}/", listener.local_addr()?);
    let pages = folder.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let pages = pages.clone();
            std::thread::spawn(move || answer(&pages, stream));
        }
    });
    let mut last = state(watched);
    loop {
        std::thread::sleep(INTERVAL);
        let now = state(watched);
        if now != last {
            last = now;
            rebuild();
        }
    }
}

/// When each file below some folders was changed.
fn state(folders: &[PathBuf]) -> BTreeMap<PathBuf, SystemTime> {
    let mut seen = BTreeMap::new();
    for folder in folders {
        look(folder, &mut seen);
    }
    seen
}

/// Looks at a file, or at everything in a folder. What goes away meanwhile
/// is not there.
fn look(path: &Path, seen: &mut BTreeMap<PathBuf, SystemTime>) {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        for entry in entries {
            look(&entry.path(), seen);
        }
    } else if let Ok(changed) = path.metadata().and_then(|at| at.modified()) {
        seen.insert(path.to_owned(), changed);
    }
}

/// Answers one request. Whoever went away in the meantime needs no answer.
fn answer(folder: &Path, mut stream: TcpStream) {
    let limits = stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
    let mut line = String::new();
    let mut request = BufReader::new((&stream).take(REQUEST_MAX));
    if limits.is_err() || request.read_line(&mut line).is_err() {
        return;
    }
    let (status, kind, body) = respond(folder, &line);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n\
         Content-Length: {}\r\nCache-Control: no-store\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    let sent = stream.write_all(head.as_bytes());
    drop(sent.and_then(|()| stream.write_all(&body)));
}

/// What to say to a request line: status, type, content.
pub fn respond(
    folder: &Path,
    request: &str,
) -> (&'static str, &'static str, Vec<u8>) {
    let refuse = |status: &'static str| {
        (status, "text/plain", format!("{status}\n").into_bytes())
    };
    let mut words = request.split_whitespace();
    let (Some("GET"), Some(target)) = (words.next(), words.next()) else {
        return refuse("405 Method Not Allowed");
    };
    let Some(path) = local(target) else {
        return refuse("404 Not Found");
    };
    let mut path = folder.join(path);
    if path.is_dir() {
        path.push("index.html");
    }
    match std::fs::read(&path) {
        Ok(body) => ("200 OK", kind(&path), body),
        Err(_) => refuse("404 Not Found"),
    }
}

/// The path below our folder that a target means; none when it would lead
/// out of it.
fn local(target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next()?.trim_start_matches('/');
    let path = PathBuf::from(decode(path)?);
    let inside = |part: Component<'_>| match part {
        Component::Normal(_) | Component::CurDir => true,
        Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
            false
        }
    };
    path.components().all(inside).then_some(path)
}

/// Decodes `%20` and its like.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(after.get(..2)?, 16).ok()?);
        rest = after.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// The media type of a file.
fn kind(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|at| at.to_str());
    match extension.unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "json" => "application/json",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
