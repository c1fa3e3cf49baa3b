//! ED25519.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::CryptoRng;
use ring::signature::{Ed25519KeyPair, KeyPair};
use sha2::{Digest, Sha256};

use crate::wire::string;
use crate::{KeyError, Parts, openssh};

const ALGORITHM: &str = "ssh-ed25519";

pub(crate) struct Ed25519 {
    seed: [u8; 32],
    public: Vec<u8>,
}

impl Ed25519 {
    pub(crate) fn make(rng: &mut impl CryptoRng) -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Ed25519)?;
        let public = pair.public_key().as_ref().to_vec();
        Ok(Self { seed, public })
    }

    pub(crate) fn parts(&self, rng: &mut impl CryptoRng) -> Parts {
        let public = [string(ALGORITHM.as_bytes()), string(&self.public)].concat();
        // OpenSSH keeps the seed and the public key together.
        let both = [self.seed.as_slice(), &self.public].concat();
        let private = [public.as_slice(), &string(&both)].concat();
        Parts {
            algorithm: ALGORITHM,
            putty: string(&self.seed),
            pem: openssh::write(&public, &private, rng.next_u32()),
            // As of an imported one (EC2 User Guide, "Verify the fingerprint of your key pair").
            fingerprint: STANDARD.encode(Sha256::digest(&public)),
            public,
        }
    }
}
