//! AUTH and STARTTLS: who is speaking, and who can listen.

use crate::host::auth::Login;
use crate::host::client::{Gone, Line};
use crate::host::conversation::{Broken, Conversation, Then};
use crate::host::policy::RELAYCLIENT;
use crate::host::received::Protocol;
use crate::host::section::Step;
use crate::plugin::Message;
use crate::spp::Section;

/// The longest line of an AUTH exchange (RFC 4954 4).
pub const RESPONSE_MAX: usize = 12 * 1024;

/// How many wrong passwords we listen to.
const FAILURES_MAX: u32 = 3;

/// Said of each wrong password.
pub const WRONG: Message = Message::log("login failed for {user}");

/// Said when the encryption could not be agreed on.
pub const NO_TLS: Message = Message::log("no TLS: {error}");

/// The reply to what is not base64, or not what should be in it.
const NOT_VALID: &str = "501 malformed AUTH response (#5.5.2)";

/// The reply when too many passwords wait (RFC 4954 6).
const BUSY: &str = "454 too many logins, try again later (#4.7.0)";

impl Conversation {
    /// Whether a password may be sent now: encrypted, within one machine, or
    /// because the administrator says so (RFC 4954 4: it MUST be possible to
    /// forbid the rest; we do so from the beginning).
    pub fn offers_auth(&self) -> bool {
        let is_local =
            self.session.client_ip().is_ok_and(|ip| ip.is_loopback());
        !self.house.users.is_empty()
            && !self.protocol.is_authenticated
            && (self.protocol.is_encrypted
                || self.house.clear_passwords
                || is_local)
    }

    /// Whether encryption can begin.
    pub fn offers_tls(&self) -> bool {
        self.house.tls.is_some() && !self.protocol.is_encrypted
    }

    /// AUTH: a name and a password.
    pub async fn auth(&mut self, argument: &[u8]) -> Result<Then, Broken> {
        if self.house.users.is_empty() {
            return self.mistake("502 unimplemented (#5.5.1)");
        }
        if self.protocol.is_authenticated || self.has_sender {
            // RFC 4954 4: not twice, and not in the midst of a message.
            return self.mistake("503 not now (#5.5.1)");
        }
        if !self.offers_auth() {
            return self.mistake("530 STARTTLS first (#5.7.0)");
        }
        let argument = String::from_utf8_lossy(argument).into_owned();
        let (method, first) =
            argument.split_once(' ').unwrap_or((&argument, ""));
        let first = Some(first.trim()).filter(|first| !first.is_empty());
        let method = method.to_ascii_uppercase();
        let login = match method.as_str() {
            "PLAIN" => self.plain(first).await?,
            "LOGIN" => self.login(first).await?,
            _ => return self.mistake("504 no such mechanism (#5.5.4)"),
        };
        let Some(login) = login else { return self.mistake(NOT_VALID) };
        self.check(&method, login).await
    }

    /// PLAIN: all in one (RFC 4616).
    async fn plain(
        &mut self,
        first: Option<&str>,
    ) -> Result<Option<Login>, Broken> {
        let response = match first {
            Some(first) => Some(first.as_bytes().to_owned()),
            None => self.ask("334 ").await?,
        };
        Ok(response.and_then(|response| Login::plain(&response)))
    }

    /// LOGIN: first the name, then the password, each asked for in base64.
    async fn login(
        &mut self,
        first: Option<&str>,
    ) -> Result<Option<Login>, Broken> {
        let user = match first {
            Some(first) => Some(first.as_bytes().to_owned()),
            None => self.ask("334 VXNlcm5hbWU6").await?,
        };
        let Some(user) = user else { return Ok(None) };
        let password = self.ask("334 UGFzc3dvcmQ6").await?;
        Ok(password.and_then(|password| Login::answers(&user, &password)))
    }

    /// Asks for the next response. Nothing if the client gives up with `*`.
    async fn ask(
        &mut self,
        challenge: &str,
    ) -> Result<Option<Vec<u8>>, Broken> {
        self.say(challenge);
        Ok(match self.client.line(RESPONSE_MAX).await? {
            Line::Complete(line) if line != b"*" => Some(line),
            Line::Complete(_) | Line::TooLong => None,
        })
    }

    /// Looks at the password, then asks the plugins. Whoever has one may
    /// send to everybody.
    async fn check(
        &mut self,
        method: &str,
        login: Login,
    ) -> Result<Then, Broken> {
        let named = login.user.clone();
        let Ok(verified) = self.house.users.verify(login).await else {
            // Nobody has looked: it counts as no wrong password.
            return Ok(self.say(BUSY));
        };
        let Some(user) = verified else {
            self.log(&WRONG, &[&named]);
            self.failed_logins += 1;
            if self.failed_logins >= FAILURES_MAX {
                self.say("421 too many wrong passwords (#4.7.0)");
                return Ok(Then::Close);
            }
            return Ok(self.say("535 wrong name or password (#5.7.8)"));
        };
        self.session.set("SMTPAUTHUSER", &user);
        self.session.set("SMTPAUTHMETHOD", method);
        let step = self.plugins(Section::Auth).await?.step;
        match step {
            Step::GoOn | Step::Lifted => {
                self.protocol.is_authenticated = true;
                if self.session.get(RELAYCLIENT).is_none() {
                    self.session.set(RELAYCLIENT, "");
                }
                Ok(self.say("235 ok, go ahead (#2.7.0)"))
            }
            Step::Refused | Step::Close => {
                self.session.unset("SMTPAUTHUSER");
                self.session.unset("SMTPAUTHMETHOD");
                let is_over = step == Step::Close;
                Ok(if is_over { Then::Close } else { Then::Listen })
            }
        }
    }

    /// STARTTLS: from here on encrypted. All that was said before was said
    /// in the clear, so nothing of it counts any longer (RFC 3207 4.2).
    pub async fn start_tls(&mut self) -> Result<Then, Broken> {
        let Some(tls) = self.house.tls.clone() else {
            return self.mistake("502 unimplemented (#5.5.1)");
        };
        if self.protocol.is_encrypted {
            return self.mistake("503 not twice (#5.5.1)");
        }
        self.say("220 ready for TLS");
        let encrypted = self.client.encrypt(tls).await;
        if let Err(Gone::Broken(error)) = &encrypted {
            self.log(&NO_TLS, &[&error.to_string()]);
        }
        encrypted?;
        self.forget_message();
        (self.session, self.spp.is_on) = self.beginning.clone();
        self.protocol = Protocol { is_encrypted: true, ..Protocol::default() };
        Ok(Then::Listen)
    }
}
