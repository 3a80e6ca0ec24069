//! `ra install`: links with the plugins' names, and the lines to paste.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, FromArgMatches};
use serde_json::json;

use crate::cli::{Command, Outcome, complain, print, print_json};
use crate::plugin::Plugin;
use crate::registry::{PLUGINS, find};
use crate::session::Session;
use crate::spp::Section;
use crate::world::QMAIL;

/// `ra install DIR [NAME…]`.
pub const COMMAND: Command = Command {
    name: "install",
    configure: |command| {
        InstallArgs::augment_args(command)
            .about("Links plugins into a folder and prints what to paste")
            .after_help("Example: ra install /var/qmail/plugins msa tarpit")
    },
    run,
};

/// What `ra install` takes.
#[derive(Args, Debug)]
struct InstallArgs {
    /// The folder for the links; it is made if it is missing
    dir: PathBuf,
    /// The plugins, or raterclient, spfquery [default: all plugins]
    names: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Names under which this program is not a plugin but a program of its own.
/// A link of such a name would not run the plugin of that name.
const PROGRAMS: [&str; 3] = ["rater", "raterclient", "spfquery"];

/// The program that has everything.
const LARGE: &str = "ra";

/// The program that has nothing but plugins.
const SMALL: &str = "ra-plugin";

/// Plugins that do harm where they do not belong, or do nothing before
/// something else is set up, and why. Whoever asks for all plugins gets their
/// lines as comments; whoever names one knows why.
const DOUBTFUL: [(&str, &str); 12] = [
    ("msa", "for a submission port: refuses whoever has not logged in"),
    ("dotblind", "only where no user's name has a dot that counts"),
    ("localmail", "needs a list of users who may not write to the outside"),
    ("ipthrottle", "needs a rater"),
    ("userthrottle", "needs a rater, and is for a submission port"),
    ("rater", "needs a rater, and a RATER_CLASS"),
    ("rcptchecksfile", "needs a list of all addresses"),
    ("rcptcheckscdb", "needs a CDB of all addresses"),
    ("rcptchecks", "needs vpopmail; one of the three rcptchecks is enough"),
    ("senderchecksfile", "needs a list of all addresses"),
    ("senderchecks", "needs vpopmail; one of the two senderchecks is enough"),
    ("checkback", "asks strangers' servers; read its chapter first"),
];

/// Makes the links. The smtpplugins lines go to standard output alone, so
/// that they can be redirected.
fn run(matches: &ArgMatches) -> Outcome {
    let Ok(arguments) = InstallArgs::from_arg_matches(matches) else {
        return Outcome::Trouble;
    };
    let mut chosen = Vec::new();
    let mut links = Vec::new();
    for name in &arguments.names {
        let is_program = PROGRAMS.contains(&name.as_str());
        match find(name) {
            Some(plugin) => chosen.push(plugin),
            None if is_program => links.push(name.as_str()),
            None => {
                complain(format_args!("there is no plugin named {name:?}"));
                return Outcome::No;
            }
        }
    }
    if arguments.names.is_empty() {
        chosen.extend(PLUGINS);
    }
    let names = chosen.iter().map(|plugin| plugin.name);
    links.extend(names.filter(|name| !PROGRAMS.contains(name)));
    let made = std::env::current_exe().and_then(|program| {
        fs::create_dir_all(&arguments.dir)?;
        let folder = fs::canonicalize(&arguments.dir)?;
        let small = small(&program);
        for name in links {
            let is_program = PROGRAMS.contains(&name);
            let program = if is_program { &program } else { &small };
            link(program, &folder.join(name))?;
        }
        Ok((program, folder))
    });
    match made {
        Ok((program, folder)) => {
            tell(&chosen, &program, &folder, &arguments);
            Outcome::Yes
        }
        Err(error) => {
            complain(format_args!("{}: {error}", arguments.dir.display()));
            Outcome::Trouble
        }
    }
}

/// The program that plugins are linked to: the small one, which starts
/// faster, if it was installed beside us.
fn small(program: &Path) -> PathBuf {
    let small = program.with_file_name(SMALL);
    if small.is_file() { small } else { program.to_owned() }
}

/// Makes one link, by a rename so that a running server never misses it. A
/// link to one of our programs is replaced; whatever else was there is
/// somebody's plugin, and stays.
fn link(program: &Path, link: &Path) -> io::Result<()> {
    match fs::symlink_metadata(link) {
        Ok(_) => {
            let target = fs::read_link(link).unwrap_or_default();
            let ours = [LARGE, SMALL].map(|name| Some(name.as_ref()));
            if !ours.contains(&target.file_name()) {
                let trouble = format!("{} is not ours", link.display());
                return Err(io::Error::other(trouble));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let draft = link.with_extension(std::process::id().to_string());
    symlink(program, &draft)?;
    fs::rename(&draft, link)
}

/// Prints the lines for smtpplugins, section by section. A plugin stands in
/// its usual section; the paths are relative to the qmail folder where the
/// links lie below it. A plugin without a link is called by its whole name.
/// If nobody has chosen, the doubtful ones are comments.
fn tell(
    chosen: &[&Plugin],
    program: &Path,
    folder: &Path,
    arguments: &InstallArgs,
) {
    let is_everything = arguments.names.is_empty();
    let session = Session::from_environment();
    let qmail = session.get("RA_QMAIL").unwrap_or(QMAIL);
    let qmail = fs::canonicalize(qmail).unwrap_or_else(|_| qmail.into());
    let shown = folder.strip_prefix(&qmail).unwrap_or(folder);
    let active_line = |plugin: &Plugin| match PROGRAMS.contains(&plugin.name) {
        true => format!(":{} plugin {}", program.display(), plugin.name),
        false => shown.join(plugin.name).display().to_string(),
    };
    let line_of = |plugin: &Plugin| {
        let line = active_line(plugin);
        let named = |(name, _): &&(&str, &str)| *name == plugin.name;
        match DOUBTFUL.iter().find(named).filter(|_| is_everything) {
            Some((name, why)) => format!("# {name}: {why}\n#{line}"),
            None => line,
        }
    };
    let mut sections = Vec::new();
    for section in Section::ALL {
        let lines: Vec<String> = chosen
            .iter()
            .filter(|plugin| plugin.sections.first() == Some(&section))
            .map(|plugin| line_of(plugin))
            .collect();
        if !lines.is_empty() {
            sections.push((section.name(), lines));
        }
    }
    if arguments.json {
        return print_json(&json!(sections));
    }
    for (name, lines) in sections {
        print(format_args!("[{name}]\n{}\n", lines.join("\n")));
    }
}
