//! Plots that the server draws, so that pages need no script for them.

use maud::{Markup, html};

/// Of a drawing, whatever the screen's.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 190.0;
/// What is left for numbers on the left, and for days below.
const LEFT: f64 = 52.0;
const BELOW: f64 = 24.0;
const ABOVE: f64 = 10.0;
/// Days that are named below.
const NAMED: usize = 8;

/// A line, or a part of each bar.
#[derive(Clone, Debug)]
pub(super) struct Series {
    /// What it is.
    pub(super) name: String,
    /// Its class in the style sheet.
    pub(super) class: String,
    /// A value for each day; `None` where there is none.
    pub(super) values: Vec<Option<f64>>,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    /// By what the drawing is known on its page.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What stands behind a number.
    pub(super) unit: &'static str,
    /// What each place on the axis below is.
    pub(super) labels: Vec<String>,
    pub(super) series: Vec<Series>,
}

impl Plot {
    /// Bars, of which each series is a part.
    pub(super) fn bars(&self) -> Markup {
        let sums = (0..self.labels.len())
            .map(|at| self.series.iter().filter_map(|one| one.values[at]).sum());
        let top = rounded(sums.fold(0.0, f64::max));
        let step = self.step();
        let bars = (0..self.labels.len()).flat_map(|at| {
            let mut below = 0.0;
            self.series.iter().filter_map(move |one| {
                let value = one.values[at].filter(|value| *value > 0.0)?;
                let (from, to) = (height(below, top), height(below + value, top));
                below += value;
                Some((one, at, value, to, from - to))
            })
        });
        let bars = html! {
            @for (one, at, value, y, tall) in bars {
                rect class=(one.class) x=(place(LEFT + at as f64 * step + step * 0.14)) y=(place(y))
                    width=(place(step * 0.72)) height=(place(tall)) {
                    title { (self.labels[at]) ": " (one.name) " " (number(value)) (self.unit) }
                }
            }
        };
        self.drawn(top, &bars)
    }

    /// Lines, with a point for each value; where there is none, a line is broken.
    pub(super) fn lines(&self) -> Markup {
        let values = self.series.iter().flat_map(|one| one.values.iter().flatten());
        let top = rounded(values.copied().fold(0.0, f64::max));
        let step = self.step();
        let x = |at: usize| LEFT + (at as f64 + 0.5) * step;
        let path = |values: &[Option<f64>]| {
            let mut path = String::new();
            let mut is_open = false;
            for (at, value) in values.iter().enumerate() {
                if let Some(value) = value {
                    let verb = if is_open { 'L' } else { 'M' };
                    path += &format!("{verb}{} {} ", place(x(at)), place(height(*value, top)));
                }
                is_open = value.is_some();
            }
            path
        };
        let lines = html! {
            @for one in &self.series {
                path class=(format!("line {}", one.class)) d=(path(&one.values)) {}
                @for (at, value) in one.values.iter().enumerate() {
                    @if let Some(value) = value {
                        circle class=(one.class) cx=(place(x(at))) cy=(place(height(*value, top))) r="3.5" {
                            title { (self.labels[at]) ": " (one.name) " " (number(*value)) (self.unit) }
                        }
                    }
                }
            }
        };
        self.drawn(top, &lines)
    }

    fn step(&self) -> f64 {
        (WIDTH - LEFT) / self.labels.len().max(1) as f64
    }

