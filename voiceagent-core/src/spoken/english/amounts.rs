use super::{
    Found, Line, addresses,
    numbers::{cardinal, number, ordinal, parse, with_fraction},
};

/// Sign, code, one, more, a hundredth, hundredths.
const CURRENCIES: [(&str, &str, &str, &str, &str, &str); 5] = [
    ("$", "USD", "dollar", "dollars", "cent", "cents"),
    ("€", "EUR", "euro", "euros", "cent", "cents"),
    ("£", "GBP", "pound", "pounds", "penny", "pence"),
    ("¥", "JPY", "yen", "yen", "sen", "sen"),
    ("₹", "INR", "rupee", "rupees", "paisa", "paise"),
];

/// Sign, one, more.
const UNITS: [(&str, &str, &str); 38] = [
    ("%", "percent", "percent"),
    ("km", "kilometer", "kilometers"),
    ("m", "meter", "meters"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("mi", "mile", "miles"),
    ("ft", "foot", "feet"),
    ("yd", "yard", "yards"),
    ("m²", "square meter", "square meters"),
    ("sqft", "square foot", "square feet"),
    ("kg", "kilogram", "kilograms"),
    ("g", "gram", "grams"),
    ("mg", "milligram", "milligrams"),
    ("lb", "pound", "pounds"),
    ("lbs", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("l", "liter", "liters"),
    ("L", "liter", "liters"),
    ("ml", "milliliter", "milliliters"),
    ("gal", "gallon", "gallons"),
    ("°C", "degree Celsius", "degrees Celsius"),
    ("°F", "degree Fahrenheit", "degrees Fahrenheit"),
    ("°", "degree", "degrees"),
    ("km/h", "kilometer an hour", "kilometers an hour"),
    ("mph", "mile an hour", "miles an hour"),
    ("mpg", "mile a gallon", "miles a gallon"),
    ("hp", "horsepower", "horsepower"),
    ("kW", "kilowatt", "kilowatts"),
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("V", "volt", "volts"),
    ("W", "watt", "watts"),
    ("MB", "megabyte", "megabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("TB", "terabyte", "terabytes"),
    ("ms", "millisecond", "milliseconds"),
    ("hr", "hour", "hours"),
    ("hrs", "hour", "hours"),
    ("min", "minute", "minutes"),
];

const LARGE: [&str; 4] = ["thousand", "million", "billion", "trillion"];
const FRACTIONS: [(char, &str); 5] = [
    ('½', "one half"),
    ('¼', "one quarter"),
    ('¾', "three quarters"),
    ('⅓', "one third"),
    ('⅔', "two thirds"),
];

/// Money, a measure, an ordinal, a fraction, or a number.
pub(super) fn amount(line: &Line<'_>, at: usize) -> Option<Found> {
    let core = line.core(at);
    if !core.contains(|c: char| c.is_ascii_digit() || FRACTIONS.iter().any(|(sign, _)| *sign == c))
        && core != "No"
    {
        return None;
    }
    money(line, at)
        .or_else(|| measure(line, at))
        .or_else(|| mixed(line, at))
        .or_else(|| numbered(line, at))
        .or_else(|| line.found(at, 1, addresses::short_number(line, at)?))
        .or_else(|| line.found(at, 1, by_itself(core)?))
}

/// A number alone, with a sign at most.
fn by_itself(core: &str) -> Option<String> {
    if let Some(rest) = core.strip_suffix('+') {
        return quantity(rest).map(|(words, _)| format!("{words} plus"));
    }
    if let Some(rest) = core.strip_prefix('~') {
        return quantity(rest).map(|(words, _)| format!("about {words}"));
    }
    if let Some(rest) = core.strip_suffix('x').and_then(number) {
        return Some(format!("{rest} times"));
    }
    if let Some(end) = ["st", "nd", "rd", "th"].iter().find_map(|end| core.strip_suffix(end)) {
        return parse(end).filter(|(_, fraction)| fraction.is_empty()).map(|(it, _)| ordinal(it));
    }
    fraction(core).or_else(|| quantity(core).map(|(words, _)| words))
}

/// One half, or two and one half.
fn fraction(core: &str) -> Option<String> {
    if core == "24/7" {
        return Some("twenty-four seven".to_owned());
    }
    if let Some((sign, words)) = FRACTIONS.iter().find(|(sign, _)| core.ends_with(*sign)) {
        return match core.strip_suffix(*sign)? {
            "" => Some((*words).to_owned()),
            whole => number(whole).map(|whole| format!("{whole} and {words}")),
        };
    }
    let (above, below) = core.split_once('/')?;
    let (above, below) = (above.parse::<u64>().ok()?, below.parse::<u64>().ok()?);
    if above == 0 || above >= below || below > 16 {
        return None;
    }
    let name = match below {
        2 => "half".to_owned(),
        4 => "quarter".to_owned(),
        _ => ordinal(below),
    };
    let many = if above == 1 { "" } else { "s" };
    Some(format!("{} {name}{many}", cardinal(above)))
}

/// `1 1/2` or `1 ½`, with a unit behind it or without.
fn mixed(line: &Line<'_>, at: usize) -> Option<Found> {
    let whole = line.core(at);
    let is_whole = whole.len() <= 3 && whole.bytes().all(|byte| byte.is_ascii_digit());
    let part = line.core(at + 1);
    let is_sign = |c: char| FRACTIONS.iter().any(|(sign, _)| *sign == c);
    let is_part = part.contains('/') || part.starts_with(is_sign);
    if !is_whole || !is_part || part == "24/7" || !line.goes_on(at) {
        return None;
    }
    let words = format!("{} and {}", number(whole)?, fraction(part)?);
    match unit_of(line.core(at + 2)).filter(|_| line.goes_on(at + 1)) {
        Some((.., many)) => line.found(at, 3, format!("{words} {many}")),
        None => line.found(at, 2, words),
    }
}

/// A number or two, and whether it is just one.
fn quantity(core: &str) -> Option<(String, bool)> {
    if let Some((from, until)) = core.split_once(['-', '–']).filter(|(from, _)| !from.is_empty())
    {
        return Some((format!("{} to {}", number(from)?, number(until)?), false));
    }
    Some((number(core)?, core == "1"))
}

/// `#5` and `No. 5`.
fn numbered(line: &Line<'_>, at: usize) -> Option<Found> {
    if let Some(rest) = line.core(at).strip_prefix('#') {
        return line.found(at, 1, format!("number {}", number(rest)?));
    }
    if line.core(at) != "No" || line.behind(at) != "." {
        return None;
    }
    line.found(at, 2, format!("number {}", number(line.core(at + 1))?))
}

fn unit_of(sign: &str) -> Option<&(&str, &str, &str)> {
    UNITS.iter().find(|(known, ..)| *known == sign)
}

/// A number with its unit, close by or apart.
fn measure(line: &Line<'_>, at: usize) -> Option<Found> {
    let core = line.core(at);
    let in_words = |(words, is_one): (String, bool), unit: &(&str, &str, &str)| {
        format!("{words} {}", if is_one { unit.1 } else { unit.2 })
    };
    let end = core.rfind(|c: char| c.is_ascii_digit())? + 1;
    if let Some(unit) = unit_of(&core[end..]) {
        return line.found(at, 1, in_words(quantity(&core[..end])?, unit));
    }
    let unit = unit_of(line.core(at + 1)).filter(|_| line.goes_on(at))?;
    line.found(at, 2, in_words(quantity(core)?, unit))
}

/// An amount of money, with its sign before or behind it.
fn money(line: &Line<'_>, at: usize) -> Option<Found> {
    let core = line.core(at);
    let (minus, rest) = core.strip_prefix('-').map_or(("", core), |rest| ("minus ", rest));
    let before = CURRENCIES.iter().find_map(|it| Some((it, rest.strip_prefix(it.0)?)));
    if let Some((currency, amount)) = before {
        let large = LARGE.into_iter().find(|large| line.core(at + 1) == *large);
        let large = large.filter(|_| line.goes_on(at));
        let spoken = in_currency(amount, large, currency)?;
        let tokens = 1 + usize::from(large.is_some());
        return line.found(at, tokens, format!("{minus}{spoken}"));
    }
    let close = CURRENCIES.iter().find_map(|it| Some((it, rest.strip_suffix(it.0)?)));
    if let Some((currency, amount)) = close {
        return line.found(at, 1, format!("{minus}{}", in_currency(amount, None, currency)?));
    }
    let behind = line.core(at + 1);
    let currency = CURRENCIES.iter().find(|it| it.0 == behind || it.1 == behind);
    let currency = currency.filter(|_| line.goes_on(at))?;
    line.found(at, 2, format!("{minus}{}", in_currency(rest, None, currency)?))
}

fn in_currency(
    amount: &str,
    large: Option<&str>,
    currency: &(&str, &str, &str, &str, &str, &str),
) -> Option<String> {
    let (sign, _, one, many, hundredth, hundredths) = currency;
    if let Some((amount, per)) = amount.split_once('/') {
        let is_word = !per.is_empty() && per.chars().all(char::is_alphabetic);
        let spoken = is_word.then(|| in_currency(amount, large, currency))??;
        return Some(format!("{spoken} per {per}"));
    }
    if let Some((from, until)) = amount.split_once(['-', '–']) {
        let until = until.strip_prefix(sign).unwrap_or(until);
        return Some(format!("{} to {}", number(from)?, in_currency(until, large, currency)?));
    }
    let (amount, short) = match amount.strip_suffix(['k', 'K']) {
        Some(amount) => (amount, Some("thousand")),
        None => match amount.strip_suffix('M') {
            Some(amount) => (amount, Some("million")),
            None => (amount, None),
        },
    };
    // "$.50" is "$0.50".
    let whole = if amount.starts_with('.') { "0" } else { "" };
    let amount = format!("{whole}{amount}");
    let (whole, fraction) = parse(&amount)?;
    if let Some(large) = short.or(large) {
        return Some(format!("{} {large} {many}", with_fraction(whole, fraction)));
    }
    let cents = match fraction {
        "" => 0,
        _ if fraction.len() == 2 => fraction.parse().ok()?,
        _ => return Some(format!("{} {many}", with_fraction(whole, fraction))),
    };
    let name = |count: u64, one: &str, many: &str| {
        format!("{} {}", cardinal(count), if count == 1 { one } else { many })
    };
    Some(match (whole, cents) {
        (whole, 0) => name(whole, one, many),
        (0, cents) => name(cents, hundredth, hundredths),
        (whole, cents) => {
            format!("{} and {}", name(whole, one, many), name(cents, hundredth, hundredths))
        }
    })
}
