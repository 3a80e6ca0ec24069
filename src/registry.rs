//! All plugins.
//!
//! ```
//! use ra_plugins::registry;
//!
//! let plugin = registry::find("tarpit").unwrap();
//! assert_eq!(plugin.settings[0].name, "TARPITCOUNT");
//! ```

use crate::plugin::Plugin;
use crate::plugins::{
    authlogger, dotblind, ipthrottle, localmail, msa, overload, plusaliases,
    rater, tarpit, userthrottle,
};

/// Every plugin, by name.
pub const PLUGINS: &[&Plugin] = &[
    &authlogger::PLUGIN,
    &dotblind::PLUGIN,
    &ipthrottle::PLUGIN,
    &localmail::PLUGIN,
    &msa::PLUGIN,
    &overload::PLUGIN,
    &plusaliases::PLUGIN,
    &rater::PLUGIN,
    &tarpit::PLUGIN,
    &userthrottle::PLUGIN,
];

/// The plugin of this name.
pub fn find(name: &str) -> Option<&'static Plugin> {
    PLUGINS.iter().copied().find(|plugin| plugin.name == name)
}
