use std::cmp::Ordering;

use serde_json::{Number, Value};

/// A rule about numbers.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    Minimum(Number),
    Maximum(Number),
    Above(Number),
    Below(Number),
    MultipleOf(Number),
}

impl Rule {
    pub(super) fn check(&self, number: &Number) -> Result<(), String> {
        let (kept, accepted, limit) = match self {
            Self::Minimum(limit) => (compare(number, limit).is_ge(), "at least", limit),
            Self::Maximum(limit) => (compare(number, limit).is_le(), "at most", limit),
            Self::Above(limit) => (compare(number, limit).is_gt(), "more than", limit),
            Self::Below(limit) => (compare(number, limit).is_lt(), "less than", limit),
            Self::MultipleOf(unit) => (is_multiple(number, unit), "a multiple of", unit),
        };
        if kept { Ok(()) } else { Err(format!("must be {accepted} {limit}")) }
    }
}

/// Whether two values are equal in the sense of JSON Schema, where 1 is 1.0.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare(a, b).is_eq(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

pub(super) fn is_integer(number: &Number) -> bool {
    integer(number).is_some() || float(number).fract() == 0.0
}

/// Exact also between an integer and a float, where a conversion would round.
fn compare(a: &Number, b: &Number) -> Ordering {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(a), None) => compare_with_float(a, float(b)),
        (None, Some(b)) => compare_with_float(b, float(a)).reverse(),
        (None, None) => float(a).total_cmp(&float(b)),
    }
}

fn compare_with_float(integer: i128, float: f64) -> Ordering {
    // What lies outside is limited, and so still outside the 64 bits that integers have here.
    let floor = float.floor() as i128;
    integer.cmp(&floor).then(if float.fract() == 0.0 { Ordering::Equal } else { Ordering::Less })
}

fn is_multiple(number: &Number, unit: &Number) -> bool {
    let exact = || {
        let ((number, exponent), (unit, unit_exponent)) = (decimal(number)?, decimal(unit)?);
        let common = exponent.min(unit_exponent);
        let scale = |mantissa: i128, exponent: i32| {
            mantissa.checked_mul(10_i128.checked_pow((exponent - common).unsigned_abs())?)
        };
        scale(number, exponent)?.checked_rem(scale(unit, unit_exponent)?)
    };
    exact().unwrap_or_else(|| i128::from(float(number) % float(unit) != 0.0)) == 0
}

/// The digits as they are written and the power of ten that they are multiplied with; binary
/// floats would make 0.3 no multiple of 0.1.
fn decimal(number: &Number) -> Option<(i128, i32)> {
    let text = number.to_string();
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse().ok()?),
        None => (&*text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mantissa = format!("{whole}{fraction}").parse().ok()?;
    Some((mantissa, i32::checked_sub(exponent, fraction.len() as i32)?))
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}
