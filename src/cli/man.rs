//! `ra man`: manual pages, made from what is declared.
//!
//! The pages of the commands come from the argument parser, those of the
//! plugins from their declarations; so none of them can be out of date.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, FromArgMatches};

use crate::cli::{Outcome, complain, print};
use crate::plugin::{DEADLINE, Plugin, Reader};
use crate::registry::PLUGINS;

/// What is typed.
pub const NAME: &str = "man";

/// What `ra man` takes.
#[derive(Args, Debug)]
struct ManArgs {
    /// The folder for the pages; it is made if it is missing
    dir: PathBuf,
}

/// Declares the arguments and the help.
pub fn configure(command: clap::Command) -> clap::Command {
    ManArgs::augment_args(command)
        .about("Writes the manual pages of ra and of every plugin")
        .after_help("Example: ra man /usr/local/share/man")
}

/// Writes the pages: `ra.1` and the commands' in `man1`, the plugins' in
/// `man8`. It is not a [`crate::cli::Command`] like the others, because it
/// must know all of them: `parser` does.
pub fn run(matches: &ArgMatches, parser: clap::Command) -> Outcome {
    let Ok(arguments) = ManArgs::from_arg_matches(matches) else {
        return Outcome::Trouble;
    };
    match write_all(&arguments.dir, parser) {
        Ok(count) => {
            let dir = arguments.dir.display();
            print(format_args!("{count} pages in {dir}"));
            Outcome::Yes
        }
        Err(error) => {
            complain(error);
            Outcome::Trouble
        }
    }
}

/// Writes every page, and tells how many there are.
fn write_all(dir: &Path, parser: clap::Command) -> io::Result<usize> {
    let (commands, plugins) = (dir.join("man1"), dir.join("man8"));
    fs::create_dir_all(&commands)?;
    fs::create_dir_all(&plugins)?;
    clap_mangen::generate_to(parser, &commands)?;
    for plugin in PLUGINS {
        fs::write(plugins.join(format!("{}.8", plugin.name)), page(plugin))?;
    }
    Ok(fs::read_dir(&commands)?.count() + PLUGINS.len())
}

/// A text as roff takes it: no backslash, hyphen, quote or leading dot of
/// it means anything.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let text = text.replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

/// A paragraph with a heading of its own.
fn item(heading: &str, text: &str) -> String {
    format!(".TP\n.B {}\n{}\n", escape(heading), escape(text))
}

/// The manual page of a plugin.
pub fn page(plugin: &Plugin) -> String {
    let name = escape(plugin.name);
    let sections: Vec<_> =
        plugin.sections.iter().map(|section| section.name()).collect();
    let mut page = format!(
        ".TH {} 8 \"\" \"ra {}\" \"ra\\-plugins\"\n",
        name.to_uppercase(),
        env!("CARGO_PKG_VERSION"),
    );
    page += &format!(".SH NAME\n{name} \\- {}\n", escape(plugin.purpose));
    page += &format!(".SH SYNOPSIS\n.B ra plugin {name}\n");
    if !sections.is_empty() {
        let lines: String =
            sections.iter().map(|it| format!("[{it}]\n")).collect();
        page += &format!(
            ".PP\nIn control/smtpplugins, below one of\n.nf\n{lines}.fi\n\
             a line\n.nf\nplugins/{name}\n.fi\n"
        );
    }
    page += ".SH ENVIRONMENT\n";
    for setting in plugin.settings.iter().chain([&DEADLINE]) {
        let default = if setting.default.is_empty() {
            "none".to_owned()
        } else {
            setting.default.to_owned()
        };
        let kind = setting.kind.name();
        let text = format!("{} ({kind}; default: {default})", setting.help);
        page += &item(setting.name, &text);
    }
    page += &item(
        &plugin.shadow_variable(),
        "decide and log, but let the mail pass (switch; default: 0)",
    );
    if !plugin.files.is_empty() {
        page += ".SH FILES\n";
        for (path, meaning) in plugin.files {
            page += &item(path, meaning);
        }
    }
    page + &messages(plugin) + ".SH SEE ALSO\n.BR ra (1)\n"
}

/// What a plugin can say, to whom.
fn messages(plugin: &Plugin) -> String {
    let mut text = String::new();
    for (title, reader) in
        [("REPLIES", Reader::Client), ("LOG LINES", Reader::Log)]
    {
        let said = plugin.messages.iter().filter(|it| it.reader == reader);
        let lines: String =
            said.map(|it| format!(".PP\n{}\n", escape(it.template))).collect();
        if !lines.is_empty() {
            text += &format!(".SH {title}\n{lines}");
        }
    }
    text
}
