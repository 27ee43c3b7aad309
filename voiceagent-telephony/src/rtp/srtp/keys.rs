use std::fmt;

use aes::{
    Aes128,
    cipher::{InnerIvInit as _, KeyInit as _, StreamCipher as _},
};
use base64_simd::STANDARD;
use ctr::{Ctr128BE, CtrCore};
use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use voiceagent_core::Result;

use crate::random::random_bytes;

/// The lengths of a key and of its salt (RFC 3711, section 8.2).
const KEY: usize = 16;
const SALT: usize = 14;

/// How packets are protected (RFC 4568, section 6.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SrtpSuite {
    Sha80,
    Sha32,
}

impl SrtpSuite {
    pub(crate) const ALL: [Self; 2] = [Self::Sha80, Self::Sha32];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sha80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Sha32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// How long the proof behind a packet of media is.
    pub(super) const fn tag(self) -> usize {
        match self {
            Self::Sha80 => 10,
            Self::Sha32 => 4,
        }
    }
}

/// A key and its salt, from which those of one direction are derived.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct SrtpKeys {
    key: [u8; KEY],
    salt: [u8; SALT],
}

impl SrtpKeys {
    /// # Errors
    ///
    /// When the system has no randomness.
    pub(crate) fn random() -> Result<Self> {
        let operation = "make a key";
        Ok(Self { key: random_bytes(operation)?, salt: random_bytes(operation)? })
    }

    /// As descriptions carry it.
    pub(crate) fn parse(base64: &str) -> Option<Self> {
        let bytes = STANDARD.decode_to_vec(base64.as_bytes()).ok()?;
        let (key, salt) = bytes.split_at_checked(KEY)?;
        Some(Self { key: key.try_into().ok()?, salt: salt.try_into().ok()? })
    }

    pub(crate) fn to_base64(&self) -> String {
        STANDARD.encode_to_string([&self.key[..], &self.salt].concat())
    }

    /// The keys of packets of media, and of reports.
    pub(super) fn media(&self) -> Session {
        self.derive(0)
    }

    pub(super) fn reports(&self) -> Session {
        self.derive(3)
    }

    /// Derivation with a rate of zero, which is once (RFC 3711, section 4.3).
    fn derive(&self, label: u8) -> Session {
        let cipher = Aes128::new(&self.key.into());
        let derived = |label: u8| {
            let mut iv = [0; 16];
            iv[..SALT].copy_from_slice(&self.salt);
            iv[7] ^= label;
            let mut out = [0; 20];
            stream(&cipher, iv, &mut out);
            out
        };
        let [key, proof, salt] = [derived(label), derived(label + 1), derived(label + 2)];
        let key: [u8; KEY] = key[..KEY].try_into().expect("shorter than 20 bytes");
        Session {
            cipher: Aes128::new(&key.into()),
            salt: salt[..SALT].try_into().expect("shorter than 20 bytes"),
            proof: Hmac::new_from_slice(&proof).expect("HMAC takes keys of any length"),
        }
    }
}

impl fmt::Debug for SrtpKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SrtpKeys(..)")
    }
}

/// The keys of packets, or of reports, of one direction.
#[derive(Clone)]
pub(super) struct Session {
    cipher: Aes128,
    salt: [u8; SALT],
    proof: Hmac<Sha1>,
}

impl Session {
    /// Encrypts, or decrypts, which is the same (RFC 3711, section 4.1.1).
    pub(super) fn apply(&self, source: u32, index: u64, payload: &mut [u8]) {
        let mut iv = [0; 16];
        iv[..SALT].copy_from_slice(&self.salt);
        let number = u128::from_be_bytes(iv) ^ u128::from(source) << 64 ^ u128::from(index) << 16;
        stream(&self.cipher, number.to_be_bytes(), payload);
    }

    /// The proof of a packet that is followed by this number.
    pub(super) fn tag(&self, packet: &[u8], number: u32) -> [u8; 20] {
        let proof = self.proof.clone().chain_update(packet).chain_update(number.to_be_bytes());
        proof.finalize().into_bytes().into()
    }

    /// Whether the proof of a packet is this, told in a time that does not depend on it.
    pub(super) fn is_proven(&self, packet: &[u8], number: u32, tag: &[u8]) -> bool {
        let proof = self.proof.clone().chain_update(packet).chain_update(number.to_be_bytes());
        proof.verify_truncated_left(tag).is_ok()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(..)")
    }
}

fn stream(cipher: &Aes128, iv: [u8; 16], bytes: &mut [u8]) {
    let core = CtrCore::inner_iv_init(cipher.clone(), &iv.into());
    Ctr128BE::from_core(core).apply_keystream(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::{from_hex, hex};

    #[test]
    fn the_key_stream_is_that_of_the_standard() {
        // RFC 3711, appendix B.2.
        let key: [u8; 16] =
            from_hex("2b7e151628aed2a6abf7158809cf4f3c").unwrap().try_into().unwrap();
        let iv = from_hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000").unwrap().try_into().unwrap();
        let mut bytes = [0; 48];
        stream(&Aes128::new(&key.into()), iv, &mut bytes);
        assert_eq!(
            hex(&bytes),
            "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab\
             41e95b3bb0a2e8dd477901e4fca894c0"
        );
    }

    #[test]
    fn the_keys_of_a_session_are_derived_as_the_standard_does() {
        // RFC 3711, appendix B.3.
        let keys = SrtpKeys {
            key: from_hex("e1f97a0d3e018be0d64fa32c06de4139").unwrap().try_into().unwrap(),
            salt: from_hex("0ec675ad498afeebb6960b3aabe6").unwrap().try_into().unwrap(),
        };
        let session = keys.media();
        assert_eq!(hex(&session.salt), "30cbbc08863d8c85d49db34a9ae1");
        let expected = from_hex("c61e7a93744f39ee10734afe3ff7a087").unwrap();
        let expected: [u8; 16] = expected.try_into().unwrap();
        let (mut ours, mut theirs) = ([0; 16], [0; 16]);
        stream(&session.cipher, [7; 16], &mut ours);
        stream(&Aes128::new(&expected.into()), [7; 16], &mut theirs);
        assert_eq!(ours, theirs);
        let proof = from_hex("cebe321f6ff7716b6fd4ab49af256a156d38baa4").unwrap();
        let proof = Hmac::<Sha1>::new_from_slice(&proof).unwrap();
        let expected = proof.chain_update(b"packet").chain_update([0; 4]).finalize().into_bytes();
        assert_eq!(session.tag(b"packet", 0)[..], expected[..]);
    }

    #[test]
    fn a_key_is_read_as_it_is_written_and_never_shown() {
        let keys = SrtpKeys::random().unwrap();
        let text = keys.to_base64();
        assert_eq!(text.len(), 40);
        assert_eq!(SrtpKeys::parse(&text), Some(keys.clone()));
        assert!(!format!("{keys:?} {:?}", keys.media()).contains(&text[..8]));
        for wrong in ["", "AAAA", "not base64!", &text[..36], &format!("{text}AAAA")] {
            assert_eq!(SrtpKeys::parse(wrong), None);
        }
    }
}
