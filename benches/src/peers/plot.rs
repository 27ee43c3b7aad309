//! A picture of a comparison: small bars side by side, one field for each figure.

use std::fmt::{self, Write as _};

use super::comparison::{Comparison, Row};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 30.0;
const FIELD: (f64, f64) = (400.0, 120.0);
const COLUMNS: usize = 2;
const BAR: f64 = 20.0;
const NAME: f64 = 105.0;
const COLOURS: [&str; 3] = ["#0b6e99", "#e07a1f", "#5a8f29"];

/// What is drawn; the rest stands in the table.
const DRAWN: [&str; 6] = [
    "response p50, ms",
    "response with a tool p50, ms",
    "barge-in to silence p50, ms",
    "CPU s per call-minute",
    "memory idle, MiB",
    "memory per call, MiB",
];

/// Draws the comparisons as SVG, one below the other.
pub(super) fn draw(comparisons: &[Comparison]) -> String {
    let mut svg = String::new();
    write(&mut svg, comparisons).expect("a String takes everything");
    svg
}

fn write(svg: &mut String, comparisons: &[Comparison]) -> fmt::Result {
    let lines = DRAWN.len().div_ceil(COLUMNS) as f64;
    let block = 60.0 + lines * FIELD.1;
    let height = 20.0 + comparisons.len() as f64 * block;
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="12" fill="#222">
<rect width="100%" height="100%" fill="#fff"/>"##
    )?;
    for (number, comparison) in comparisons.iter().enumerate() {
        let top = 40.0 + number as f64 * block;
        let calls = match comparison.calls_at_once {
            1 => "One call".to_owned(),
            calls => format!("{calls} calls at once"),
        };
        writeln!(
            svg,
            r#"<text x="{LEFT}" y="{top}" font-size="18" font-weight="600">{calls}; shorter is better</text>"#
        )?;
        let rows = comparison.rows.iter().filter(|row| DRAWN.contains(&row.name));
        for (place, row) in rows.enumerate() {
            let x = LEFT + (place % COLUMNS) as f64 * (FIELD.0 + 20.0);
            let y = top + 30.0 + (place / COLUMNS) as f64 * FIELD.1;
            field(svg, (x, y), row, &comparison.agents)?;
        }
    }
    writeln!(svg, "</svg>")
}

fn field(svg: &mut String, (x, y): (f64, f64), row: &Row, agents: &[&str]) -> fmt::Result {
    writeln!(svg, r#"<text x="{x}" y="{y}" font-weight="600">{}</text>"#, row.name)?;
    let longest = row.values.iter().flatten().copied().fold(f64::EPSILON, f64::max);
    let scale = (FIELD.0 - NAME - 110.0) / longest;
    for (number, (agent, value)) in agents.iter().zip(&row.values).enumerate() {
        let top = y + 8.0 + number as f64 * (BAR + 6.0);
        let baseline = top + BAR - 6.0;
        writeln!(svg, r#"<text x="{x}" y="{baseline:.0}">{agent}</text>"#)?;
        let Some(value) = value else { continue };
        let (begin, width) = (x + NAME, value * scale);
        let colour = COLOURS[number % COLOURS.len()];
        let ratio = row.ratio(number).filter(|_| number > 0);
        let ratio = ratio.map_or_else(String::new, |ratio| format!(" ({ratio:.1} x)"));
        writeln!(
            svg,
            r#"<rect x="{begin}" y="{top}" width="{width:.1}" height="{BAR}" fill="{colour}"/>
<text x="{:.1}" y="{baseline:.0}">{value:.2}{ratio}</text>"#,
            begin + width + 6.0
        )?;
    }
    Ok(())
}
