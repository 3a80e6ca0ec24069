//! The window against a plain list of marks.

use proptest::prelude::{Strategy, prop, proptest};
use ra_plugins::rater::window::{Mark, Window};

/// A list of marks that is searched from end to end each time: too slow to
/// use, too simple to be wrong.
#[derive(Default)]
struct Naive {
    marks: Vec<u32>,
    clock: u32,
}

impl Naive {
    /// Counts as the window should.
    fn mark(&mut self, now: u32, seconds: u32, weight: u32) -> u64 {
        self.clock = self.marks.last().map_or(now, |last| now.max(*last));
        self.marks.extend((0..weight).map(|_| self.clock));
        let clock = self.clock;
        self.marks.iter().filter(|mark| clock - **mark < seconds).count() as u64
    }
}

/// A mark.
fn mark(now: u32, weight: u32) -> Mark<'static> {
    Mark { key: b"", weight, now }
}

/// Steps of the clock: mostly small, sometimes long, sometimes back.
fn steps() -> impl Strategy<Value = Vec<(i64, u32)>> {
    let step = prop::sample::select(vec![
        0, 0, 0, 0, 1, 1, 2, 3, 7, 30, 100, 5000, -1, -2, -60, -5000,
    ]);
    prop::collection::vec((step, 0u32..4), 1..400)
}

proptest! {
    #[test]
    fn counts_like_a_list_of_marks(steps in steps(), seconds in 1u32..200) {
        let mut naive = Naive::default();
        let mut now: i64 = 1_000_000;
        let mut window = Window::new(0);
        for (step, weight) in steps {
            now = (now + step).max(0);
            let second = u32::try_from(now).unwrap();
            let counted = window.mark(mark(second, weight), seconds);
            assert_eq!(counted, naive.mark(second, seconds, weight));
        }
    }
}

/// Two million marks, in one long life of a key. The model is a list here
/// too, but one that forgets, or it would never end.
#[test]
fn counts_millions_of_marks() {
    let mut window = Window::new(0);
    let mut marks = std::collections::VecDeque::new();
    let (mut now, mut random) = (0u32, 1u64);
    for _ in 0..2_000_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let step = [0, 0, 0, 0, 0, 0, 1, 2][(random >> 60) as usize % 8];
        now += step;
        // The clock that we are shown goes back now and then.
        let shown = now - u32::from(random >> 40 & 0xff == 0).min(now);
        let clock = marks.back().map_or(shown, |last| shown.max(*last));
        marks.push_back(clock);
        while marks.front().is_some_and(|mark| clock - mark >= 600) {
            marks.pop_front();
        }
        assert_eq!(window.mark(mark(shown, 1), 600), marks.len() as u64);
    }
}

#[test]
fn forgets_nothing_before_its_time() {
    let mut window = Window::new(0);
    let day = 86_400;
    for second in 0..day {
        window.mark(mark(second, 1), day);
    }
    assert_eq!(window.mark(mark(day - 1, 0), day), u64::from(day));
    assert_eq!(window.mark(mark(day, 0), day), u64::from(day) - 1);
    assert_eq!(window.mark(mark(2 * day - 2, 0), day), 1);
    assert_eq!(window.mark(mark(2 * day - 1, 0), day), 0);
}

#[test]
fn looking_does_not_mark() {
    let mut window = Window::new(5);
    window.mark(mark(5, 3), 10);
    assert_eq!(window.mark(mark(9, 0), 10), 3);
    assert_eq!(window.last(), 5);
    assert_eq!(window.mark(mark(99, 0), 10), 0);
    assert_eq!(window.last(), 5);
}

#[test]
fn huge_weights_do_not_wrap() {
    let mut window = Window::new(5);
    window.mark(mark(5, u32::MAX), 10);
    let twice = 2 * u64::from(u32::MAX);
    assert_eq!(window.mark(mark(5, u32::MAX), 10), twice);
    // A second that is over is remembered as four billion.
    let sum = window.mark(mark(6, u32::MAX), 10);
    assert_eq!(sum, twice);
}

/// A window of ten seconds, drawn after each second of a busy morning: the
/// buckets that count, then their sum. `.` is a second without marks.
#[test]
fn a_window_drawn() {
    let mut window = Window::new(0);
    let mut picture =
        String::from("second  marks  window of 10 s        sum\n");
    let morning = [1, 3, 0, 0, 2, 0, 0, 0, 0, 1, 0, 4, 0, 0, 0, 1, 0, 0];
    for (now, weight) in (100u32..).zip(morning) {
        let sum = window.mark(mark(now, weight), 10);
        let mut row = vec!['.'; morning.len()];
        for bucket in window.buckets().filter(|it| now - it.second < 10) {
            let digit = char::from_digit(bucket.count, 10).unwrap();
            row[(bucket.second - 100) as usize] = digit;
        }
        let row: String = row.into_iter().collect();
        picture += &format!("{now:>6}  {weight:>5}  {row}  {sum:>3}\n");
    }
    crate::snapshot_as("rater__window", &picture);
}
