//! The program as it stands at the end of a chapter.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

use crate::site::Site;
use crate::source::{SourceError, below, read};
use crate::walker::Target;
use crate::web::Kind;

/// Why a stage cannot be written, or does not hold.
#[derive(Debug, Error)]
pub enum StageError {
    /// A file cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file cannot be written.
    #[error("{0}: {1}")]
    Write(PathBuf, std::io::Error),
    /// No chapter has this number.
    #[error("no chapter {0} shows anything of the program")]
    NoChapter(String),
    /// The tests of a stage fail.
    #[error("the program does not hold at the end of chapter {0}")]
    Failed(String),
}

/// The chapters that show something of the program or of its tests, as
/// number and index.
pub fn chapters(site: &Site) -> Vec<(String, usize)> {
    let mut found = BTreeMap::new();
    for chunk in &site.web.chunks {
        let path = site.path(chunk.file);
        let program = path.starts_with("src/") || path.starts_with("tests/");
        if program && chunk.kind != Kind::Preview {
            let chapter = site.chapters.get(chunk.chapter);
            let number = chapter.map_or("", |chapter| &chapter.number);
            found.insert(chunk.chapter, number.to_owned());
        }
    }
    found.into_iter().map(|(index, number)| (number, index)).collect()
}

/// Writes the program as it stands at the end of a chapter into a folder.
pub fn stage(site: &Site, number: &str, to: &Path) -> Result<(), StageError> {
    let all = chapters(site);
    let chapter = all.iter().find(|(name, _)| name == number);
    let missing = || StageError::NoChapter(number.to_owned());
    let (_, chapter) = chapter.ok_or_else(missing)?;
    let last = all.iter().map(|(_, index)| *index).max();
    write_stage(site, *chapter, last == Some(*chapter), to)
}

/// Writes a stage; the last one has everything.
fn write_stage(
    site: &Site,
    chapter: usize,
    last: bool,
    to: &Path,
) -> Result<(), StageError> {
    for folder in ["src", "tests", "benches", "snapshots"] {
        let old = to.join(folder);
        if old.is_dir() {
            let failed = |error| StageError::Write(old.clone(), error);
            std::fs::remove_dir_all(&old).map_err(failed)?;
        }
    }
    let mut has_main = false;
    for file in 0..site.sources.len() {
        let path = site.path(file).to_owned();
        let text = if path.starts_with("src/") {
            program_text(site, file, chapter)
        } else if wanted(site, file, chapter, last) {
            read(&site.root.join(&path))?
        } else {
            String::new()
        };
        if !text.is_empty() {
            has_main |= path == "src/main.rs";
            write(&to.join(&path), &text)?;
        }
    }
    if !to.join("src/lib.rs").is_file() {
        write(&to.join("src/lib.rs"), "//! Not yet begun.\n")?;
    }
    let manifest = read(&site.root.join("Cargo.toml"))?;
    let has_test = |name: &str| to.join(format!("tests/{name}.rs")).is_file();
    let manifest = trim_manifest(&manifest, has_main, last, has_test);
    write(&to.join("Cargo.toml"), &manifest)?;
    for name in ["Cargo.lock", "rustfmt.toml", "clippy.toml", "README.md"] {
        copy(&site.root.join(name), &to.join(name))?;
    }
    for folder in ["tests", "snapshots", "src"] {
        copy_data(&site.root, &site.root.join(folder), to)?;
    }
    Ok(())
}

/// The lines of a file that the book has shown by the end of a chapter.
fn program_text(site: &Site, file: usize, chapter: usize) -> String {
    let Some(source) = site.sources.get(file) else { return String::new() };
    let mut text = String::new();
    let mut blank = false;
    for line in 1..=source.lines.len() {
        if source.is_blank(line) {
            blank = true;
            continue;
        }
        let chunk = site.chunk_of(file, line);
        if chunk.is_some_and(|chunk| chunk.chapter <= chapter) {
            if blank && !text.is_empty() {
                text.push('\n');
            }
            text.push_str(source.line(line));
            text.push('\n');
            blank = false;
        }
    }
    text
}

/// Whether a file of the tests or benchmarks belongs to a stage: when all of
/// its test that the book shows has been shown, and all that it uses. What
/// the book never shows comes last; what is not a test of its own, nor part
/// of one, comes always.
fn wanted(site: &Site, file: usize, chapter: usize, last: bool) -> bool {
    let path = site.path(file);
    if !path.starts_with("tests/") {
        return last && path.starts_with("benches/");
    }
    let files = test_of(site, file);
    if files.is_empty() {
        return true;
    }
    let chunks = site.web.chunks.iter().filter(|chunk| {
        chunk.kind != Kind::Preview && files.contains(&chunk.file)
    });
    match chunks.map(|chunk| chunk.chapter).max() {
        Some(shown) => {
            let needed = files.iter().map(|file| needed(site, *file));
            last || needed.fold(shown, usize::max) <= chapter
        }
        None => last,
    }
}

