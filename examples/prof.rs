use ra_plugins::frozen::Frozen;
use ra_plugins::spf::check::Checker;
use ra_plugins::spf::suite::Suite;
use std::sync::Arc;
fn main() {
    let keep = std::env::args().nth(1).as_deref() == Some("keep");
    let n: usize =
        std::env::args().nth(3).map_or(10000, |x| x.parse().unwrap());
    let only = std::env::args().nth(2);
    let text = std::fs::read_to_string("tests/spf/realistic.yml").unwrap();
    let suite = Suite::read(&text).unwrap();
    let rt = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut total = vec![];
    for s in &suite.scenarios {
        for t in &s.tests {
            if let Some(o) = &only
                && !t.id.starts_with(o.as_str())
            {
                continue;
            }
            let world = Frozen::new().dns(Arc::clone(&s.zone)).world();
            let c = Checker { keep_parsed: keep, ..Checker::new(&world) };
            let q = t.query();
            rt.block_on(async {
                for _ in 0..n / 10 {
                    std::hint::black_box(c.check(&q).await);
                }
                let mut best = f64::MAX;
                for _ in 0..7 {
                    let st = std::time::Instant::now();
                    for _ in 0..n {
                        std::hint::black_box(c.check(&q).await);
                    }
                    best = best.min(st.elapsed().as_secs_f64() * 1e9 / 10000.0);
                }
                total.push((t.id.clone(), best));
            });
        }
    }
    let g = total.iter().map(|x| x.1.ln()).sum::<f64>() / total.len() as f64;
    for (id, t) in &total {
        println!("{id:30} {t:.0}");
    }
    println!("geomean {:.1}", g.exp());
}
