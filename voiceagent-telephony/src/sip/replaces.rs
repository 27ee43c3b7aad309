use rsipstack::{
    dialog::DialogId,
    sip::{Request, prelude::HeadersExt as _},
};

use super::answers::Refusal;

/// The call that a new one is to take the place of (RFC 3891, section 6.1), as it is named here.
#[derive(Debug, PartialEq)]
pub(super) struct Replaces {
    pub(super) call: DialogId,
    /// Whether it may only be one that has not been answered.
    pub(super) is_early_only: bool,
}

impl Replaces {
    /// What a request says of it, if it does.
    ///
    /// # Errors
    ///
    /// When it cannot be understood.
    pub(super) fn of(request: &Request) -> Result<Option<Self>, Refusal> {
        match request.header_value("replaces") {
            Some(value) => Self::parse(&value).map(Some).ok_or(Refusal::Nonsense),
            None => Ok(None),
        }
    }

    fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let call_id = parts.next().filter(|call| !call.is_empty())?.to_owned();
        let (mut to, mut from, mut is_early_only) = (None, None, false);
        for part in parts {
            match part.split_once('=').map(|(name, tag)| (name.trim(), tag.trim())) {
                Some(("to-tag", tag)) if to.replace(tag).is_some() => return None,
                Some(("from-tag", tag)) if from.replace(tag).is_some() => return None,
                None if part == "early-only" => is_early_only = true,
                // Others have no meaning here.
                Some(_) | None => {}
            }
        }
        // Whoever receives it sees itself as who was called (section 3).
        let (local_tag, remote_tag) = (to?.to_owned(), from?.to_owned());
        Some(Self { call: DialogId { call_id, local_tag, remote_tag }, is_early_only })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_named_by_its_tags_as_its_other_side_sees_them() {
        let read = Replaces::parse("a@h ; from-tag=theirs;to-tag = ours;early-only;x=y").unwrap();
        assert!(read.is_early_only);
        let DialogId { call_id, local_tag, remote_tag } = read.call;
        assert_eq!([call_id, local_tag, remote_tag], ["a@h", "ours", "theirs"]);
        for wrong in
            ["", "a", "a;to-tag=1", ";to-tag=1;from-tag=2", "a;to-tag=1;to-tag=2;from-tag=3"]
        {
            assert_eq!(Replaces::parse(wrong), None, "{wrong}");
        }
    }
}
