use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::Once,
};

use super::Violation;

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

/// Does something on this thread and counts the panics in it, those that were caught included: a
/// task that panics takes nobody with it, and neither does a call. `None` if it panicked itself.
pub(super) fn count<T>(work: impl FnOnce() -> T) -> (Option<T>, u32) {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            COUNT.set(COUNT.get() + 1);
            before(panic);
        }));
    });
    let earlier = COUNT.get();
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    (done, COUNT.get() - earlier)
}

pub(super) fn violation(panics: u32) -> Violation {
    Violation { law: "law 8: nothing panics", seen: format!("{panics} panics") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caught_and_uncaught_panics_count() {
        let fault = || panic!("as the test asked");
        assert_eq!(count(|| catch_unwind(fault).is_err()), (Some(true), 1));
        assert_eq!(count(fault), (None::<()>, 1));
        assert_eq!(count(|| 7), (Some(7), 0));
    }
}
