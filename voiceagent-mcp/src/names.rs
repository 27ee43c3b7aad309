use std::{collections::HashSet, sync::Arc};

/// The longest name of a function that all vendors of models take.
const LONGEST: usize = 64;

/// Names that models may call, one for each name of a server: letters, digits, `_` and `-`, and no
/// two the same.
pub(crate) fn unique<'a>(prefix: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<Arc<str>> {
    let mut taken = HashSet::new();
    let mut unique = Vec::new();
    for name in names {
        let plain = plain(&format!("{prefix}{name}"));
        let mut candidate = plain[..plain.len().min(LONGEST)].to_owned();
        let mut number = 1;
        while !taken.insert(candidate.clone()) {
            number += 1;
            let end = format!("_{number}");
            candidate = format!("{}{end}", &plain[..plain.len().min(LONGEST - end.len())]);
        }
        unique.push(candidate.into());
    }
    unique
}

fn plain(name: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    name.chars().map(|letter| if fits(letter) { letter } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_can_be_called_and_no_two_are_the_same() {
        let names = unique("crm_", ["find", "find.it", "find/it", "find it", "Größe", ""]);
        let expected =
            ["crm_find", "crm_find_it", "crm_find_it_2", "crm_find_it_3", "crm_Gr__e", "crm_"];
        assert_eq!(names.iter().map(|name| &**name).collect::<Vec<_>>(), expected);
        let long = "x".repeat(100);
        let names = unique("", [long.as_str(), &long]);
        assert!(names.iter().all(|name| name.len() == LONGEST));
        assert!(names[1].ends_with("x_2"));
    }
}
