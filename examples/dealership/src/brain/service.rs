//! What a visit is for.

use super::words::Words;

/// A kind of visit, as the tools name it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Service {
    /// The code, `oil_change`.
    pub(crate) code: &'static str,
    /// What else a shop may call it; a code that holds another stands first.
    others: &'static [&'static str],
    /// What is said, "an oil change".
    pub(crate) spoken: &'static str,
    phrases: &'static [&'static str],
}

impl Service {
    /// The service with this code.
    pub(crate) fn with_code(code: &str) -> Option<Self> {
        SERVICES
            .iter()
            .find(|service| service.code == code || service.others.contains(&code))
            .copied()
    }

    /// The code that a shop uses, whose own list of codes occurs in `listed`.
    pub(crate) fn code_in(self, listed: &str) -> &'static str {
        self.others.iter().find(|code| listed.contains(**code)).copied().unwrap_or(self.code)
    }

    /// The family of appointments it belongs to.
    pub(crate) fn kind(self) -> &'static str {
        match self.code {
            "test_drive" | "sales_consult" => self.code,
            _ => "service",
        }
    }

    /// Without its article, "oil change".
    pub(crate) fn noun(self) -> &'static str {
        self.spoken.split_once(' ').map_or(self.spoken, |(_, noun)| noun)
    }
}

/// Finds what is wanted. The words are blanked, as "second" in "sixty second check" is no choice.
pub(crate) fn take(words: &mut Words) -> Option<Service> {
    SERVICES.iter().find_map(|service| {
        let (at, phrase) = service
            .phrases
            .iter()
            .find_map(|phrase| words.position(phrase).map(|at| (at, phrase)))?;
        words.take(at..at + phrase.split(' ').count());
        Some(*service)
    })
}

/// In order of looking: what is more particular comes first.
const SERVICES: [Service; 10] = [
    Service {
        code: "oil_change",
        others: &[],
        spoken: "an oil change",
        phrases: &[
            "oil change",
            "oil changed",
            "change my oil",
            "change the oil",
            "oil service",
            "oil",
        ],
    },
    Service {
        code: "tire_rotation",
        others: &[],
        spoken: "a tire rotation",
        phrases: &[
            "tire rotation",
            "tires rotated",
            "rotate my tires",
            "rotate the tires",
            "tyre rotation",
            "tires",
            "tire",
            "tyres",
        ],
    },
    Service {
        code: "brake_inspection",
        others: &[],
        spoken: "a brake inspection",
        phrases: &["brake inspection", "brake check", "brakes", "brake", "brake pads"],
    },
    Service {
        code: "state_inspection",
        others: &[],
        spoken: "a state inspection",
        phrases: &["state inspection", "safety inspection", "emissions", "smog", "inspection"],
    },
    Service {
        code: "battery",
        others: &[],
        spoken: "a battery check",
        phrases: &["battery", "won't start", "doesn't start", "jump start"],
    },
    Service { code: "recall", others: &[], spoken: "a recall repair", phrases: &["recall"] },
    Service {
        code: "major_service",
        others: &["full_service"],
        spoken: "a major service",
        phrases: &[
            "major service",
            "big service",
            "annual service",
            "tune up",
            "tuneup",
            "full service",
            "thousand mile service",
        ],
    },
    Service {
        code: "diagnostic",
        others: &["diagnostics"],
        spoken: "a diagnostic",
        phrases: &[
            "diagnostic",
            "diagnostics",
            "check engine",
            "engine light",
            "warning light",
            "noise",
            "leaking",
            "rattling",
            "squeaking",
            "overheating",
            "look at my car",
        ],
    },
    Service {
        code: "test_drive",
        others: &[],
        spoken: "a test drive",
        phrases: &["test drive", "try out"],
    },
    Service {
        code: "sales_consult",
        others: &[],
        spoken: "a sales consultation",
        phrases: &[
            "sales consultation",
            "buy a car",
            "new car",
            "trade in",
            "financing",
            "salesperson",
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_in_each_phrase() {
        let table = [
            ("I need an oil change", "oil_change"),
            ("can you change my oil", "oil_change"),
            ("rotate my tires", "tire_rotation"),
            ("a brake inspection this saturday", "brake_inspection"),
            ("my brakes are squeaking", "brake_inspection"),
            ("it's due for inspection", "state_inspection"),
            ("the check engine light is on", "diagnostic"),
            ("I'd like a test drive", "test_drive"),
            ("there's a recall on it", "recall"),
            ("a tune-up", "major_service"),
        ];
        for (text, code) in table {
            let found = take(&mut Words::new(text)).map(|service| service.code);
            assert_eq!(found, Some(code), "{text}");
        }
        assert_eq!(take(&mut Words::new("hello there")), None);
    }

    #[test]
    fn a_service_knows_its_family_and_its_noun() {
        let service = Service::with_code("oil_change").unwrap();
        assert_eq!((service.kind(), service.noun()), ("service", "oil change"));
        assert_eq!(Service::with_code("test_drive").unwrap().kind(), "test_drive");
        assert_eq!(Service::with_code("space_travel"), None);
        let diagnostic = Service::with_code("diagnostics").unwrap();
        assert_eq!(diagnostic.code_in("oil_change, diagnostics or test_drive"), "diagnostics");
        assert_eq!(diagnostic.code_in("[\"oil_change\",\"diagnostic\"]"), "diagnostic");
    }
}
