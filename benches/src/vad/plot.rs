//! The curves: speech noticed over silence taken for speech.

use std::fmt::{self, Write as _};

use super::report::{ConditionReport, DetectorReport, SetReport};

/// Side of a panel, what is around it, and panels in a row.
const SIDE: f64 = 220.0;
const GAP: f64 = 60.0;
const COLUMNS: usize = 3;
const TOP: f64 = 80.0;
/// The share of false alarms at the right end: what lies beyond it is of no use.
const WIDEST: f64 = 0.5;
const COLOURS: [&str; 5] = ["#c2185b", "#0b6e99", "#e07a1f", "#5a8f29", "#8b5fbf"];
/// The conditions that are drawn.
const DRAWN: [&str; 6] = [
    "16 kHz, clean",
    "16 kHz, pink 10 dB",
    "16 kHz, babble 10 dB",
    "phone, quiet",
    "phone, pink 10 dB",
    "phone, babble 10 dB",
];

/// Draws a set as SVG.
pub(super) fn draw(set: &SetReport, detectors: &[DetectorReport]) -> String {
    let mut svg = String::new();
    write(&mut svg, set, detectors).expect("a String takes everything");
    svg
}

fn write(svg: &mut String, set: &SetReport, detectors: &[DetectorReport]) -> fmt::Result {
    let drawn: Vec<&ConditionReport> =
        set.conditions.iter().filter(|it| DRAWN.contains(&it.name.as_str())).collect();
    let rows = drawn.len().div_ceil(COLUMNS) as f64;
    let width = GAP + COLUMNS as f64 * (SIDE + GAP);
    let height = TOP + rows * (SIDE + GAP + 10.0);
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" font-size="12" fill="#222">
<rect width="100%" height="100%" fill="#fff"/>
<text x="{GAP}" y="26" font-size="17" font-weight="600">Speech noticed, over silence taken for speech: {}</text>"##,
        set.name
    )?;
    for (number, (detector, colour)) in detectors.iter().zip(COLOURS).enumerate() {
        let x = GAP + number as f64 * 130.0;
        writeln!(
            svg,
            r#"<line x1="{x}" y1="46" x2="{}" y2="46" stroke="{colour}" stroke-width="3"/><text x="{}" y="50">{}</text>"#,
            x + 22.0,
            x + 28.0,
            detector.name
        )?;
    }
    for (number, condition) in drawn.iter().enumerate() {
        let x = GAP + (number % COLUMNS) as f64 * (SIDE + GAP);
        let y = TOP + (number / COLUMNS) as f64 * (SIDE + GAP + 10.0);
        panel(svg, condition, x, y)?;
    }
    writeln!(svg, "</svg>")
}

fn panel(svg: &mut String, condition: &ConditionReport, left: f64, top: f64) -> fmt::Result {
    let x = |share: f64| left + share / WIDEST * SIDE;
    let y = |share: f64| top + (1.0 - (share - 0.5) * 2.0) * SIDE;
    writeln!(
        svg,
        r#"<text x="{left}" y="{}" font-weight="600">{}</text>"#,
        top - 8.0,
        condition.name
    )?;
    for tick in 0..=5 {
        let (across, up) = (f64::from(tick) * 0.1, 0.5 + f64::from(tick) * 0.1);
        writeln!(
            svg,
            r##"<path d="M{0:.1} {top:.1}V{1:.1}M{left:.1} {2:.1}H{3:.1}" stroke="#e5e5e5" fill="none"/>
<text x="{0:.1}" y="{4:.1}" text-anchor="middle">{5:.0} %</text>
<text x="{6:.1}" y="{7:.1}" text-anchor="end">{8:.0} %</text>"##,
            x(across),
            top + SIDE,
            y(up),
            left + SIDE,
            top + SIDE + 16.0,
            across * 100.0,
            left - 5.0,
            y(up) + 4.0,
            up * 100.0
        )?;
    }
    for (outcome, colour) in condition.results.iter().zip(COLOURS) {
        let mut path = String::new();
        for pair in outcome.quality.curve.windows(2) {
            if let Some((from, to)) = clip(pair[0], pair[1]) {
                let start = if path.is_empty() { "M" } else { "L" };
                write!(
                    path,
                    "{start}{:.1} {:.1}L{:.1} {:.1}",
                    x(from.0),
                    y(from.1),
                    x(to.0),
                    y(to.1)
                )?;
            }
        }
        writeln!(svg, r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>"#)?;
    }
    Ok(())
}

/// What of a line, which goes right and up, lies in the panel.
fn clip(from: (f64, f64), to: (f64, f64)) -> Option<((f64, f64), (f64, f64))> {
    let at = |share: f64| (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
    let enters = if from.1 < 0.5 { (0.5 - from.1) / (to.1 - from.1) } else { 0.0 };
    let leaves = if to.0 > WIDEST { (WIDEST - from.0) / (to.0 - from.0) } else { 1.0 };
    (0.0 <= enters && enters < leaves).then(|| (at(enters), at(leaves)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_the_border_of_the_panel() {
        assert_eq!(clip((0.0, 0.0), (0.5, 1.0)), Some(((0.25, 0.5), (0.5, 1.0))));
        assert_eq!(clip((0.25, 0.75), (0.75, 1.0)), Some(((0.25, 0.75), (0.5, 0.875))));
        assert_eq!(clip((0.0, 0.0), (0.1, 0.4)), None);
        assert_eq!(clip((0.6, 0.8), (0.9, 1.0)), None);
    }
}
