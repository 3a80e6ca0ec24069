//! Look-ahead: questions that are asked before their answers are needed.
//!
//! The evaluation of a record never waits. Where an answer is missing it
//! says so and is run again when there is one; what it asked in vain in the
//! meantime is under way by then. This is the table of what is under way.
//!
//! Without it a record with ten `include`s costs ten round trips, with it
//! two. What limits it: at no time are more than `spare` answers here that
//! no evaluation has needed, so a hostile record cannot multiply questions.

use std::future::poll_fn;
use std::task::Poll;

use crate::world::{Answer, Asked, Dns, RecordType, Waiting};

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
    spare: usize,
    questions: Vec<Question<'a>>,
}

impl<'a> Asking<'a> {
    /// No questions yet; at most `spare` are asked in vain.
    pub fn new(dns: &'a dyn Dns, spare: usize) -> Self {
        Self { dns, spare, questions: Vec::new() }
    }

    /// The answer, unless it has to be waited for. What is not `needed` is
    /// only asked while there is room for it.
    #[inline]
    pub fn ask(
        &mut self,
        name: &str,
        wanted: RecordType,
        needed: bool,
    ) -> Option<Answer> {
        let known = self.questions.iter_mut().find(|it| {
            it.wanted == wanted && it.name.eq_ignore_ascii_case(name)
        });
        if let Some(question) = known {
            question.needed |= needed;
            return match &question.state {
                State::Known(answer) => Some(answer.clone()),
                State::Waiting(_) => None,
            };
        }
        let vain = self.questions.iter().filter(|it| !it.needed);
        if !needed && vain.count() >= self.spare {
            return None;
        }
        match self.dns.ask(name, wanted) {
            Asked::Known(answer) => Some(answer),
            Asked::Waiting(waiting) => {
                let (name, state) = (name.to_owned(), State::Waiting(waiting));
                self.questions.push(Question { name, wanted, state, needed });
                None
            }
        }
    }

    /// Waits until at least one more question has been answered.
    pub async fn answered(&mut self) {
        poll_fn(|context| {
            let mut poll = Poll::Pending;
            for question in &mut self.questions {
                if let State::Waiting(waiting) = &mut question.state
                    && let Poll::Ready(answer) = waiting.as_mut().poll(context)
                {
                    question.state = State::Known(answer);
                    poll = Poll::Ready(());
                }
            }
            poll
        })
        .await;
    }
}
