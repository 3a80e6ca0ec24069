//! The evaluation of SPF records as a tree, read from the trace of a check:
//! a line for each record, each term and each answer.

use crate::svg::{Drawing, STEP, WIDTH};

/// How far a record stands to the right of the one that includes it.
const INDENT: usize = 20;
/// How far a text stands to the right of its branch.
const TEXT: usize = 14;
/// The width of a character of a term, and that of one of an answer, which
/// is set smaller, in hundredths.
const TERM: usize = 700;
/// See [`TERM`].
const ANSWER: usize = 640;
/// What a record can come to.
const RESULTS: [&str; 7] =
    ["none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"];
/// How many terms of no interest are drawn as one.
const MANY: usize = 3;

/// A record that was read.
#[derive(Debug, Default)]
struct Record {
    domain: String,
    /// What came of it; empty when the check ended before that.
    result: String,
    terms: Vec<Term>,
    /// Which of the terms was tried last.
    last: Option<usize>,
}

impl Record {
    /// The term that was tried last.
    fn last(&mut self) -> Option<&mut Term> {
        self.terms.get_mut(self.last?)
    }
}

/// A term of a record.
#[derive(Debug, Default)]
struct Term {
    text: String,
    tried: bool,
    /// Whether it matched, where the trace lets us know.
    matched: Option<bool>,
    /// Whether it is on the way to the result.
    decided: bool,
    answers: Vec<String>,
    /// The record to which it led.
    record: Option<usize>,
}

impl Term {
    /// Whether it begins like this, after its qualifier.
    fn is(&self, start: &str) -> bool {
        let text = self.text.trim_start_matches(['+', '-', '~', '?']);
        let begins = text.get(..start.len());
        begins.is_some_and(|it| it.eq_ignore_ascii_case(start))
    }

    /// Whether there is nothing to see here but that it did not match.
    fn is_dull(&self) -> bool {
        self.matched == Some(false)
            && self.answers.is_empty()
            && self.record.is_none()
    }

    /// What became of it.
    fn fate(&self) -> &'static str {
        match (self.tried, self.matched) {
            (false, _) => "not reached",
            (true, _) if self.is("redirect=") => "followed",
            (true, Some(true)) => "matches",
            (true, Some(false)) => "no match",
            (true, None) => "",
        }
    }

    /// Whether it must be what a result comes from, when it was the last to
    /// be tried. A neutral result may come from no term at all.
    fn must_match(&self, result: &str) -> Option<bool> {
        let sure = result != "neutral" || self.is("all");
        sure.then_some(true)
    }
}

/// A tree that grows with each line of a trace.
#[derive(Debug, Default)]
pub struct Tree {
    records: Vec<Record>,
    /// The records that have no result yet, the innermost last.
    open: Vec<usize>,
}

