//! A picture of the passes: what each number of calls takes of a core, and what callers notice.

use std::fmt::{self, Write as _};

use super::row::Row;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 40.0;
const LABEL: f64 = 130.0;
const LINE: f64 = 26.0;
const LONGEST: f64 = 420.0;

/// What is drawn of each pass, one field below the other.
struct Field {
    name: &'static str,
    colour: &'static str,
    read: fn(&Row) -> Option<f64>,
}

const FIELDS: [Field; 4] = [
    Field { name: "share of one core, %", colour: "#0b6e99", read: |row| Some(100.0 * row.core()) },
    Field {
        name: "overhead p99, ms",
        colour: "#e07a1f",
        read: |row| row.overhead.map(|it| it.p99),
    },
    Field {
        name: "unevenness of the audio p99, ms",
        colour: "#8b5fbf",
        read: |row| row.unevenness.map(|it| it.p99),
    },
    Field {
        name: "memory per call, KiB",
        colour: "#5a8f29",
        read: |row| Some(row.memory_per_call_kib as f64),
    },
];

/// Draws the passes as SVG.
pub(super) fn draw(rows: &[Row]) -> String {
    let mut svg = String::new();
    write(&mut svg, rows).expect("a String takes everything");
    svg
}

fn write(svg: &mut String, rows: &[Row]) -> fmt::Result {
    let field = 50.0 + rows.len() as f64 * LINE;
    let height = 30.0 + FIELDS.len() as f64 * field;
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13" fill="#222">
<rect width="100%" height="100%" fill="#fff"/>"##
    )?;
    for (number, Field { name, colour, read }) in FIELDS.iter().enumerate() {
        let top = 40.0 + number as f64 * field;
        writeln!(
            svg,
            r#"<text x="{LEFT}" y="{top}" font-size="16" font-weight="600">{name}</text>"#
        )?;
        let most = rows.iter().filter_map(read).fold(f64::EPSILON, f64::max);
        for (row, y) in rows.iter().zip((1..).map(|line| top + f64::from(line) * LINE)) {
            writeln!(svg, r#"<text x="{LEFT}" y="{y}">{} {}</text>"#, row.calls, row.variant)?;
            let Some(value) = read(row) else { continue };
            let (begin, width) = (LEFT + LABEL, value.max(0.0) / most * LONGEST);
            writeln!(
                svg,
                r#"<rect x="{begin}" y="{}" width="{width:.1}" height="18" fill="{colour}"/>
<text x="{:.1}" y="{y}">{value:.1}</text>"#,
                y - 14.0,
                begin + width + 6.0
            )?;
        }
    }
    writeln!(svg, "</svg>")
}
