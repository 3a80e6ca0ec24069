//! Replaying whole recordings, of either form.

use crate::host::recording::{Recording, Replayed};
use crate::plugin::Plugin;

/// One entry of a recording, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name; with the plugin's before it where there is one.
    pub name: String,
    /// What became of it.
    pub replayed: Replayed,
}

/// Replays every entry, one after the other, with these plugins.
pub async fn replay(
    recording: &Recording,
    plugins: &[&'static Plugin],
) -> Vec<Entry> {
    let mut entries = Vec::new();
    match recording {
        Recording::Cases(cases) => {
            for case in cases {
                let name = format!("{}/{}", case.plugin, case.name);
                let replayed = case.replay(plugins).await;
                entries.push(Entry { name, replayed });
            }
        }
        Recording::Dialogues(dialogues) => {
            for dialogue in dialogues {
                let name = dialogue.name.clone();
                let replayed = dialogue.replay(plugins).await;
                entries.push(Entry { name, replayed });
            }
        }
    }
    entries
}
