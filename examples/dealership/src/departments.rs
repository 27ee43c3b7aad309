//! To whom a caller can be handed.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::phone::Phone;

/// A part of the house where people answer the phone.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the departments that the tools name")]
pub enum Department {
    /// Those who arrange financing.
    Broker,
    /// The reception.
    FrontDesk,
    /// The manager on duty.
    Manager,
    /// Those who sell cars.
    Sales,
    /// Those who repair cars.
    Service,
}

impl Department {
    /// How callers hear of it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Broker => "a finance advisor",
            Self::FrontDesk => "the front desk",
            Self::Manager => "the manager",
            Self::Sales => "our sales team",
            Self::Service => "our service team",
        }
    }
}

/// Where the departments are reached. What is not in it cannot be reached, whatever a model asks.
#[derive(Clone, Debug, Default)]
pub struct Departments(BTreeMap<Department, Phone>);

impl Departments {
    /// The departments with these numbers; the first that is none is returned.
    ///
    /// # Errors
    ///
    /// The department whose number cannot be read.
    pub fn read(numbers: &BTreeMap<Department, String>) -> Result<Self, Department> {
        let read = |(department, number): (&Department, &String)| {
            Ok((*department, Phone::parse(number).ok_or(*department)?))
        };
        numbers.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The number of a department, E.164. Who asks for one that has none gets the front desk.
    #[must_use]
    pub fn target(&self, department: Department) -> Option<Arc<str>> {
        let number = self.0.get(&department).or_else(|| self.0.get(&Department::FrontDesk));
        number.map(|number| number.as_str().into())
    }

    /// All numbers, E.164.
    #[must_use]
    pub fn targets(&self) -> Vec<Arc<str>> {
        self.0.values().map(|number| number.as_str().into()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_number_is_reached_at_the_front_desk() {
        let numbers = BTreeMap::from([
            (Department::FrontDesk, "+16305550101".to_owned()),
            (Department::Sales, "(630) 555-0102".to_owned()),
        ]);
        let departments = Departments::read(&numbers).unwrap();
        assert_eq!(departments.target(Department::Sales).as_deref(), Some("+16305550102"));
        assert_eq!(departments.target(Department::Manager).as_deref(), Some("+16305550101"));
        assert_eq!(Departments::default().target(Department::Sales), None);
        let wrong = BTreeMap::from([(Department::Sales, "the back door".to_owned())]);
        assert_eq!(Departments::read(&wrong).unwrap_err(), Department::Sales);
    }
}
