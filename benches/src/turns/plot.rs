//! The calibration curve: what came of predictions, over what was predicted.

use std::fmt::{self, Write as _};

use super::score::Quality;

/// Side of the panel, and what is around it.
const SIDE: f64 = 320.0;
const GAP: f64 = 60.0;

/// Draws the reliability of predictions as SVG.
pub(super) fn draw(quality: &Quality) -> String {
    let mut svg = String::new();
    write(&mut svg, quality).expect("a String takes everything");
    svg
}

fn write(svg: &mut String, quality: &Quality) -> fmt::Result {
    let x = |share: f64| GAP + share * SIDE;
    let y = |share: f64| GAP + (1.0 - share) * SIDE;
    let size = SIDE + 2.0 * GAP;
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" font-family="system-ui, sans-serif" font-size="12" fill="#222">
<rect width="100%" height="100%" fill="#fff"/>
<text x="{GAP}" y="26" font-size="15" font-weight="600">Turns that were complete, over the prediction</text>
<text x="{GAP}" y="44">held back: {} cases, ROC-AUC {:.3}; areas show how many</text>"##,
        quality.cases, quality.auc
    )?;
    for tick in 0..=5 {
        let share = f64::from(tick) / 5.0;
        writeln!(
            svg,
            r##"<path d="M{0:.1} {GAP:.1}V{1:.1}M{GAP:.1} {2:.1}H{3:.1}" stroke="#e5e5e5" fill="none"/>
<text x="{0:.1}" y="{4:.1}" text-anchor="middle">{share:.1}</text><text x="{5:.1}" y="{6:.1}" text-anchor="end">{share:.1}</text>"##,
            x(share),
            y(0.0),
            y(share),
            x(1.0),
            y(0.0) + 18.0,
            x(0.0) - 6.0,
            y(share) + 4.0
        )?;
    }
    writeln!(
        svg,
        r##"<path d="M{} {}L{} {}" stroke="#999" stroke-dasharray="5 4"/>"##,
        x(0.0),
        y(0.0),
        x(1.0),
        y(1.0)
    )?;
    for bin in &quality.bins {
        let radius = (bin.cases as f64).sqrt() * 0.6;
        writeln!(
            svg,
            r##"<circle cx="{:.1}" cy="{:.1}" r="{radius:.1}" fill="#0b6e99" fill-opacity="0.75"/>"##,
            x(bin.mean),
            y(bin.complete)
        )?;
    }
    writeln!(svg, "</svg>")
}
