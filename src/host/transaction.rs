//! MAIL, RCPT and DATA: one message.

use crate::host::client::Block;
use crate::host::conversation::{Broken, Conversation, Then};
use crate::host::data::{Found, HOPS_MAX, Hops, Reader};
use crate::host::deliver::{Draft, Failure};
use crate::host::policy::relay_suffix;
use crate::host::received::received;
use crate::host::request::path;
use crate::host::section::Step;
use crate::plugin::Message;
use crate::spp::Section;

/// The reply to an address that is none.
const SYNTAX: &str = "555 syntax error (#5.5.4)";

/// The reply to a message that is too large (RFC 1870 6).
const TOO_LARGE: &str =
    "552 sorry, that message size exceeds my databytes limit (#5.3.4)";

/// The reply to recipients of somebody else's.
const NOT_OURS: &str = "553 sorry, that domain isn't in my list of allowed \
    rcpthosts (#5.7.1)";

/// The reply to recipients of an unwanted sender.
const BAD_SENDER: &str =
    "553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)";

/// The reply to one recipient too many (RFC 5321 4.5.3.1.10).
const TOO_MANY: &str = "452 too many recipients (#4.5.3)";

/// The reply to a message that goes round in circles.
const LOOPING: &str = "554 too many hops, this message is looping (#5.4.6)";

/// Said of each message that we have taken.
pub const TAKEN: Message =
    Message::log("took {bytes} bytes from <{sender}> for {count} recipients");

/// Said when a message could not be delivered.
pub const NOT_DELIVERED: Message = Message::log("not delivered: {error}");

/// What came of reading a message.
struct Read {
    /// Its size as RFC 1870 3 counts it: a line end is two bytes, dots that
    /// were doubled are one, and the dot at the end does not count.
    bytes: u64,
    hops: usize,
    failure: Option<Failure>,
}

impl Conversation {
    /// MAIL: a message begins. badmailfrom is looked up here and acted on at
    /// RCPT, as in qmail: many clients understand only that.
    pub async fn mail(&mut self, argument: &[u8]) -> Result<Then, Broken> {
        let Some(path) = path(argument) else {
            return self.mistake(SYNTAX);
        };
        if path.size() > self.house.policy.bounds.size {
            return Ok(self.refuse("MAIL", TOO_LARGE));
        }
        self.forget_envelope();
        let sender = String::from_utf8_lossy(&path.address).into_owned();
        self.session.set("SMTPMAILFROM", &sender);
        let outcome = self.plugins(Section::Mail).await?;
        self.envelope.sender = match outcome.address {
            Some(address) => address.into_bytes(),
            None => path.address,
        };
        match outcome.step {
            Step::Close => return Ok(Then::Close),
            Step::Refused => return Ok(Then::Listen),
            Step::Lifted => {}
            Step::GoOn => {
                let sender = &self.envelope.sender;
                self.is_bad_sender = self.house.policy.is_bad_sender(sender);
            }
        }
        self.has_sender = true;
        Ok(self.say("250 ok"))
    }

    /// RCPT: somebody it is for.
    pub async fn rcpt(&mut self, argument: &[u8]) -> Result<Then, Broken> {
        if !self.has_sender {
            return self.mistake("503 MAIL first (#5.5.1)");
        }
        let Some(path) = path(argument) else {
            return self.mistake(SYNTAX);
        };
        if self.envelope.recipients.len() >= self.house.policy.bounds.recipients
        {
            return Ok(self.refuse("RCPT", TOO_MANY));
        }
        let is_relay = relay_suffix(&self.session).is_some();
        let house = &self.house;
        let is_allowed =
            is_relay || house.policy.takes(&house.world, &path.address)?;
        self.asked += 1;
        self.tell_recipient(&path.address, is_allowed);
        let outcome = self.plugins(Section::Rcpt).await?;
        match outcome.step {
            Step::Close => return Ok(Then::Close),
            Step::Refused => return Ok(Then::Listen),
            Step::Lifted => {}
            Step::GoOn if self.is_bad_sender => {
                return Ok(self.refuse("RCPT", BAD_SENDER));
            }
            Step::GoOn if !is_allowed => {
                return Ok(self.refuse("RCPT", NOT_OURS));
            }
            Step::GoOn => {}
        }
        let mut recipient = match outcome.address {
            Some(address) => address.into_bytes(),
            None => path.address,
        };
        let suffix = relay_suffix(&self.session).unwrap_or_default();
        recipient.extend_from_slice(suffix.as_bytes());
        self.accept(recipient).await
    }

    /// Sets the variables of the rcpt section.
    fn tell_recipient(&mut self, recipient: &[u8], is_allowed: bool) {
        let accepted = self.envelope.recipients.len().to_string();
        let session = &mut self.session;
        session.set("SMTPRCPTTO", &String::from_utf8_lossy(recipient));
        session.set("SMTPRCPTCOUNT", &accepted);
        session.set("SMTPRCPTCOUNTALL", &self.asked.to_string());
        let is_allowed = if is_allowed { "1" } else { "0" };
        session.set("SMTPRCPTHOSTSOK", is_allowed);
    }

