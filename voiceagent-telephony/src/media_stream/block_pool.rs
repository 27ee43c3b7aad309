use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Bytes of one block of G.711: two seconds.
///
/// A frame keeps its whole block alive, and a session keeps the last 8 s of frames for recognizers
/// that reconnect. Small blocks come back soon after their last frame leaves that tail; much
/// smaller ones would be swapped more often than audio arrives in bursts.
const BLOCK: usize = 16 * 1024;

/// Blocks that take turns: an 8 s tail spans five, the sixth is being filled, one is to spare for
/// queues on the way. A call whose frames are kept for longer pays one allocation per block.
const BLOCKS: usize = 7;

/// Hands out pieces of memory that come back by themselves when the last reader drops them.
///
/// In a steady state, nothing is allocated: the oldest block is free again by the time that the
/// newest one is full.
#[derive(Debug)]
pub(crate) struct BlockPool {
    block: usize,
    current: BytesMut,
    /// Oldest first.
    resting: VecDeque<BytesMut>,
}

impl BlockPool {
    /// Makes a pool for audio of which a second takes this many bytes.
    pub(crate) fn new(second: usize) -> Self {
        let block = (2 * second).next_power_of_two().max(BLOCK);
        let resting = VecDeque::with_capacity(BLOCKS);
        Self { block, current: BytesMut::with_capacity(block), resting }
    }

    /// Fills `length` bytes with what `write` puts there; `None` when `write` refuses.
    pub(crate) fn fill(
        &mut self,
        length: usize,
        write: impl FnOnce(&mut [u8]) -> bool,
    ) -> Option<Bytes> {
        if length > self.block {
            // No carrier sends two seconds in one message; correct all the same.
            let mut large = vec![0; length];
            return write(&mut large).then(|| large.into());
        }
        if self.current.capacity() < length {
            self.rotate();
        }
        self.current.resize(length, 0);
        if !write(&mut self.current) {
            self.current.clear();
            return None;
        }
        Some(self.current.split_to(length).freeze())
    }

    /// Puts the full block to rest and takes the oldest one, if nobody reads it any more.
    fn rotate(&mut self) {
        let full = std::mem::take(&mut self.current);
        self.resting.push_back(full);
        let oldest = self.resting.front_mut().expect("one was put there");
        let reclaimed = oldest.try_reclaim(self.block);
        if (reclaimed || self.resting.len() >= BLOCKS)
            && let Some(oldest) = self.resting.pop_front()
        {
            self.current = oldest;
        }
        if !reclaimed {
            self.current = BytesMut::with_capacity(self.block);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn frame(pool: &mut BlockPool, value: u8) -> Bytes {
        let fill = |piece: &mut [u8]| {
            piece.fill(value);
            true
        };
        pool.fill(160, fill).unwrap()
    }

    #[test]
    fn memory_is_reused_while_the_last_eight_seconds_are_kept() {
        let mut pool = BlockPool::new(8_000);
        let mut tail = VecDeque::new();
        let mut places = HashSet::new();
        for number in 0..20_000_u32 {
            let frame = frame(&mut pool, number.to_le_bytes()[0]);
            places.insert(frame.as_ptr() as usize);
            tail.push_back((number, frame));
            if tail.len() > 400 {
                let (number, oldest) = tail.pop_front().unwrap();
                assert!(oldest.iter().all(|byte| *byte == number.to_le_bytes()[0]));
            }
        }
        assert!(places.len() <= BLOCKS * BLOCK / 160, "{} places", places.len());
    }

    #[test]
    fn a_reader_that_keeps_everything_gets_memory_of_its_own() {
        let mut pool = BlockPool::new(8_000);
        let kept: Vec<_> = (0..2_000_u32).map(|n| frame(&mut pool, n.to_le_bytes()[0])).collect();
        for (number, frame) in (0_u32..).zip(&kept) {
            assert!(frame.iter().all(|byte| *byte == number.to_le_bytes()[0]));
        }
        assert!(pool.resting.len() < BLOCKS);
    }

    #[test]
    fn a_refused_piece_costs_nothing() {
        let mut pool = BlockPool::new(8_000);
        let before = frame(&mut pool, 1).as_ptr() as usize;
        assert!(pool.fill(160, |_| false).is_none());
        assert_eq!(frame(&mut pool, 2).as_ptr() as usize, before + 160);
        assert_eq!(pool.fill(BLOCK + 1, |_| true).unwrap().len(), BLOCK + 1);
    }
}
