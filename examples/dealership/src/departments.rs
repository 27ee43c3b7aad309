//! To whom a caller can be handed.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voiceagent_core::{Error, Result};
use voiceagent_telephony::control::Directory;

use crate::{phone::Phone, tools::word};

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
    /// The departments with these numbers.
    ///
    /// # Errors
    ///
    /// `Config` for the first department whose number cannot be read; the message names the field.
    pub fn read(numbers: &BTreeMap<Department, String>) -> Result<Self> {
        let read = |(department, number): (&Department, &String)| {
            let phone = Phone::parse(number).ok_or_else(|| {
                let name = word(department);
                Error::config(format!("field `dealership.departments.{name}` is no phone number"))
            });
            Ok((*department, phone?))
        };
        numbers.iter().map(read).collect::<Result<_>>().map(Self)
    }

    /// The number of a department, E.164. Who asks for one that has none gets the front desk.
    #[must_use]
    pub fn target(&self, department: Department) -> Option<Arc<str>> {
        let number = self.0.get(&department).or_else(|| self.0.get(&Department::FrontDesk));
        number.map(|number| number.as_str().into())
    }

    /// Whom the carrier may hand calls to: the departments by their names, for people, and by their
    /// numbers, which are the [targets](Self::target) of callers.
    ///
    /// # Errors
    ///
    /// None at present: a number that was read is one that carriers take.
    pub fn directory(&self) -> Result<Directory> {
        self.0.iter().try_fold(Directory::default(), |directory, (department, number)| {
            let target = number.as_str().parse()?;
            let directory = directory.with_target(word(department), Clone::clone(&target));
            Ok(directory.with_target(number.as_str(), target))
        })
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
        // The carrier knows them by what callers are put through to, and by what people type.
        let directory = departments.directory().unwrap();
        for known in ["+16305550102", "sales"] {
            assert_eq!(directory.target(known).unwrap().as_str(), "+16305550102");
        }
        assert!(directory.target("manager").is_err());
        let wrong = BTreeMap::from([(Department::Sales, "the back door".to_owned())]);
        let error = Departments::read(&wrong).unwrap_err();
        assert!(error.message().contains("dealership.departments.sales"), "{error}");
    }
}
