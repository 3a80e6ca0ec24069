//! A rate window: the marks and their sum over time, and the ring of
//! seconds at the moments when one of them leaves it.

use crate::svg::{Drawing, WIDTH};

/// The height of the chart.
const HEIGHT: usize = 84;
/// How many rings are drawn at most.
const RINGS: usize = 4;
/// The radius of a ring's middle line, and half of its width.
const RADIUS: f64 = 33.0;
/// How far apart the middles of two rings are.
const APART: usize = WIDTH / RINGS;

/// A second: its marks, the buckets that count, the sum of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Second {
    /// Which second it is.
    pub second: usize,
    /// How many marks it brought.
    pub marks: usize,
    /// For each second from the first one: its marks, if they still count.
    pub buckets: Vec<usize>,
    /// The sum.
    pub sum: usize,
}

impl Second {
    /// Reads a line: `109 1  13..2....1  7`.
    pub fn read(line: &str) -> Result<Self, &'static str> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [second, marks, buckets, sum] = words.as_slice() else {
            return Err("not a second, its marks, the window and the sum");
        };
        let number = |word: &str| {
            let number: Option<u32> = word.parse().ok();
            let number = number.and_then(|it| usize::try_from(it).ok());
            number.ok_or("not a number, or too large to be drawn")
        };
        let count = |it: char| match it {
            '.' => Ok(0),
            digit => digit.to_digit(10).ok_or("not a digit"),
        };
        let count = |it| count(it).map(|it| usize::try_from(it).unwrap_or(0));
        let buckets: Result<Vec<usize>, _> =
            buckets.chars().map(count).collect();
        let seconds = Self {
            second: number(second)?,
            marks: number(marks)?,
            buckets: buckets?,
            sum: number(sum)?,
        };
        match seconds.buckets.iter().sum::<usize>() == seconds.sum {
            true => Ok(seconds),
            false => Err("the buckets have another sum"),
        }
    }
}

/// Draws seconds, and the ring of a window of so many of them.
pub fn draw(seconds: &[Second], window: usize, out: &mut Drawing) {
    chart(seconds, out);
    let left =
        |(before, now): &(&Second, &Second)| now.sum < before.sum + now.marks;
    let pairs = seconds.iter().zip(seconds.iter().skip(1));
    let leaving: Vec<_> = pairs.filter(left).collect();
    let first = leaving.first().map(|(before, _)| *before);
    let rings = first.into_iter().chain(leaving.iter().map(|(_, now)| *now));
    let start = seconds.first().map_or(0, |it| it.second);
    out.y += 58;
    for (index, now) in rings.take(RINGS).enumerate() {
        let middle = index * APART + APART / 2;
        ring(now, start, window, (middle, out.y), out);
    }
    out.y += 64;
}

/// The marks of each second as bars, their sum as a line of steps.
fn chart(seconds: &[Second], out: &mut Drawing) {
    let most = seconds.iter().map(|it| it.sum).max().unwrap_or(0).max(1);
    let wide = (WIDTH - 24) / seconds.len().max(1);
    out.y += HEIGHT;
    let base = out.y;
    let high = |count: usize| count * (HEIGHT - 20) / most;
    let mut way = String::new();
    for (index, now) in seconds.iter().enumerate() {
        let x = 20 + index * wide;
        let tall = high(now.marks);
        out.bar("marks", (x + 3, base - tall), (wide - 6, tall));
        let top = base - high(now.sum);
        let to = if way.is_empty() { "M" } else { "L" };
        way.push_str(&format!("{to}{x} {top}H{}", x + wide));
        out.text(x + wide / 2, top - 4, "sum middle", &now.sum.to_string());
        if now.second % 5 == 0 {
            let second = now.second.to_string();
            out.text(x + wide / 2, base + 14, "scale middle", &second);
        }
        let Second { second, marks, sum, .. } = now;
        out.say(&format!("second {second}: {marks} marks, sum {sum}"));
    }
    out.path("guide", &format!("M20 {base}H{WIDTH}"));
    out.path("steps", &way);
    out.y += 20;
}

/// One ring: the newest second has the accent, the others follow it
/// clockwise up to the oldest.
fn ring(
    now: &Second,
    start: usize,
    window: usize,
    (x, y): (usize, usize),
    out: &mut Drawing,
) {
    let place = |second: usize, part: f64| {
        let turns = (whole(second % window) + part) / whole(window);
        let angle = turns * std::f64::consts::TAU;
        let (sin, cos) = angle.sin_cos();
        (whole(x) + RADIUS * sin, whole(y) - RADIUS * cos)
    };
    let oldest = (now.second + 1).saturating_sub(window).max(start);
    for second in now.second + 1 - window.min(now.second + 1)..=now.second {
        let count = match second < oldest {
            true => 0,
            false => now.buckets.get(second - start).copied().unwrap_or(0),
        };
        let class = match (second == now.second, count) {
            (true, _) => "bucket newest",
            (_, 0) => "bucket",
            _ => "bucket full",
        };
        let ((ax, ay), (bx, by)) = (place(second, 0.06), place(second, 0.94));
        let arc =
            format!("M{ax:.1} {ay:.1}A{RADIUS} {RADIUS} 0 0 1 {bx:.1} {by:.1}");
        out.path(class, &arc);
        if count > 0 {
            let (x, y) = place(second, 0.5);
            out.text(x, y + 4.0, "count middle", &count.to_string());
        }
    }
    out.text(x, y + 5, "total middle", &now.sum.to_string());
    let name = format!("second {}", now.second);
    out.text(x, y + 58, "scale middle", &name);
}

/// A small number as one that can be divided.
fn whole(number: usize) -> f64 {
    u32::try_from(number).map_or(0.0, f64::from)
}
