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

/// Every plugin, by name.
pub const PLUGINS: &[&Plugin] = &[
    &authlogger::PLUGIN,
    &checkback::PLUGIN,
    &checkbackpurge::PLUGIN,
    &dotblind::PLUGIN,
    &ipthrottle::PLUGIN,
    &localmail::PLUGIN,
    &mfdnschecks::PLUGIN,
    &msa::PLUGIN,
    &overload::PLUGIN,
    &plusaliases::PLUGIN,
    &rater::PLUGIN,
    &rblchecks::PLUGIN,
    &rcptchecks::PLUGIN,
    &rcptcheckscdb::PLUGIN,
    &rcptchecksfile::PLUGIN,
    &senderchecks::PLUGIN,
    &senderchecksfile::PLUGIN,
    &spfchecks::PLUGIN,
    &tarpit::PLUGIN,
    &userthrottle::PLUGIN,
];

/// The plugin of this name.
pub fn find(name: &str) -> Option<&'static Plugin> {
    PLUGINS.iter().copied().find(|plugin| plugin.name == name)
}
