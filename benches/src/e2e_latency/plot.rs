//! A picture of the run: how long callers waited, as a cumulative distribution for each pass, and
//! where the agent's own part of it went, as bars.

use std::fmt::{self, Write as _};

use super::{
    measure::Overhead,
    pass::Pass,
    report::{overheads, responses},
    statistics::Summary,
};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 830.0;
/// Top and bottom of the curves, and where the bars begin.
const CURVES: (f64, f64) = (70.0, 330.0);
const BARS: f64 = 430.0;
const BAR: f64 = 18.0;
const COLOURS: [&str; 4] = ["#0b6e99", "#e07a1f", "#5a8f29", "#8b5fbf"];
/// A gap of the overhead.
struct Part {
    name: &'static str,
    colour: &'static str,
    read: fn(&Overhead) -> f64,
}

const PARTS: [Part; 3] = [
    Part { name: "decide", colour: "#0b6e99", read: |parts| parts.decide },
    Part { name: "speak", colour: "#e0a11f", read: |parts| parts.speak },
    Part { name: "play", colour: "#5a8f29", read: |parts| parts.play },
];

/// Draws the passes as SVG.
pub(crate) fn draw(passes: &[Pass]) -> String {
    let mut svg = String::new();
    write(&mut svg, passes).expect("a String takes everything");
    svg
}

fn write(svg: &mut String, passes: &[Pass]) -> fmt::Result {
    let measured: Vec<&Pass> =
        passes.iter().filter(|pass| !overheads(pass, false, |_| Some(0.0)).is_empty()).collect();
    let height = BARS + 40.0 + measured.len() as f64 * 2.0 * BAR + 40.0;
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13" fill="#222">
<rect width="100%" height="100%" fill="#fff"/>
<text x="{LEFT}" y="30" font-size="18" font-weight="600">How long callers wait for an answer</text>
<text x="{LEFT}" y="50" fill="#666">last speech sample sent to first agent audio received; scripted vendors on loopback</text>"##
    )?;
    curves(svg, passes)?;
    writeln!(
        svg,
        r##"<text x="{LEFT}" y="{}" font-size="18" font-weight="600">What the agent itself adds</text>
<text x="{LEFT}" y="{}" fill="#666">medians of the three gaps, in milliseconds, and their sum</text>"##,
        BARS - 30.0,
        BARS - 12.0
    )?;
    bars(svg, &measured)?;
    writeln!(svg, "</svg>")
}

fn curves(svg: &mut String, passes: &[Pass]) -> fmt::Result {
    let (top, bottom) = CURVES;
    let all = Summary::of(passes.iter().flat_map(responses));
    let (low, high) = all.map_or((0.0, 1_000.0), |all| (all.min, all.max));
    let (low, high) = ((low / 100.0).floor() * 100.0, (high / 100.0).ceil() * 100.0);
    let x = |value: f64| LEFT + (value - low) / (high - low).max(1.0) * (RIGHT - LEFT);
    let y = |share: f64| bottom - share * (bottom - top);
    let step = tick_step(high - low);
    let mut tick = low;
    while tick <= high {
        writeln!(
            svg,
            r##"<line x1="{0:.1}" y1="{top}" x2="{0:.1}" y2="{bottom}" stroke="#e5e5e5"/>
<text x="{0:.1}" y="{1}" text-anchor="middle">{tick:.0}</text>"##,
            x(tick),
            bottom + 18.0
        )?;
        tick += step;
    }
    for percent in [0.0, 25.0, 50.0, 75.0, 100.0] {
        let at = y(percent / 100.0);
        writeln!(
            svg,
            r##"<line x1="{LEFT}" y1="{at:.1}" x2="{RIGHT}" y2="{at:.1}" stroke="#e5e5e5"/>
<text x="{}" y="{:.1}" text-anchor="end">{percent:.0} %</text>"##,
            LEFT - 8.0,
            at + 4.0
        )?;
    }
    writeln!(
        svg,
        r#"<text x="{RIGHT}" y="{}" text-anchor="end">milliseconds</text>"#,
        bottom + 36.0
    )?;
    for (number, (pass, colour)) in passes.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let mut values = responses(pass);
        values.sort_by(f64::total_cmp);
        let count = values.len().max(1) as f64;
        let mut path = String::new();
        for (place, value) in values.iter().enumerate() {
            let command = if place == 0 { 'M' } else { 'H' };
            let (before, after) = (y(place as f64 / count), y((place + 1) as f64 / count));
            match command {
                'M' => write!(path, "M{:.1} {before:.1} V{after:.1}", x(*value))?,
                _ => write!(path, " H{:.1} V{after:.1}", x(*value))?,
            }
        }
        let legend = bottom - 14.0 - (passes.len() - 1 - number) as f64 * 18.0;
        writeln!(
            svg,
            r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>
<line x1="{}" y1="{1}" x2="{2}" y2="{1}" stroke="{colour}" stroke-width="3"/>
<text x="{3}" y="{4}">{5}</text>"#,
            RIGHT - 245.0,
            legend - 4.0,
            RIGHT - 225.0,
            RIGHT - 218.0,
            legend,
            label(pass)
        )?;
    }
    Ok(())
}

fn bars(svg: &mut String, passes: &[&Pass]) -> fmt::Result {
    let median = |pass: &Pass, read: fn(&Overhead) -> f64| {
        let summary = Summary::of(overheads(pass, false, |parts| Some(read(parts))));
        summary.map_or(0.0, |it| it.p50.max(0.0))
    };
    let total = |pass: &Pass| PARTS.iter().map(|part| median(pass, part.read)).sum::<f64>();
    let longest = passes.iter().map(|pass| total(pass)).fold(1.0, f64::max);
    let begin = LEFT + 190.0;
    let scale = (RIGHT - 60.0 - begin) / longest;
    for (number, Part { name, colour, .. }) in PARTS.iter().enumerate() {
        let at = begin + 260.0 + number as f64 * 90.0;
        writeln!(
            svg,
            r#"<rect x="{at}" y="{}" width="12" height="12" fill="{colour}"/><text x="{}" y="{}">{name}</text>"#,
            BARS - 22.0,
            at + 18.0,
            BARS - 12.0
        )?;
    }
    for (number, pass) in passes.iter().enumerate() {
        let at = BARS + 10.0 + number as f64 * 2.0 * BAR;
        let baseline = at + BAR - 5.0;
        writeln!(svg, r#"<text x="{LEFT}" y="{baseline}">{}</text>"#, label(pass))?;
        let mut x = begin;
        for Part { colour, read, .. } in PARTS {
            let width = median(pass, read) * scale;
            writeln!(
                svg,
                r#"<rect x="{x:.1}" y="{at}" width="{width:.1}" height="{BAR}" fill="{colour}"/>"#
            )?;
            x += width;
        }
        writeln!(svg, r#"<text x="{:.1}" y="{baseline}">{:.2} ms</text>"#, x + 6.0, total(pass))?;
    }
    Ok(())
}

fn label(pass: &Pass) -> String {
    match pass.plan.at_once {
        1 => pass.name.to_owned(),
        count => format!("{count} calls at once"),
    }
}

/// A round step that gives about eight ticks.
fn tick_step(range: f64) -> f64 {
    let steps = [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0];
    steps.into_iter().find(|step| range / step <= 9.0).unwrap_or(5_000.0)
}
