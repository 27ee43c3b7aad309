//! Cars as people describe them.

use jiff::civil::Date;

use super::{birthday, words::Words};

/// A car as far as it was described.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Car {
    pub(crate) year: Option<i16>,
    pub(crate) make: Option<&'static str>,
    pub(crate) model: Option<String>,
}

impl Car {
    /// Takes over what is known of another description of it.
    pub(crate) fn join(&mut self, more: Self) {
        self.year = more.year.or(self.year);
        self.make = more.make.or(self.make);
        self.model = more.model.or(self.model.take());
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.year.is_some() && self.make.is_some() && self.model.is_some()
    }
}

/// Makes as they are written, with what else they are called.
const MAKES: [(&str, &[&str]); 36] = [
    ("Acura", &["acura"]),
    ("Audi", &["audi"]),
    ("BMW", &["bmw"]),
    ("Buick", &["buick"]),
    ("Cadillac", &["cadillac"]),
    ("Chevrolet", &["chevrolet", "chevy"]),
    ("Chrysler", &["chrysler"]),
    ("Dodge", &["dodge"]),
    ("Fiat", &["fiat"]),
    ("Ford", &["ford"]),
    ("Genesis", &["genesis"]),
    ("GMC", &["gmc"]),
    ("Honda", &["honda"]),
    ("Hyundai", &["hyundai"]),
    ("Infiniti", &["infiniti"]),
    ("Jaguar", &["jaguar"]),
    ("Jeep", &["jeep"]),
    ("Kia", &["kia"]),
    ("Land Rover", &["land rover"]),
    ("Lexus", &["lexus"]),
    ("Lincoln", &["lincoln"]),
    ("Mazda", &["mazda"]),
    ("Mercedes-Benz", &["mercedes benz", "mercedes"]),
    ("Mini", &["mini cooper"]),
    ("Mitsubishi", &["mitsubishi"]),
    ("Nissan", &["nissan"]),
    ("Polestar", &["polestar"]),
    ("Porsche", &["porsche"]),
    ("Ram", &["ram"]),
    ("Rivian", &["rivian"]),
    ("Subaru", &["subaru"]),
    ("Tesla", &["tesla"]),
    ("Toyota", &["toyota"]),
    ("Volkswagen", &["volkswagen", "vw"]),
    ("Volvo", &["volvo"]),
    ("Saturn", &["saturn"]),
];

/// Words behind which nobody names a model any more.
const ENDS: &str = "and at but for from has in is it it's its my needs of on or please that the \
                    this to tomorrow today was which with";

/// Finds a car, and blanks its words. A year alone is one only where a car was asked for.
pub(crate) fn take(words: &mut Words, asked: bool, today: Date) -> Option<Car> {
    let named = MAKES.iter().find_map(|(make, names)| {
        names.iter().find_map(|name| {
            let at = words.position(name)?;
            Some((*make, at, at + name.split(' ').count()))
        })
    });
    let Some((make, start, end)) = named else { return asked.then(|| alone(words, today))? };
    let (model, end) = model(words, end);
    // "a 2019 Honda", "a Honda from 2019"
    let before = (start.saturating_sub(4)..start).filter_map(|at| {
        let (year, length) = birthday::year(words, at, today)?;
        (at + length == start).then_some((year, at))
    });
    let year = before.min_by_key(|(_, at)| *at).map(|(year, at)| (year, at..end));
    let behind = || {
        let from = end + usize::from(matches!(words.at(end), "from" | "of"));
        let (year, length) = birthday::year(words, from, today)?;
        Some((year, start..from + length))
    };
    let year = year.or_else(behind);
    words.take(year.as_ref().map_or(start..end, |(_, range)| range.clone()));
    Some(Car { year: year.map(|(year, _)| year), make: Some(make), model })
}

/// The year of a car whose make was said before.
fn alone(words: &mut Words, today: Date) -> Option<Car> {
    let found = (0..words.len()).find_map(|at| {
        let (year, length) = birthday::year(words, at, today)?;
        Some((year, at..at + length))
    });
    let (year, range) = found?;
    words.take(range);
    Some(Car { year: Some(year), ..Car::default() })
}

/// The model that stands behind the make, and where it ends.
fn model(words: &Words, start: usize) -> (Option<String>, usize) {
    let mut model = String::new();
    let mut end = start;
    while end < words.len() && end < start + 3 {
        let word = words.at(end);
        let is_number = model == "Model" && word.len() == 1;
        let goes_on =
            end == start || words.is_joined(end) || words.is_capitalized(end) || is_number;
        if word.is_empty() || !goes_on || ENDS.split_whitespace().any(|stop| stop == word) {
            break;
        }
        if end > start {
            model.push(if words.is_joined(end) { '-' } else { ' ' });
        }
        model.push_str(&written(word));
        end += 1;
    }
    ((!model.is_empty()).then_some(model), end)
}

/// "civic" is Civic, "cr" and "rav4" are letters of a name.
fn written(word: &str) -> String {
    if word.len() <= 2 || word.chars().any(|c| c.is_ascii_digit()) {
        return word.to_uppercase();
    }
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn find(
        text: &str,
        asked: bool,
    ) -> Option<(Option<i16>, Option<&'static str>, Option<String>)> {
        let car = take(&mut Words::new(text), asked, date(2026, 3, 1))?;
        Some((car.year, car.make, car.model))
    }

    #[test]
    fn cars_are_found_in_what_people_say() {
        let table = [
            ("a 2021 Ford F-150", Some(2021), Some("Ford"), Some("F-150")),
            ("my twenty nineteen honda CR-V needs it", Some(2019), Some("Honda"), Some("CR-V")),
            ("it's a chevy equinox", None, Some("Chevrolet"), Some("Equinox")),
            ("two thousand and eight toyota corolla", Some(2008), Some("Toyota"), Some("Corolla")),
            ("Tesla Model 3", None, Some("Tesla"), Some("Model 3")),
            ("the honda", None, Some("Honda"), None),
            ("a Kia Soul from twenty sixteen", Some(2016), Some("Kia"), Some("Soul")),
        ];
        for (text, year, make, model) in table {
            let found = find(text, false);
            assert_eq!(found, Some((year, make, model.map(str::to_owned))), "{text}");
        }
        assert_eq!(find("tomorrow at nine", false), None);
        assert_eq!(find("2017", false), None, "nobody asked");
        assert_eq!(find("it's from 2017", true), Some((Some(2017), None, None)));
    }
}
