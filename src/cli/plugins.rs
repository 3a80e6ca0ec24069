//! `ra plugins`: what there is.

use clap::{ArgMatches, Args, FromArgMatches};
use serde_json::{Value, json};

use crate::cli::{Command, Outcome, complain, print, print_json};
use crate::plugin::{DEADLINE, Plugin, Reader};
use crate::registry::{PLUGINS, find};
use crate::settings::Setting;

/// `ra plugins [NAME]`.
pub const COMMAND: Command = Command {
    name: "plugins",
    configure: |command| {
        PluginsArgs::augment_args(command)
            .about("Lists the plugins, or tells all about one")
            .after_help("Example: ra plugins tarpit")
    },
    run,
};

/// What `ra plugins` takes.
#[derive(Args, Debug)]
struct PluginsArgs {
    /// A plugin's name
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints the list, or the whole of one declaration.
fn run(matches: &ArgMatches) -> Outcome {
    let Ok(arguments) = PluginsArgs::from_arg_matches(matches) else {
        return Outcome::Trouble;
    };
    let chosen = match arguments.name.as_deref() {
        None => PLUGINS.to_vec(),
        Some(name) => match find(name) {
            Some(plugin) => vec![plugin],
            None => {
                complain(format_args!("there is no plugin named {name:?}"));
                return Outcome::No;
            }
        },
    };
    if arguments.json {
        print_json(&chosen.iter().map(|it| as_json(it)).collect::<Vec<_>>());
    } else if arguments.name.is_some() {
        chosen.iter().for_each(|plugin| print(describe(plugin).trim_end()));
    } else {
        for plugin in chosen {
            let sections = section_names(plugin);
            let (name, purpose) = (plugin.name, plugin.purpose);
            print(format_args!("{name:<18} {sections:<16} {purpose}"));
        }
    }
    Outcome::Yes
}

/// The sections of a plugin in one word.
fn section_names(plugin: &Plugin) -> String {
    let names = plugin.sections.iter().map(|section| section.name());
    names.collect::<Vec<_>>().join(",")
}

/// Everything about a plugin, for people.
fn describe(plugin: &Plugin) -> String {
    let (name, purpose) = (plugin.name, plugin.purpose);
    let sections = section_names(plugin);
    let mut text = format!("{name}: {purpose}\nsections: {sections}\n");
    text += "\nsettings\n";
    for setting in plugin.settings.iter().chain([&DEADLINE]) {
        let Setting { name, kind, default, help } = setting;
        let kind = kind.name();
        text += &format!("  {name} ({kind}; {default:?})\n      {help}\n");
    }
    let shadow = plugin.shadow_variable();
    text += &format!(
        "  {shadow} (switch; \"0\")\n      \
         decide and log, but let the mail pass\n"
    );
    if !plugin.files.is_empty() {
        text += "\nfiles\n";
    }
    for (path, meaning) in plugin.files {
        text += &format!("  {path}: {meaning}\n");
    }
    for (title, reader) in
        [("replies", Reader::Client), ("log lines", Reader::Log)]
    {
        let said = plugin.messages.iter().filter(|it| it.reader == reader);
        let lines: String =
            said.map(|it| format!("  {}\n", it.template)).collect();
        if !lines.is_empty() {
            text += &format!("\n{title}\n{lines}");
        }
    }
    text
}

/// Everything about a plugin, for programs.
fn as_json(plugin: &Plugin) -> Value {
    let said = |reader| -> Vec<_> {
        let messages = plugin.messages.iter();
        let chosen = messages.filter(|message| message.reader == reader);
        chosen.map(|message| message.template).collect()
    };
    let settings = plugin.settings.iter().chain([&DEADLINE]).map(|setting| {
        json!({
            "name": setting.name,
            "kind": setting.kind.name(),
            "default": setting.default,
            "help": setting.help,
        })
    });
    json!({
        "name": plugin.name,
        "purpose": plugin.purpose,
        "sections": plugin.sections.iter()
            .map(|section| section.name()).collect::<Vec<_>>(),
        "settings": settings.collect::<Vec<_>>(),
        "shadow": plugin.shadow_variable(),
        "files": plugin.files,
        "replies": said(Reader::Client),
        "log_lines": said(Reader::Log),
    })
}
