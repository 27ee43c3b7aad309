use std::fmt::{self, Write as _};

use super::endpointing::{Curve, TradeOff};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 800.0;
const TOP: f64 = 80.0;
const BOTTOM: f64 = 410.0;
/// Milliseconds between two lines of the grid.
const STEP: f64 = 200.0;
const COLOURS: [&str; 4] = ["#999999", "#e07a1f", "#0b6e99", "#5b8c3a"];

impl TradeOff {
    /// Draws it as SVG: the rate of callers cut off over the median delay. Down and left is better.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = String::new();
        self.draw(&mut svg).expect("a string takes it all");
        svg
    }

    fn draw(&self, svg: &mut String) -> fmt::Result {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let most = |value: fn(&super::Point) -> f64| points().map(value).fold(0.0, f64::max);
        let delays = (most(|point| point.median_response_ms) / STEP).ceil().max(1.0) * STEP;
        let cuts = (most(|point| point.false_cuts) * 20.0).ceil().max(1.0) / 20.0;
        let x = |delay: f64| LEFT + delay / delays * (RIGHT - LEFT);
        let y = |share: f64| BOTTOM - share / cuts * (BOTTOM - TOP);
        writeln!(
            svg,
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="13" fill="#222">
<rect width="100%" height="100%" fill="#fff"/>
<text x="{LEFT}" y="30" font-size="18" font-weight="600">Quick answers against callers cut off</text>
<text x="{LEFT}" y="52" fill="#666">{} turns of {} simulated callers; down and left is better</text>"##,
            self.turns, self.callers
        )?;
        for tick in 0..=(delays / STEP) as u32 {
            let delay = STEP * f64::from(tick);
            writeln!(
                svg,
                r##"<line x1="{0:.1}" y1="{TOP}" x2="{0:.1}" y2="{BOTTOM}" stroke="#e5e5e5"/><text x="{0:.1}" y="{1}" text-anchor="middle">{delay:.0} ms</text>"##,
                x(delay),
                BOTTOM + 20.0
            )?;
        }
        for tick in 0..=(cuts * 20.0).round() as u32 {
            let share = f64::from(tick) / 20.0;
            writeln!(
                svg,
                r##"<line x1="{LEFT}" y1="{0:.1}" x2="{RIGHT}" y2="{0:.1}" stroke="#e5e5e5"/><text x="{1}" y="{2:.1}" text-anchor="end">{3:.0} %</text>"##,
                y(share),
                LEFT - 8.0,
                y(share) + 4.0,
                share * 100.0
            )?;
        }
        for (number, (curve, colour)) in self.curves.iter().zip(COLOURS).enumerate() {
            draw_curve(svg, curve, colour, (&x, &y))?;
            let at = TOP + 10.0 + 20.0 * number as f64;
            writeln!(
                svg,
                r#"<circle cx="{}" cy="{at}" r="5" fill="{colour}"/><text x="{}" y="{}">{}</text>"#,
                RIGHT - 220.0,
                RIGHT - 208.0,
                at + 4.0,
                curve.rule
            )?;
        }
        let (bar_x, bar_y) = (x(self.bar.median_response_ms), y(self.bar.false_cuts));
        writeln!(
            svg,
            r##"<line x1="{:.1}" y1="{bar_y:.1}" x2="{bar_x:.1}" y2="{bar_y:.1}" stroke="#222" stroke-dasharray="4 3"/><text x="{:.1}" y="{:.1}" text-anchor="middle">{:.0} ms</text>"##,
            x(self.equal.median_response_ms),
            f64::midpoint(x(self.equal.median_response_ms), bar_x),
            bar_y - 6.0,
            self.saved_ms()
        )?;
        let middle = f64::midpoint(LEFT, RIGHT);
        writeln!(
            svg,
            r#"<text x="{middle}" y="{}" text-anchor="middle">median from the caller's last sound to the agent's first</text>
</svg>"#,
            BOTTOM + 46.0
        )
    }
}

fn draw_curve(
    svg: &mut String,
    curve: &Curve,
    colour: &str,
    (x, y): (&dyn Fn(f64) -> f64, &dyn Fn(f64) -> f64),
) -> fmt::Result {
    let mut points: Vec<_> = curve.points.iter().collect();
    points.sort_by(|one, two| one.median_response_ms.total_cmp(&two.median_response_ms));
    let mut path = String::new();
    for (nth, point) in points.iter().enumerate() {
        let command = if nth == 0 { 'M' } else { 'L' };
        write!(path, "{command}{:.1} {:.1} ", x(point.median_response_ms), y(point.false_cuts))?;
    }
    writeln!(svg, r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>"#)?;
    for point in points {
        writeln!(
            svg,
            r#"<circle cx="{:.1}" cy="{:.1}" r="4" fill="{colour}"><title>{}: {:.0} ms, {:.1} %</title></circle>"#,
            x(point.median_response_ms),
            y(point.false_cuts),
            point.setting,
            point.median_response_ms,
            point.false_cuts * 100.0
        )?;
    }
    Ok(())
}
