//! Draws what the sites of a run know, as SVG: four kinds of shapes need no crate.

use std::fmt::Write;

use super::world::{Outcome, Sample, Scenario, World};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 40.0;
const INNER_WIDTH: f64 = WIDTH - LEFT - 20.0;
const INNER_HEIGHT: f64 = HEIGHT - TOP - 60.0;

/// Entries over time: the range from the least to the most that an honest site has,
/// the median, and the disturbances behind them.
pub fn svg(scenario: &Scenario, run: &Outcome) -> String {
    let last = run.samples.last().map_or(1.0, |sample| sample.after.as_secs_f64()).max(1.0);
    let most = run.samples.iter().map(|sample| sample.most).max().unwrap_or(1).max(1) as f64;
    let x = |seconds: f64| LEFT + INNER_WIDTH * (seconds / last).min(1.0);
    let y = |entries: usize| TOP + INNER_HEIGHT * (1.0 - entries as f64 / most);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}, seed {}: entries at honest sites \
         (range and median)</text>\n",
        scenario.name, run.seed
    );
    for (from, to, what) in World::disturbances(scenario) {
        let (left, right) = (x(from as f64), x(to as f64));
        let width = (right - left).max(1.5);
        let bottom = TOP + INNER_HEIGHT;
        let _ = write!(
            out,
            "<rect x=\"{left:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{INNER_HEIGHT}\" \
             fill=\"#c33\" fill-opacity=\"0.12\"><title>{what}</title></rect>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"9\" fill=\"#933\" \
             transform=\"rotate(-90 {:.1} {:.1})\">{what}</text>\n",
            left + 9.0,
            bottom - 4.0,
            left + 9.0,
            bottom - 4.0,
        );
    }
    let point = |sample: &Sample, entries: usize| {
        format!("{:.1},{:.1} ", x(sample.after.as_secs_f64()), y(entries))
    };
    let upper: String = run.samples.iter().map(|sample| point(sample, sample.most)).collect();
    let lower: String = run.samples.iter().rev().map(|s| point(s, s.least)).collect();
    let median: String = run.samples.iter().map(|sample| point(sample, sample.median)).collect();
    let _ = write!(
        out,
        "<polygon points=\"{upper}{lower}\" fill=\"#369\" fill-opacity=\"0.25\"/>\n\
         <polyline points=\"{median}\" fill=\"none\" stroke=\"#036\" stroke-width=\"1.5\"/>\n"
    );
    axes(&mut out, last, most);
    out.push_str("</svg>\n");
    out
}

fn axes(out: &mut String, last: f64, most: f64) {
    let bottom = TOP + INNER_HEIGHT;
    let right = LEFT + INNER_WIDTH;
    let _ = writeln!(
        out,
        "<path d=\"M{LEFT} {TOP} V{bottom} H{right}\" fill=\"none\" stroke=\"black\"/>"
    );
    let (unit, seconds) = if last > 400_000.0 { ("days", 86_400.0) } else { ("s", 1.0) };
    for quarter in 0..=4 {
        let part = f64::from(quarter) / 4.0;
        let (x, y) = (LEFT + INNER_WIDTH * part, bottom - INNER_HEIGHT * part);
        let _ = writeln!(
            out,
            "<text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{:.0} {unit}</text>\
             <text x=\"{:.0}\" y=\"{y:.0}\" text-anchor=\"end\">{:.0}</text>",
            bottom + 18.0,
            last * part / seconds,
            LEFT - 6.0,
            most * part,
        );
    }
}
