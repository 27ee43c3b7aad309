/// How far behind the newest a packet may come.
const WIDTH: u64 = 64;

/// Which packets have come, so that none is heard twice (RFC 3711, section 3.3.2).
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    newest: Option<u64>,
    /// A bit for each packet that has come, the newest the lowest.
    seen: u64,
}

impl Window {
    pub(super) const fn newest(&self) -> Option<u64> {
        self.newest
    }

    /// Whether a packet may be new.
    pub(super) const fn admits(&self, index: u64) -> bool {
        match self.newest {
            Some(newest) if index <= newest => {
                let age = newest - index;
                age < WIDTH && self.seen >> age & 1 == 0
            }
            _ => true,
        }
    }

    /// Notes a packet that has proven itself.
    pub(super) const fn note(&mut self, index: u64) {
        match self.newest {
            Some(newest) if index <= newest => {
                let age = newest - index;
                if age < WIDTH {
                    self.seen |= 1 << age;
                }
            }
            newest => {
                let step = match newest {
                    Some(newest) => index - newest,
                    None => WIDTH,
                };
                self.seen = if step < WIDTH { self.seen << step | 1 } else { 1 };
                self.newest = Some(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_packet_counts_once_and_very_old_ones_never() {
        let mut window = Window::default();
        for index in [10, 9, 12, 75] {
            assert!(window.admits(index));
            window.note(index);
            assert!(!window.admits(index), "{index}");
        }
        assert!(window.admits(13) && !window.admits(12) && !window.admits(11));
        window.note(1_000);
        assert!(!window.admits(75) && window.admits(937) && !window.admits(936));
    }
}
