/// World manufacturer identifiers (SAE J853) of makes that are common in North America. A longer
/// prefix goes before a shorter one that it begins with.
const MAKES: [(&str, &str); 118] = [
    ("19U", "Acura"),
    ("19X", "Honda"),
    ("1B3", "Dodge"),
    ("1C3", "Chrysler"),
    ("1C4", "Jeep"),
    ("1C6", "Ram"),
    ("1D7", "Dodge"),
    ("1FA", "Ford"),
    ("1FD", "Ford"),
    ("1FM", "Ford"),
    ("1FT", "Ford"),
    ("1FU", "Freightliner"),
    ("1G1", "Chevrolet"),
    ("1G2", "Pontiac"),
    ("1G3", "Oldsmobile"),
    ("1G4", "Buick"),
    ("1G6", "Cadillac"),
    ("1G8", "Saturn"),
    ("1GC", "Chevrolet"),
    ("1GK", "GMC"),
    ("1GN", "Chevrolet"),
    ("1GT", "GMC"),
    ("1GY", "Cadillac"),
    ("1HD", "Harley-Davidson"),
    ("1HG", "Honda"),
    ("1J4", "Jeep"),
    ("1J8", "Jeep"),
    ("1LN", "Lincoln"),
    ("1M1", "Mack"),
    ("1M8", "Motor Coach Industries"),
    ("1ME", "Mercury"),
    ("1N4", "Nissan"),
    ("1N6", "Nissan"),
    ("1NX", "Toyota"),
    ("1P3", "Plymouth"),
    ("1VW", "Volkswagen"),
    ("1XK", "Kenworth"),
    ("1XP", "Peterbilt"),
    ("1YV", "Mazda"),
    ("1ZV", "Ford"),
    ("2C3", "Chrysler"),
    ("2C4", "Chrysler"),
    ("2FA", "Ford"),
    ("2FM", "Ford"),
    ("2G1", "Chevrolet"),
    ("2GN", "Chevrolet"),
    ("2GK", "GMC"),
    ("2HG", "Honda"),
    ("2HK", "Honda"),
    ("2HN", "Acura"),
    ("2LM", "Lincoln"),
    ("2T1", "Toyota"),
    ("2T2", "Lexus"),
    ("2T3", "Toyota"),
    ("3C4", "Chrysler"),
    ("3C6", "Ram"),
    ("3CZ", "Honda"),
    ("3FA", "Ford"),
    ("3GN", "Chevrolet"),
    ("3GC", "Chevrolet"),
    ("3GT", "GMC"),
    ("3HG", "Honda"),
    ("3KP", "Kia"),
    ("3MZ", "Mazda"),
    ("3N1", "Nissan"),
    ("3TM", "Toyota"),
    ("3VV", "Volkswagen"),
    ("3VW", "Volkswagen"),
    ("4JG", "Mercedes-Benz"),
    ("4S3", "Subaru"),
    ("4S4", "Subaru"),
    ("4T1", "Toyota"),
    ("4T3", "Toyota"),
    ("4US", "BMW"),
    ("55S", "Mercedes-Benz"),
    ("5FN", "Honda"),
    ("5J6", "Honda"),
    ("5J8", "Acura"),
    ("5LM", "Lincoln"),
    ("5N1", "Nissan"),
    ("5NM", "Hyundai"),
    ("5NP", "Hyundai"),
    ("5TD", "Toyota"),
    ("5TF", "Toyota"),
    ("5UX", "BMW"),
    ("5XX", "Kia"),
    ("5XY", "Kia"),
    ("5YF", "Toyota"),
    ("5YJ", "Tesla"),
    ("7SA", "Tesla"),
    ("JA3", "Mitsubishi"),
    ("JA4", "Mitsubishi"),
    ("JF1", "Subaru"),
    ("JF2", "Subaru"),
    ("JH4", "Acura"),
    ("JHM", "Honda"),
    ("JM1", "Mazda"),
    ("JM3", "Mazda"),
    ("JN1", "Nissan"),
    ("JN8", "Nissan"),
    ("JT", "Toyota"),
    ("KL", "Chevrolet"),
    ("KM8", "Hyundai"),
    ("KMH", "Hyundai"),
    ("KNA", "Kia"),
    ("KND", "Kia"),
    ("SAJ", "Jaguar"),
    ("SAL", "Land Rover"),
    ("WA1", "Audi"),
    ("WAU", "Audi"),
    ("WBA", "BMW"),
    ("WBS", "BMW"),
    ("WDD", "Mercedes-Benz"),
    ("WMW", "Mini"),
    ("WP0", "Porsche"),
    ("WVW", "Volkswagen"),
    ("YV1", "Volvo"),
    ("ZFF", "Ferrari"),
];

/// The make of a number, if it is a common one.
pub(super) fn make(vin: &str) -> Option<&'static str> {
    MAKES.iter().find(|(prefix, _)| vin.starts_with(prefix)).map(|(_, make)| *make)
}

/// The country that assigned the first character or two (ISO 3780).
pub(super) fn country(vin: &str) -> Option<&'static str> {
    Some(match vin.get(..1)? {
        "1" | "4" | "5" | "7" => "United States",
        "2" => "Canada",
        "3" => "Mexico",
        "J" => "Japan",
        "K" => "South Korea",
        "L" => "China",
        "S" if vin < "SN" => "United Kingdom",
        "W" => "Germany",
        "Y" if ("YS".."YX").contains(&vin) => "Sweden",
        "Z" => "Italy",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_prefix_hides_another() {
        for (place, (prefix, _)) in MAKES.iter().enumerate() {
            let found = MAKES.iter().position(|(earlier, _)| prefix.starts_with(earlier));
            assert_eq!(found, Some(place), "{prefix}");
        }
    }

    #[test]
    fn prefixes_hold_only_characters_of_such_numbers() {
        let illegal = |c: char| !c.is_ascii_alphanumeric() || matches!(c, 'I' | 'O' | 'Q');
        assert!(MAKES.iter().all(|(prefix, _)| !prefix.contains(illegal)));
    }

    #[test]
    fn the_makes_that_a_dealer_sees_daily_are_known() {
        let makes: BTreeSet<&str> = MAKES.iter().map(|(_, make)| *make).collect();
        for make in ["Chevrolet", "Ford", "Honda", "Hyundai", "Jeep", "Kia", "Nissan", "Toyota"] {
            assert!(makes.contains(make), "{make}");
        }
        assert_eq!(make("5YJ3E1EA2KF317000"), Some("Tesla"));
        assert_eq!(make("9BWZZZ377VT004251"), None);
    }

    #[test]
    fn the_country_is_read_from_the_front() {
        assert_eq!(country("YV1"), Some("Sweden"));
        assert_eq!(country("SAL"), Some("United Kingdom"));
        assert_eq!(country("3VV"), Some("Mexico"));
        assert_eq!(country("AAA"), None);
    }
}