/// The files of the test that a file belongs to: itself and what it shares
/// with others, or its whole folder where that has a main.rs. None for what
/// is shared.
fn test_of(site: &Site, file: usize) -> Vec<usize> {
    let Some((folder, _)) = site.path(file).rsplit_once('/') else {
        return Vec::new();
    };
    if folder == "tests" {
        let source = site.sources.get(file);
        let lines = source.into_iter().flat_map(|source| &source.lines);
        let shared = lines.filter_map(|line| {
            let name = line.strip_prefix("mod ")?.strip_suffix(';')?;
            let path = format!("tests/{name}/mod.rs");
            (0..site.sources.len()).find(|file| site.path(*file) == path)
        });
        return std::iter::once(file).chain(shared).collect();
    }
    let inside = |other: &usize| {
        site.path(*other).rsplit_once('/').is_some_and(|it| it.0 == folder)
    };
    let files: Vec<_> = (0..site.sources.len()).filter(inside).collect();
    let main = format!("{folder}/main.rs");
    if files.iter().any(|file| site.path(*file) == main) {
        files
    } else {
        Vec::new()
    }
}

/// The chapter by which the book has shown all of the program that a file
/// uses. A test that starts the program itself needs its `main`.
fn needed(site: &Site, file: usize) -> usize {
    let starts = site.sources.get(file).is_some_and(|source| {
        source.lines.iter().any(|line| line.contains("CARGO_BIN_EXE_"))
    });
    let main = site
        .web
        .chunks
        .iter()
        .filter(|chunk| starts && site.path(chunk.file) == "src/main.rs");
    let finished = main.map(|chunk| chunk.chapter).max().unwrap_or(0);
    let names = site.links.names.get(file).into_iter().flatten();
    let chapters = names.filter_map(|(_, target)| {
        let Target::Use(id) = target else { return None };
        let def = site.links.def(*id)?;
        Some(site.chunk_of(def.file, def.line)?.chapter)
    });
    chapters.max().unwrap_or(0).max(finished)
}

/// The manifest without the members of the workspace and what they need, and
/// without programs, tests and benchmarks that are not there yet. In a stage
/// warnings are errors.
fn trim_manifest(
    manifest: &str,
    has_main: bool,
    last: bool,
    has_test: impl Fn(&str) -> bool,
) -> String {
    let mut out = String::new();
    let mut skipping = false;
    let mut lines = manifest.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with('[') {
            let name = lines.peek().and_then(|line| line.split('"').nth(1));
            let early = match line {
                "[[bin]]" => !has_main,
                "[[bench]]" => !last,
                "[[test]]" => !name.is_some_and(&has_test),
                _ => false,
            };
            skipping = early || line.starts_with("[profile.dev.package.");
        }
        let dropped = line.starts_with("members")
            || line.starts_with("default-members")
            || (line.starts_with("default-run") && !has_main);
        if !skipping && !dropped {
            out.push_str(line);
            out.push('\n');
        }
        if line == "[workspace.lints.rust]" {
            out.push_str("warnings = \"deny\"\n");
        }
    }
    out
}

/// Writes a file and the folders above it.
fn write(path: &Path, text: &str) -> Result<(), StageError> {
    let failed = |error| StageError::Write(path.to_owned(), error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}

/// Copies a file, if it is there.
fn copy(from: &Path, to: &Path) -> Result<(), StageError> {
    if !from.is_file() {
        return Ok(());
    }
    let failed = |error| StageError::Write(to.to_owned(), error);
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::copy(from, to).map(|_| ()).map_err(failed)
}

/// Copies what is not Rust: recordings, test suites, snapshots.
fn copy_data(root: &Path, from: &Path, to: &Path) -> Result<(), StageError> {
    let Ok(entries) = std::fs::read_dir(from) else { return Ok(()) };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            copy_data(root, &path, to)?;
        } else if path.extension().is_none_or(|is| is != "rs") {
            copy(&path, &to.join(below(root, &path)))?;
        }
    }
    Ok(())
}

/// Writes each stage in turn and runs its tests.
pub fn stages(site: &Site) -> Result<(), StageError> {
    let target = site.root.join("target");
    let folder = target.join("book/stage");
    for (number, _) in chapters(site) {
        stage(site, &number, &folder)?;
        let cargo = std::env::var_os("CARGO");
        let status = Command::new(cargo.unwrap_or_else(|| "cargo".into()))
            .args(["test", "--quiet"])
            .current_dir(&folder)
            .env("CARGO_TARGET_DIR", &target)
            .env("INSTA_UPDATE", "no")
            .status()
            .map_err(|error| StageError::Write(folder.clone(), error))?;
        if !status.success() {
            return Err(StageError::Failed(number));
        }
        println!("chapter {number} holds");
    }
    Ok(())
}
