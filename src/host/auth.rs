//! Passwords: who may log in, and the two ways of saying so.
//!
//! The user file has a line `user:hash` for each. A hash is an argon2 PHC
//! string, or one of crypt's `$6$` and `$5$`, so that lines of an old shadow
//! file go on working. Both crates compare in constant time, and a user that
//! does not exist costs as much time as one that does, whatever that is.

use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{
    self, PasswordHash, PasswordHasher, PasswordVerifier, SaltString,
};
use base64ct::{Base64, Encoding};
use tokio::sync::Semaphore;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// How many passwords are looked at in the same moment. One argon2 takes
/// 19 MiB and a core: without a bound, strangers decide how many we have.
pub const AT_ONCE: usize = 4;

/// How long a password waits for its turn.
const TURN_TIME: Duration = Duration::from_secs(10);

/// The users of a server.
#[derive(Debug)]
pub struct Users {
    entries: Vec<(String, String)>,
    /// The turns that are free.
    pub turns: Arc<Semaphore>,
}

impl Default for Users {
    fn default() -> Self {
        Self::parse("")
    }
}

impl Users {
    /// Reads a user file; blank lines and comments do not count.
    pub fn parse(file: &str) -> Self {
        let lines = file.lines().map(str::trim);
        let lines = lines.filter(|line| !line.starts_with('#'));
        let entries = lines.filter_map(|line| line.split_once(':'));
        let owned = |(user, hash): (&str, &str)| {
            // What follows a second colon is the rest of a shadow line.
            let hash = hash.split(':').next().unwrap_or_default();
            (user.to_owned(), hash.to_owned())
        };
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Self { entries: entries.map(owned).collect(), turns }
    }

    /// Whether nobody can log in.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether this is the user's password. It takes a while, by design:
    /// the calculation runs beside the other sessions. An error says that
    /// its turn did not come.
    pub async fn verify(
        self: &Arc<Self>,
        login: Login,
    ) -> Result<Option<String>, Elapsed> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = timeout(TURN_TIME, turn).await?;
        let users = Arc::clone(self);
        let verified = tokio::task::spawn_blocking(move || {
            // The turn lasts as long as the calculation, which goes on even
            // if the session that wanted it breaks off.
            let _turn = turn;
            users.is_right(&login).then_some(login.user)
        });
        Ok(verified.await.ok().flatten())
    }

    /// The hash to calculate with. For a name that is not there it is the
    /// hash of somebody else, for the time it takes: always the same for the
    /// same name, and another for another, so that where one user has a slow
    /// hash, one a quick one and one none, nobody's names look like theirs.
    pub fn hash_for(&self, user: &str) -> Option<&str> {
        let entry = self.entries.iter().find(|(name, _)| name == user);
        let sum: usize = user.bytes().map(usize::from).sum();
        let at = sum.checked_rem(self.entries.len())?;
        entry.or(self.entries.get(at)).map(|(_, hash)| hash.as_str())
    }

    /// The calculation, which comes first.
    fn is_right(&self, login: &Login) -> bool {
        let hash = self.hash_for(&login.user).unwrap_or_default();
        matches_hash(&login.password, hash)
            && self.entries.iter().any(|(user, _)| *user == login.user)
    }
}

/// Whether a password has this hash.
fn matches_hash(password: &str, hash: &str) -> bool {
    if hash.starts_with("$6$") {
        return sha_crypt::sha512_check(password, hash).is_ok();
    }
    if hash.starts_with("$5$") {
        return sha_crypt::sha256_check(password, hash).is_ok();
    }
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
    })
}

/// Makes a line for the user file.
pub fn line(
    user: &str,
    password: &str,
) -> Result<String, password_hash::Error> {
    let salt = SaltString::generate(&mut OsRng);
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt)?;
    Ok(format!("{user}:{hash}"))
}

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Who somebody says they are.
    pub user: String,
    /// What should prove it.
    pub password: String,
}

impl Login {
    /// Reads the message of PLAIN (RFC 4616 2): for whom, who, password. We
    /// let nobody act for somebody else.
    pub fn plain(response: &[u8]) -> Option<Self> {
        let text = decode(response)?;
        let mut parts = text.split('\0');
        let (for_whom, user) = (parts.next()?, parts.next()?);
        let password = parts.next()?;
        let is_whole = parts.next().is_none() && !user.is_empty();
        let for_self = for_whom.is_empty() || for_whom == user;
        (is_whole && for_self).then(|| Self {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }

    /// Takes the two answers of LOGIN.
    pub fn answers(user: &[u8], password: &[u8]) -> Option<Self> {
        let (user, password) = (decode(user)?, decode(password)?);
        (!user.is_empty()).then_some(Self { user, password })
    }
}

/// A text from its base64, decoded in constant time. `=` alone is the empty
/// text (RFC 4954 4).
fn decode(response: &[u8]) -> Option<String> {
    if response == b"=" {
        return Some(String::new());
    }
    let response = std::str::from_utf8(response).ok()?;
    String::from_utf8(Base64::decode_vec(response).ok()?).ok()
}
