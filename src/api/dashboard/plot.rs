//! Plots, drawn here as SVG paths in a box of fixed size; the stylesheet stretches and colours them. Beside each stands what it shows
//! in words, for whoever does not see it.

use std::fmt::Write as _;

use minijinja::{Value, context};

use super::{
    Desk,
    history::{Length, Sample, Span},
    language::Language,
    render::{amount, grouped},
};
use crate::model::SessionName;

/// The box that a path is drawn in.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 100.0;

/// What a plot shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Memory,
    Waiting,
    Sent,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Waiting => "waiting",
            Self::Sent => "sent",
        }
    }

    fn of(self, sample: &Sample) -> f64 {
        f64::from(match self {
            Self::Memory => sample.memory_mib,
            Self::Waiting => sample.waiting,
            Self::Sent => sample.sent,
        })
    }

    fn words(self, language: Language, value: f64) -> String {
        #[expect(clippy::cast_possible_truncation, reason = "it was a u32, or a sum of some of them")]
        match self {
            Self::Memory => amount(language, value * 1_048_576.0),
            Self::Waiting | Self::Sent => grouped(language, value as i64),
        }
    }
}

/// The three plots of a session or of all, over the last hour and the last day.
pub(super) fn of(desk: &Desk, session: Option<&SessionName>, language: Language) -> Value {
    let history = &desk.inner.history;
    let spans = [("hour", Length::Hour), ("day", Length::Day)].map(|(name, length)| {
        let span = history.span(session, length);
        let plots: Vec<Value> =
            [Kind::Memory, Kind::Waiting, Kind::Sent].iter().filter_map(|kind| plot(*kind, &span, language)).collect();
        context! { name, plots }
    });
    Value::from(spans.to_vec())
}

/// One plot; None for what is not known at any time, and before there are two samples.
fn plot(kind: Kind, span: &Span, language: Language) -> Option<Value> {
    let values: Vec<f64> = span.samples.iter().map(|sample| kind.of(sample)).collect();
    let (most, last) = (values.iter().copied().fold(0.0, f64::max), *values.last()?);
    if values.len() < 2 || (kind == Kind::Memory && most == 0.0) {
        return None;
    }
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let sum: f64 = values.iter().sum();
    let top = ceiling(most);
    Some(context! {
        kind => kind.name(),
        line => line(&span.samples, &values, top),
        area => area(&span.samples, &values, top),
        top => kind.words(language, top),
        now => kind.words(language, if kind == Kind::Sent { sum } else { last }),
        most => kind.words(language, most),
        least => kind.words(language, least),
        step_s => span.step_s,
        from_ms => i64::from(span.samples.first()?.at_s) * 1_000,
        to_ms => i64::from(span.samples.last()?.at_s) * 1_000,
    })
}

/// The next round number: 1, 2 or 5 with zeros.
fn ceiling(most: f64) -> f64 {
    let mut step = 1.0;
    loop {
        for factor in [1.0, 2.0, 5.0] {
            if most <= step * factor {
                return step * factor;
            }
        }
        step *= 10.0;
    }
}

fn line(samples: &[Sample], values: &[f64], top: f64) -> String {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return String::new() };
    let span = f64::from((last.at_s - first.at_s).max(1));
    let mut path = String::new();
    for (sample, value) in samples.iter().zip(values) {
        let x = f64::from(sample.at_s - first.at_s) / span * WIDTH;
        let y = HEIGHT - value / top * HEIGHT;
        let letter = if path.is_empty() { 'M' } else { 'L' };
        // A String takes whatever is written.
        let _ = write!(path, "{letter}{x:.0} {y:.1}");
    }
    path
}

fn area(samples: &[Sample], values: &[f64], top: f64) -> String {
    format!("{}V{HEIGHT}H0Z", line(samples, values, top))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(values: &[u32]) -> Span {
        let sample = |(index, value): (usize, &u32)| Sample {
            at_s: 1_000 + 15 * u32::try_from(index).expect("few"),
            memory_mib: 0,
            waiting: *value,
            sent: 1,
        };
        Span { step_s: 15, samples: values.iter().enumerate().map(sample).collect() }
    }

    #[test]
    fn a_plot_fills_its_box_and_is_told_in_words() {
        let plot = plot(Kind::Waiting, &span(&[0, 10, 5]), Language::English).expect("three samples make a plot");
        let text = |name: &str| plot.get_attr(name).expect("it is there").to_string();
        assert_eq!(text("line"), "M0 100.0L300 0.0L600 50.0");
        assert_eq!(text("area"), "M0 100.0L300 0.0L600 50.0V100H0Z");
        assert_eq!((text("now"), text("most"), text("least")), ("5".to_owned(), "10".to_owned(), "0".to_owned()));
    }

    #[test]
    fn what_is_not_known_is_not_drawn() {
        assert!(plot(Kind::Memory, &span(&[1, 2]), Language::English).is_none());
        assert!(plot(Kind::Waiting, &span(&[1]), Language::English).is_none());
        assert!(plot(Kind::Waiting, &span(&[0, 0]), Language::English).is_some(), "nothing waits is worth seeing");
    }

    #[test]
    fn the_scale_ends_at_a_round_number() {
        for (most, top) in [(0.0, 1.0), (1.0, 1.0), (3.0, 5.0), (17.0, 20.0), (501.0, 1_000.0)] {
            assert!((ceiling(most) - top).abs() < f64::EPSILON, "{most}");
        }
    }
}
