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
    authlogger, checkback, checkbackpurge, dotblind, ipthrottle, localmail,
    mfdnschecks, msa, overload, plusaliases, rater, rblchecks, rcptchecks,
    rcptcheckscdb, rcptchecksfile, senderchecks, senderchecksfile, spfchecks,
    tarpit, userthrottle,
};

/// Every plugin, in the order of the book. Within a section it is also a
/// good order to run them in: what costs nothing first, rules that change an
/// address before those that look it up.
pub const PLUGINS: &[&Plugin] = &[
    &authlogger::PLUGIN,
    &msa::PLUGIN,
    &localmail::PLUGIN,
    &tarpit::PLUGIN,
    &overload::PLUGIN,
    &plusaliases::PLUGIN,
    &dotblind::PLUGIN,
    &mfdnschecks::PLUGIN,
    &rblchecks::PLUGIN,
    &spfchecks::PLUGIN,
    &ipthrottle::PLUGIN,
    &userthrottle::PLUGIN,
    &rater::PLUGIN,
    &rcptchecksfile::PLUGIN,
    &rcptcheckscdb::PLUGIN,
    &rcptchecks::PLUGIN,
    &senderchecksfile::PLUGIN,
    &senderchecks::PLUGIN,
    &checkback::PLUGIN,
    &checkbackpurge::PLUGIN,
];

/// The plugin of this name.
pub fn find(name: &str) -> Option<&'static Plugin> {
    PLUGINS.iter().copied().find(|plugin| plugin.name == name)
}
