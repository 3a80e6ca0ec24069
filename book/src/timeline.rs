//! Questions and their answers over time: a bar for each, one group of bars
//! for each way to ask.

use crate::svg::{Drawing, STEP, WIDTH};

/// Where time begins, right of the questions.
const LEFT: usize = 212;

/// A line of a recording.
#[derive(Debug, PartialEq, Eq)]
pub enum Moment {
    /// A way to ask; those after it were asked that way.
    Way(String),
    /// A question: asked and answered, in milliseconds.
    Asked(usize, usize, String),
}

impl Moment {
    /// Reads a line: `20 40  TXT example.org`, or the name of a way to ask.
    pub fn read(line: &str) -> Result<Self, &'static str> {
        if !line.starts_with(' ') {
            return Ok(Self::Way(line.to_owned()));
        }
        let mut words = line.split_whitespace();
        let mut time = || {
            let time: u16 = words.next()?.parse().ok()?;
            Some(usize::from(time))
        };
        let (Some(asked), Some(answered)) = (time(), time()) else {
            return Err("not two times and a question");
        };
        if answered < asked {
            return Err("answered before it was asked");
        }
        let question: Vec<&str> = words.collect();
        Ok(Self::Asked(asked, answered, question.join(" ")))
    }
}

/// Draws a recording.
pub fn draw(moments: &[Moment], out: &mut Drawing) {
    let ends = moments.iter().map(|moment| match moment {
        Moment::Way(_) => 0,
        Moment::Asked(_, end, _) => *end,
    });
    let last = ends.max().unwrap_or(0).max(1);
    let place = |time: usize| LEFT + time * (WIDTH - LEFT) / last;
    for (index, moment) in moments.iter().enumerate() {
        out.y += STEP;
        match moment {
            Moment::Way(name) => {
                out.y += if index == 0 { 0 } else { 10 };
                let end = way_end(moments.get(index + 1..).unwrap_or_default());
                out.text(0, out.y, "way", name);
                let time = format!("{end} ms");
                out.text(place(end), out.y, "way end", &time);
                out.say(&format!("{name}, {time}"));
            }
            Moment::Asked(asked, answered, question) => {
                let (from, to) = (place(*asked), place(*answered));
                out.text(0, out.y, "question", question);
                let guide = format!("M{LEFT} {}H{WIDTH}", out.y + 3);
                out.path("guide", &guide);
                out.bar("lasting", (from, out.y - 9), (to - from, 10));
                out.say(&format!("{question} from {asked} to {answered} ms"));
            }
        }
    }
    out.y += 8;
}

/// When the last question of a way was answered.
fn way_end(moments: &[Moment]) -> usize {
    let ends = moments.iter().map_while(|moment| match moment {
        Moment::Way(_) => None,
        Moment::Asked(_, end, _) => Some(*end),
    });
    ends.max().unwrap_or(0)
}