impl Tree {
    /// Takes a line of a trace, or says why it is none.
    pub fn take(&mut self, line: &str) -> Result<(), &'static str> {
        if let Some(answer) = line.strip_prefix("  ") {
            self.answer(answer);
            return Ok(());
        }
        let (domain, step) = line.split_once(": ").ok_or("no step")?;
        if step.get(..6).is_some_and(|it| it.eq_ignore_ascii_case("v=spf1")) {
            self.begin(domain, step);
            return Ok(());
        }
        let record = self.innermost().filter(|it| it.domain == domain);
        let record = record.ok_or("not the record that is being read")?;
        if let Some(text) = step.strip_prefix("try ") {
            let mut terms = record.terms.iter();
            let at = terms.position(|it| !it.tried && it.text == text);
            record.last = Some(at.ok_or("its record has no such term")?);
            record.last().ok_or("no term")?.tried = true;
        } else if RESULTS.contains(&step) {
            self.end(step);
        } else {
            return Err("neither a term nor a result");
        }
        Ok(())
    }

    /// The record that is being read.
    fn innermost(&mut self) -> Option<&mut Record> {
        self.records.get_mut(*self.open.last()?)
    }

    /// An answer of DNS, for the term that was tried last; after the end of
    /// all records, for the one that leads to the explanation.
    fn answer(&mut self, answer: &str) {
        let term = match self.open.is_empty() {
            false => self.innermost().and_then(Record::last),
            true => self.records.last_mut().and_then(|record| {
                record.terms.iter_mut().find(|it| it.is("exp="))
            }),
        };
        if let Some(term) = term {
            term.tried = true;
            term.answers.push(answer.to_owned());
        }
    }

    /// A record begins: that of an `include` which has none yet, else that
    /// of the `redirect`. The question for it needs no line of its own.
    fn begin(&mut self, domain: &str, text: &str) {
        let fresh = self.records.len();
        if let Some(outer) = self.innermost() {
            let mut includes = false;
            if let Some(last) = outer.last() {
                let question = format!("TXT {domain}: ");
                last.answers.retain(|it| !it.starts_with(&question));
                includes = last.is("include:") && last.record.is_none();
            }
            if !includes {
                let mut terms = outer.terms.iter();
                outer.last = terms.position(|it| it.is("redirect="));
            }
            if let Some(term) = outer.last() {
                (term.tried, term.record) = (true, Some(fresh));
            }
        }
        let term = |text: &str| Term {
            text: text.to_owned(),
            matched: Some(false),
            ..Term::default()
        };
        self.records.push(Record {
            domain: domain.to_owned(),
            terms: text.split_whitespace().skip(1).map(term).collect(),
            ..Record::default()
        });
        self.open.push(fresh);
    }

    /// The innermost record ends, and those that were redirected to it.
    fn end(&mut self, result: &str) {
        let mut ended = None;
        while let Some(at) = self.open.last().copied() {
            let Some(record) = self.records.get_mut(at) else { return };
            if let Some(last) = record.last() {
                if ended.is_some()
                    && !(last.is("redirect=") && last.record == ended)
                {
                    return;
                }
                last.matched = last.must_match(result);
            }
            result.clone_into(&mut record.result);
            self.open.pop();
            ended = Some(at);
        }
    }

    /// Marks the way from the first record to what decided; the last record
    /// on it may have no term that matched. False if there is no record.
    pub fn decide(&mut self, none_matched: bool) -> bool {
        let mut next = Some(0);
        while let Some(record) = next.and_then(|at| self.records.get_mut(at)) {
            let last = record.last();
            let last = last.filter(|it| it.record.is_some() || !none_matched);
            next = last.and_then(|term| {
                (term.decided, term.matched) = (true, Some(true));
                term.record
            });
        }
        !self.records.is_empty()
    }

    /// Draws all of it.
    pub fn draw(&self, out: &mut Drawing) {
        self.record(0, 0, true, out);
        out.y += 8;
    }

    /// Draws a record and what is below it.
    fn record(
        &self,
        at: usize,
        depth: usize,
        decided: bool,
        out: &mut Drawing,
    ) {
        let Some(record) = self.records.get(at) else { return };
        let x = depth * INDENT;
        let top = out.y + 5;
        let result = record.result.as_str();
        branch(x, (&record.domain, result), ("record", decided), out);
        let mut way = (out.y, out.y);
        let mut terms = record.terms.as_slice();
        while let Some(term) = terms.first() {
            let alike = terms.iter().take_while(|it| {
                it.is_dull() && term.is_dull() && it.tried == term.tried
            });
            let many = alike.count();
            let taken = if many >= MANY { many } else { 1 };
            let text = match taken {
                1 => term.text.clone(),
                _ => format!("{} and {} more", term.text, taken - 1),
            };
            let class = if term.tried { "term" } else { "term idle" };
            branch(x, (&text, term.fate()), (class, term.decided), out);
            way.0 = out.y;
            if term.decided {
                way.1 = out.y;
            }
            for answer in &term.answers {
                below(x, answer, out);
            }
            if let Some(inner) = term.record {
                self.record(inner, depth + 1, term.decided, out);
            }
            terms = terms.get(taken..).unwrap_or_default();
        }
        let from = if depth == 0 { top + 6 } else { top };
        let trunk = |end: usize| format!("M{} {from}V{}", x + 4, end - 4);
        out.path("branch", &trunk(way.0));
        if decided {
            out.path("branch decided", &trunk(way.1));
        }
    }
}

/// Draws a record or a term at its branch, and what became of it.
fn branch(
    x: usize,
    (text, fate): (&str, &str),
    (class, decided): (&str, bool),
    out: &mut Drawing,
) {
    out.y += STEP;
    let y = out.y;
    let class = match decided {
        true => format!("{class} decided"),
        false => class.to_owned(),
    };
    out.path(&format!("branch {class}"), &format!("M{} {}h7", x + 4, y - 4));
    let room = WIDTH.saturating_sub(x + TEXT) * 100 / TERM;
    let room = room.saturating_sub(fate.len() + 1);
    out.text(x + TEXT, y, &class, &shortened(text, room));
    out.text(WIDTH, y, &format!("{class} end"), fate);
    out.say(&match fate {
        "" => text.to_owned(),
        fate => format!("{text}: {fate}"),
    });
}

/// Draws an answer below its term.
fn below(x: usize, answer: &str, out: &mut Drawing) {
    out.y += STEP;
    let x = x + INDENT;
    let room = WIDTH.saturating_sub(x) * 100 / ANSWER;
    out.text(x, out.y, "answer", &shortened(answer, room));
    out.say(answer);
}

/// A text that fits.
fn shortened(text: &str, room: usize) -> String {
    match text.chars().count() > room {
        true => {
            text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
        }
        false => text.to_owned(),
    }
}