    /// Takes a recipient, unless the pass section has something against it:
    /// whoever was refused must not get the message.
    async fn accept(&mut self, recipient: Vec<u8>) -> Result<Then, Broken> {
        self.envelope.recipients.push(recipient);
        let accepted = self.envelope.recipients.len().to_string();
        self.session.set("SMTPRCPTCOUNT", &accepted);
        match self.plugins(Section::Pass).await?.step {
            Step::GoOn | Step::Lifted => Ok(self.say("250 ok")),
            Step::Close => Ok(Then::Close),
            Step::Refused => {
                self.envelope.recipients.pop();
                let accepted = self.envelope.recipients.len().to_string();
                self.session.set("SMTPRCPTCOUNT", &accepted);
                Ok(Then::Listen)
            }
        }
    }

    /// DATA: the message itself.
    pub async fn data(&mut self) -> Result<Then, Broken> {
        if !self.has_sender {
            return self.mistake("503 MAIL first (#5.5.1)");
        }
        if self.envelope.recipients.is_empty() {
            return self.mistake("503 RCPT first (#5.5.1)");
        }
        match self.plugins(Section::Data).await?.step {
            Step::GoOn | Step::Lifted => {}
            Step::Refused => return Ok(Then::Listen),
            Step::Close => return Ok(Then::Close),
        }
        let mut draft = match self.house.destination.begin(&self.envelope) {
            Ok(draft) => draft,
            Err(failure) => return Ok(self.fail(&failure)),
        };
        self.say("354 go ahead");
        let read = self.read_message(draft.as_mut()).await?;
        let then = self.answer(draft, read).await;
        self.forget_message();
        Ok(then)
    }

    /// Reads the message into its draft, as far as it is worth it: one that
    /// is too large, or that cannot be stored, is read to its end.
    async fn read_message(
        &mut self,
        draft: &mut dyn Draft,
    ) -> Result<Read, Broken> {
        let mut head = received(
            &self.session,
            self.protocol,
            self.house.world.clock.now(),
        );
        for header in self.spp.headers() {
            head.push_str(header);
            head.push('\n');
        }
        let mut failure = draft.write(head.as_bytes()).err();
        let (mut reader, mut hops) = (Reader::default(), Hops::default());
        let (mut block, mut bytes) = (Block::begin(), 0);
        let mut text = Vec::new();
        loop {
            let input = self.client.bytes(&mut block).await?;
            text.clear();
            let (found, count) = reader.read(&input, &mut text);
            let line_ends = text.iter().filter(|byte| **byte == b'\n').count();
            bytes += u64::try_from(text.len() + line_ends).unwrap_or(u64::MAX);
            hops.look(&text);
            if failure.is_none() && bytes <= self.house.policy.bounds.size {
                failure = draft.write(&text).err();
            }
            match found {
                Found::More => {}
                Found::BareLineFeed => return Err(Broken::BareLineFeed),
                Found::StrayDot => return Err(Broken::StrayDot),
                Found::End => {
                    let rest = input.get(count..).unwrap_or_default();
                    self.client.unread(rest);
                    let failure = failure.map(Failure::from);
                    return Ok(Read { bytes, hops: hops.count, failure });
                }
            }
        }
    }

    /// Hands the message over and says what became of it. With 250 it is
    /// ours.
    async fn answer(&mut self, draft: Box<dyn Draft>, read: Read) -> Then {
        if read.bytes > self.house.policy.bounds.size {
            return self.refuse("DATA", TOO_LARGE);
        }
        if read.hops > HOPS_MAX {
            return self.refuse("DATA", LOOPING);
        }
        if let Some(failure) = read.failure {
            return self.fail(&failure);
        }
        let envelope = std::mem::take(&mut self.envelope);
        let sender = String::from_utf8_lossy(&envelope.sender).into_owned();
        let count = envelope.recipients.len().to_string();
        let session = self.session.clone();
        match draft.finish(envelope, session).await {
            Err(failure) => self.fail(&failure),
            Ok(()) => {
                let bytes = read.bytes.to_string();
                self.log(&TAKEN, &[&bytes, &sender, &count]);
                let now = self.house.world.clock.now();
                let now = now.duration_since(std::time::UNIX_EPOCH);
                let (now, pid) =
                    (now.unwrap_or_default().as_secs(), self.session.pid());
                self.say(&format!("250 ok {now} qp {pid}"))
            }
        }
    }

    /// Says that the message is not ours, and logs why.
    fn fail(&mut self, failure: &Failure) -> Then {
        self.log(&NOT_DELIVERED, &[&failure.to_string()]);
        self.say(failure.reply())
    }
}
