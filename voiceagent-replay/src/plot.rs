//! The trade-off as a picture: how quickly callers are answered, and how often they are cut off.

use std::fmt::{self, Write as _};

use crate::{
    comparison::many,
    sweep::{Curve, Point},
};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 800.0;
const TOP: f64 = 80.0;
const BOTTOM: f64 = 410.0;
/// The least distance between two labels.
const LINE: f64 = 14.0;
/// Room for a label beside its point.
const LABEL: f64 = 90.0;

/// Colours for light and for dark pages.
const STYLE: &str = "<style>
.page { fill: #fff } .ink { fill: #222 } .faint { fill: #666 }
.grid { stroke: #e5e5e5 } .curve { stroke: #0b6e99; fill: none; stroke-width: 2 }
.point { fill: #0b6e99; stroke: #0b6e99; stroke-width: 2 } .beyond { fill: #fff } .kept { fill: #e07a1f } .lead { stroke: #999 }
@media (prefers-color-scheme: dark) {
.page { fill: #16181d } .ink { fill: #e8e8e8 } .faint { fill: #a0a4ab }
.grid { stroke: #33363d } .curve { stroke: #58b4dc } .point { fill: #58b4dc; stroke: #58b4dc }
.beyond { fill: #16181d } .kept { fill: #f0a050 }
}
</style>";

/// An axis from zero to a round number.
struct Axis {
    to: f64,
    step: f64,
}

/// Draws the curve as SVG.
pub(crate) fn draw(curve: &Curve) -> String {
    let mut svg = String::new();
    write(&mut svg, curve).expect("a String takes everything");
    svg
}

fn write(svg: &mut String, curve: &Curve) -> fmt::Result {
    let named = escaped(&curve.setting);
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="13">
{STYLE}
<rect class="page" width="100%" height="100%"/>
<text class="ink" x="{LEFT}" y="30" font-size="18" font-weight="600">Quick answers against callers cut off: {named}</text>
<text class="faint" x="{LEFT}" y="52">{} of {}; a cut: the caller went on within {:.0} ms</text>
<text class="faint" x="{LEFT}" y="{}">orange: as recorded; hollow: beyond what was recorded</text>"#,
        many(curve.turns, "turn"),
        many(curve.journals, "recorded call"),
        curve.cut_window_ms,
        BOTTOM + 60.0
    )?;
    let placed: Vec<(f64, f64, &Point)> = curve
        .points
        .iter()
        .filter_map(|it| Some((it.cut_rate? * 100.0, it.median_response_ms?, it)))
        .collect();
    if placed.is_empty() {
        writeln!(svg, r#"<text class="ink" x="{LEFT}" y="{TOP}">no turn was answered</text>"#)?;
        return writeln!(svg, "</svg>");
    }
    let largest =
        |pick: fn(&(f64, f64, &Point)) -> f64| placed.iter().map(pick).fold(1.0, f64::max);
    let across = Axis::to(largest(|it| it.0));
    let up = Axis::to(largest(|it| it.1));
    grid(svg, &across, &up)?;
    let spots: Vec<(f64, f64, &Point)> = placed
        .iter()
        .map(|(rate, response, point)| {
            (across.place(*rate, LEFT, RIGHT - LABEL), up.place(*response, BOTTOM, TOP), *point)
        })
        .collect();
    points(svg, &spots)?;
    writeln!(svg, "</svg>")
}

fn grid(svg: &mut String, across: &Axis, up: &Axis) -> fmt::Result {
    let right = RIGHT - LABEL;
    for tick in across.ticks() {
        let x = across.place(tick, LEFT, right);
        writeln!(
            svg,
            r#"<line class="grid" x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{BOTTOM}"/><text class="ink" x="{x:.1}" y="{}" text-anchor="middle">{tick} %</text>"#,
            BOTTOM + 18.0
        )?;
    }
    for tick in up.ticks() {
        let y = up.place(tick, BOTTOM, TOP);
        writeln!(
            svg,
            r#"<line class="grid" x1="{LEFT}" y1="{y:.1}" x2="{right}" y2="{y:.1}"/><text class="ink" x="{}" y="{:.1}" text-anchor="end">{tick} ms</text>"#,
            LEFT - 8.0,
            y + 4.0
        )?;
    }
    writeln!(
        svg,
        r#"<text class="faint" x="{right}" y="{}" text-anchor="end">decisions that cut the caller off (percent)</text>
<text class="faint" x="{LEFT}" y="{}">median from the caller's last sound to the agent's first (milliseconds)</text>"#,
        BOTTOM + 42.0,
        TOP - 10.0
    )
}

fn points(svg: &mut String, spots: &[(f64, f64, &Point)]) -> fmt::Result {
    let path: Vec<String> = spots.iter().map(|(x, y, _)| format!("{x:.1},{y:.1}")).collect();
    writeln!(svg, r#"<polyline class="curve" points="{}"/>"#, path.join(" "))?;
    for (x, y, _) in spots.iter().filter(|(.., point)| point.recorded) {
        writeln!(svg, r#"<circle class="kept" cx="{x:.1}" cy="{y:.1}" r="8"/>"#)?;
    }
    // Labels keep off each other: from top to bottom, each below the one before.
    let mut order: Vec<&(f64, f64, &Point)> = spots.iter().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.total_cmp(&b.0)));
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for (x, y, point) in order {
        let near = |(at, _): &&(f64, f64)| (at - x).abs() < LABEL;
        let lowest = taken.iter().filter(near).map(|(_, y)| *y).fold(f64::MIN, f64::max);
        let label = y.max(lowest + LINE);
        taken.push((*x, label));
        let class = if point.unseen > 0 { "point beyond" } else { "point" };
        writeln!(
            svg,
            r#"<line class="lead" x1="{x:.1}" y1="{y:.1}" x2="{:.1}" y2="{label:.1}"/>
<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="4"/><text class="ink" x="{:.1}" y="{:.1}">{}</text>"#,
            x + 11.0,
            x + 13.0,
            label + 4.0,
            escaped(&point.value)
        )?;
    }
    Ok(())
}

impl Axis {
    /// From zero, because a share of a delay is a share of the length.
    fn to(largest: f64) -> Self {
        let steps = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0];
        let step = steps.into_iter().find(|step| largest / step <= 8.0).unwrap_or(5_000.0);
        Self { to: (largest / step).ceil() * step, step }
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let count = (self.to / self.step).round() as u32;
        (0..=count).map(|nth| (f64::from(nth) * self.step * 10.0).round() / 10.0)
    }

    fn place(&self, value: f64, begin: f64, end: f64) -> f64 {
        begin + value / self.to * (end - begin)
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_a_round_number() {
        let axis = Axis::to(730.0);
        assert_eq!((axis.to, axis.step), (800.0, 100.0));
        assert_eq!(axis.ticks().count(), 9);
        assert_eq!(axis.place(400.0, 0.0, 10.0), 5.0);
        assert_eq!(Axis::to(0.3).ticks().last(), Some(0.3));
    }
}