    fn drawn(&self, top: f64, content: &Markup) -> Markup {
        let step = self.step();
        let every = self.labels.len().div_ceil(NAMED).max(1);
        let is_empty = self.series.iter().all(|one| one.values.iter().all(Option::is_none));
        html! {
            figure #(self.id) {
                figcaption {
                    (self.title)
                    @if self.series.len() > 1 {
                        ul.legend {
                            @for one in &self.series {
                                li {
                                    svg viewBox="0 0 10 10" aria-hidden="true" {
                                        rect class=(one.class) width="10" height="10" {}
                                    }
                                    (one.name)
                                }
                            }
                        }
                    }
                }
                @if is_empty {
                    p.empty { "There was nothing yet." }
                } @else {
                    svg.plot viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img"
                        aria-label=(self.title) {
                        @for part in [0.0, 0.5, 1.0] {
                            @let y = place(height(top * part, top));
                            line.grid x1=(LEFT) x2=(WIDTH) y1=(y) y2=(y) {}
                            text x=(LEFT - 6.0) y=(y) dy="4" text-anchor="end" {
                                (number(top * part)) (self.unit)
                            }
                        }
                        @for (at, label) in self.labels.iter().enumerate().step_by(every) {
                            text x=(place(LEFT + (at as f64 + 0.5) * step)) y=(HEIGHT - 6.0)
                                text-anchor="middle" { (label) }
                        }
                        (content)
                    }
                }
            }
        }
    }
}

/// The height of a value on the drawing, from above.
fn height(value: f64, top: f64) -> f64 {
    let room = HEIGHT - BELOW - ABOVE;
    ABOVE + room - room * value / top
}

/// The next number above that people like at an axis: 1, 2 or 5, with zeros.
fn rounded(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let ten = 10_f64.powf(most.log10().floor());
    let nice = [1.0, 2.0, 5.0, 10.0].into_iter().map(|one| one * ten);
    nice.into_iter().find(|nice| *nice >= most * (1.0 - 1e-9)).unwrap_or(10.0 * ten)
}

fn place(at: f64) -> String {
    format!("{at:.1}")
}

fn number(value: f64) -> String {
    match value {
        whole if (whole - whole.round()).abs() < 1e-9 => format!("{whole:.0}"),
        part if part < 1.0 => format!("{part:.2}"),
        part => format!("{part:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(values: &[&[Option<f64>]]) -> Plot {
        let series = values.iter().enumerate().map(|(at, values)| Series {
            name: format!("s{at}"),
            class: format!("c{at}"),
            values: values.to_vec(),
        });
        Plot {
            id: "p",
            title: "P",
            unit: " ms",
            labels: (0..values[0].len()).map(|at| format!("d{at}")).collect(),
            series: series.collect(),
        }
    }

    #[test]
    fn axes_end_at_numbers_that_people_like() {
        for (most, top) in [
            (0.0, 1.0),
            (0.3, 0.5),
            (1.0, 1.0),
            (3.0, 5.0),
            (99.0, 100.0),
            (100.0, 100.0),
            (1_250.0, 2_000.0),
        ] {
            assert!((rounded(most) - top).abs() < 1e-9, "{most}: {}", rounded(most));
        }
    }

    #[test]
    fn bars_stand_on_one_another_and_nothing_is_no_bar() {
        let drawn = plot(&[&[Some(1.0), None], &[Some(1.0), Some(0.0)]]).bars().into_string();
        assert_eq!(drawn.matches("width=\"240.5\"").count(), 2, "{drawn}");
        assert!(drawn.contains("y=\"88.0\"") && drawn.contains("y=\"10.0\""), "{drawn}");
        assert_eq!(drawn.matches("height=\"78.0\"").count(), 2, "half of the room each: {drawn}");
        assert!(drawn.contains("d0: s1 1 ms"));
    }

    #[test]
    fn a_line_is_broken_where_there_is_no_value() {
        let drawn = plot(&[&[Some(1.0), None, Some(1.0), Some(0.5)]]).lines().into_string();
        let path = drawn.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!((path.matches('M').count(), path.matches('L').count()), (2, 1), "{path}");
        assert_eq!(drawn.matches("<circle").count(), 3);
        let nothing = plot(&[&[None, None]]).lines().into_string();
        assert!(nothing.contains("nothing yet") && !nothing.contains("<svg class=\"plot\""));
    }
}
