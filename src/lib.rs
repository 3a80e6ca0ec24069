//! Plugins that decide about mail while the SMTP session is still open.
