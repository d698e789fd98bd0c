//! A picture of the ratios, as SVG.

use crate::mode::Mode;
use crate::stats::Spread;
use crate::table::Row;
use std::fmt::Write as _;

/// A line of the right-hand picture: sizes and ratios.
pub struct Curve {
    /// What it shows.
    pub name: String,
    /// Instructions, and what checking costs.
    pub points: Vec<(f64, Spread)>,
}

const WIDTH: f64 = 1120.0;
const TOP: f64 = 60.0;
const BAR: f64 = 9.0;
const GROUP_GAP: f64 = 14.0;
const LABELS: f64 = 250.0;
const BARS_RIGHT: f64 = 620.0;
const CURVES_LEFT: f64 = 700.0;
const CURVES_RIGHT: f64 = 1080.0;
const CURVES_HEIGHT: f64 = 320.0;
const COLOURS: [&str; 5] = ["#3465a4", "#75507b", "#73d216", "#f57900", "#888888"];

/// Bars for what was compiled, and curves over the size of a function.
pub fn svg(rows: &[Row], curves: &[Curve]) -> String {
    let group = BAR * (Mode::ALL.len() - 1) as f64 + GROUP_GAP;
    let bars_height = group * rows.len() as f64;
    let height = TOP + bars_height.max(CURVES_HEIGHT + 60.0) + 60.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    title(&mut svg, 20.0, "Compile time over that without a verifier");
    bars(&mut svg, rows, group, bars_height);
    title(&mut svg, CURVES_LEFT, "check over none, by instructions");
    lines(&mut svg, curves);
    svg.push_str("</svg>\n");
    svg
}

fn title(svg: &mut String, x: f64, text: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x}\" y=\"20\" font-size=\"14\" font-weight=\"bold\">{text}</text>"
    );
}

/// Where the range of ratios ends that are shown: at a tenth above the largest, but what is an
/// outlier must not make a grid without end.
fn upper(largest: f64) -> f64 {
    (largest.min(5.0) * 10.0).ceil() / 10.0 + 0.05
}

fn bars(svg: &mut String, rows: &[Row], group: f64, height: f64) {
    let modes = &Mode::ALL[1..];
    let spreads = rows
        .iter()
        .flat_map(|row| modes.iter().map(|mode| row.rounds.ratio(*mode)));
    let largest = spreads.flatten().map(|s| s.high).fold(1.1, f64::max);
    let most = upper(largest);
    let least = 0.9;
    let x = |ratio: f64| {
        LABELS + (ratio.clamp(least, most) - least) / (most - least) * (BARS_RIGHT - LABELS)
    };
    for (index, mode) in modes.iter().enumerate() {
        let left = 20.0 + 145.0 * index as f64;
        let colour = COLOURS[index];
        let _ = writeln!(
            svg,
            "<rect x=\"{left}\" y=\"32\" width=\"10\" height=\"10\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"41\">{}</text>",
            left + 15.0,
            mode.name()
        );
    }
    grid(svg, (least, most), |ratio| {
        let at = x(ratio);
        (
            (at, TOP),
            (at, TOP + height),
            (at - 8.0, TOP + height + 14.0),
        )
    });
    for (number, row) in rows.iter().enumerate() {
        let top = TOP + group * number as f64;
        let middle = top + BAR * 2.0 + 4.0;
        let right = LABELS - 8.0;
        let _ = writeln!(
            svg,
            "<text x=\"{right}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>",
            escaped(&row.name)
        );
        for (index, mode) in modes.iter().enumerate() {
            let Some(Spread { low, median, high }) = row.rounds.ratio(*mode) else {
                continue;
            };
            let y = top + BAR * index as f64;
            let (from, to) = (x(median.min(1.0)), x(median.max(1.0)));
            let centre = y + BAR / 2.0;
            let _ = writeln!(
                svg,
                "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"/>\
                 <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{centre:.1}\" y2=\"{centre:.1}\" stroke=\"black\"/>",
                (to - from).max(0.5),
                BAR - 1.0,
                COLOURS[index],
                x(low),
                x(high)
            );
        }
    }
}

type Point = (f64, f64);

/// A line with a number at each tenth, or fifth where there are many.
fn grid(svg: &mut String, (least, most): Point, place: impl Fn(f64) -> (Point, Point, Point)) {
    let step = match most - least {
        span if span > 3.0 => 5,
        span if span > 1.0 => 2,
        _ => 1,
    };
    for tenth in ((least * 10.0).round() as usize..=(most * 10.0) as usize).step_by(step) {
        let ratio = tenth as f64 / 10.0;
        let ((x1, y1), (x2, y2), (x, y)) = place(ratio);
        let colour = if tenth == 10 { "black" } else { "#dddddd" };
        let _ = writeln!(
            svg,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\"/>\
             <text x=\"{x:.1}\" y=\"{y:.1}\">{ratio:.1}</text>"
        );
    }
}

fn lines(svg: &mut String, curves: &[Curve]) {
    let points = curves.iter().flat_map(|curve| &curve.points);
    let highest = points.map(|(_, spread)| spread.high).fold(1.1, f64::max);
    let most = upper(highest);
    let least = 0.9;
    let bottom = TOP + CURVES_HEIGHT;
    let y =
        |ratio: f64| bottom - (ratio.clamp(least, most) - least) / (most - least) * CURVES_HEIGHT;
    // From 10² to 10⁵.
    let x = |size: f64| CURVES_LEFT + (size.log10() - 1.8) / 3.4 * (CURVES_RIGHT - CURVES_LEFT);
    grid(svg, (least, most), |ratio| {
        let at = y(ratio);
        let (left, right) = (CURVES_LEFT, CURVES_RIGHT);
        ((left, at), (right, at), (left - 24.0, at + 4.0))
    });
    for power in 2..=5 {
        let at = x(10f64.powi(power));
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\">10<tspan dy=\"-4\" font-size=\"8\">{power}</tspan></text>",
            at - 8.0,
            bottom + 16.0
        );
    }
    for (index, curve) in curves.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let path: Vec<String> = curve
            .points
            .iter()
            .map(|(size, spread)| format!("{:.1},{:.1}", x(*size), y(spread.median)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        for (size, spread) in &curve.points {
            let at = x(*size);
            let _ = writeln!(
                svg,
                "<circle cx=\"{at:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>\
                 <line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/>",
                y(spread.median),
                y(spread.low),
                y(spread.high)
            );
        }
        let at = bottom + 36.0 + 14.0 * index as f64;
        let _ = writeln!(
            svg,
            "<line x1=\"{CURVES_LEFT}\" x2=\"{}\" y1=\"{at}\" y2=\"{at}\" stroke=\"{colour}\" \
             stroke-width=\"2\"/><text x=\"{}\" y=\"{}\">{}</text>",
            CURVES_LEFT + 20.0,
            CURVES_LEFT + 26.0,
            at + 4.0,
            escaped(&curve.name)
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
