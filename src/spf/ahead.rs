//! Look-ahead: questions that are asked before their answers are needed.
//!
//! The evaluation of a record never waits. Where an answer is missing it
//! says so and is run again when there is one; what it asked in vain in the
//! meantime is under way by then. This is the table of what is under way.
//!
//! Without it a record with ten `include`s costs eleven round trips, with it
//! two. What limits it: at no time are more answers here that no evaluation
//! has needed than a check may look up, so a hostile record cannot multiply
//! questions.

use std::borrow::Cow;
use std::future::poll_fn;
use std::task::Poll;

use crate::spf::outcome::Limits;
use crate::world::{Answer, Asked, Clock, Dns, RecordType, Waiting};

/// A question and what has become of it.
struct Question<'a> {
    name: String,
    wanted: RecordType,
    state: State<'a>,
    needed: bool,
}

/// What has become of a question.
enum State<'a> {
    /// It is under way.
    Waiting(Waiting<'a, Answer>),
    /// It has been answered.
    Known(Answer),
}

/// The questions of one check that DNS could not answer at once.
pub struct Asking<'a> {
    dns: &'a dyn Dns,
    clock: &'a dyn Clock,
    limits: Limits,
    questions: Vec<Question<'a>>,
    time_is_up: Option<Waiting<'a, ()>>,
}

impl<'a> Asking<'a> {
    /// No questions yet.
    pub fn new(dns: &'a dyn Dns, clock: &'a dyn Clock, limits: Limits) -> Self {
        let questions = Vec::new();
        Self { dns, clock, limits, questions, time_is_up: None }
    }

    /// The answer, unless it has to be waited for. What is not `needed` is
    /// only asked while there is room for it.
    #[inline]
    pub fn ask(
        &mut self,
        name: &str,
        wanted: RecordType,
        needed: bool,
    ) -> Option<Cow<'a, Answer>> {
        let known = self.questions.iter_mut().find(|it| {
            it.wanted == wanted && it.name.eq_ignore_ascii_case(name)
        });
        if let Some(question) = known {
            question.needed |= needed;
            return match &question.state {
                State::Known(answer) => Some(Cow::Owned(answer.clone())),
                State::Waiting(_) => None,
            };
        }
        let vain = self.questions.iter().filter(|it| !it.needed);
        if !needed && vain.count() >= self.limits.lookups.into() {
            return None;
        }
        match self.dns.ask(name, wanted) {
            Asked::Known(answer) => Some(Cow::Owned(answer)),
            Asked::Lent(answer) => Some(Cow::Borrowed(answer)),
            Asked::Waiting(waiting) => {
                let (name, state) = (name.to_owned(), State::Waiting(waiting));
                self.questions.push(Question { name, wanted, state, needed });
                None
            }
        }
    }

    /// Waits until at least one more question has been answered. Returns
    /// false when time is up, counted from the first wait (RFC 7208 4.6.4).
    pub async fn answered(&mut self) -> bool {
        let Self { clock, limits, questions, time_is_up, .. } = self;
        let time_is_up =
            time_is_up.get_or_insert_with(|| clock.sleep(limits.deadline));
        poll_fn(|context| {
            let mut answered = false;
            for question in questions.iter_mut() {
                if let State::Waiting(waiting) = &mut question.state
                    && let Poll::Ready(answer) = waiting.as_mut().poll(context)
                {
                    question.state = State::Known(answer);
                    answered = true;
                }
            }
            match answered {
                true => Poll::Ready(true),
                false => time_is_up.as_mut().poll(context).map(|()| false),
            }
        })
        .await
    }
}
