//! Who is signed in. Held in memory, bounded, and by the hash of the cookie's token only: whoever reads this process' database,
//! Redis or backups finds nothing that opens the dashboard, a sign-in costs no write, and a restart ends them all, which costs a
//! person one paste of a key. Invariants: a sign-in opens what its key opens at that moment, and nothing once the key is revoked,
//! limited or replaced.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rand::RngExt;
use sha2::{Digest, Sha256};

use crate::{
    api::auth::Principal,
    bounded::{Bounded, Bounds, Life},
    store::{ApiKeyRecord, Store, StoreError},
};

/// How many are held; the one that was not used for longest makes room.
const MOST: u64 = 1_000;
/// After this long a person signs in anew.
const LONGEST: Duration = Duration::from_secs(12 * 3_600);
/// After this long without a page open.
const IDLE: Duration = Duration::from_secs(2 * 3_600);

/// The secret in a cookie, never kept.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    /// A new one, of 256 random bits.
    pub(super) fn make() -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>()))
    }

    /// As a cookie brought it.
    pub(super) fn given(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

/// One sign-in.
#[derive(Clone)]
struct SignIn {
    key_id: String,
    key_hash: String,
    forms: [u8; 32],
}

/// A person who is signed in, as of now.
#[derive(Clone)]
pub(super) struct SignedIn {
    /// What the key opens.
    pub(super) principal: Principal,
    /// Whether it opens everything.
    pub(super) is_admin: bool,
    /// What the tokens of this sign-in's forms are made from.
    pub(super) forms: [u8; 32],
}

/// All of them. Cheap to clone.
#[derive(Clone)]
pub(super) struct SignIns {
    held: Bounded<[u8; 32], Arc<SignIn>>,
    store: Store,
}

impl SignIns {
    pub(super) fn new(store: Store) -> Self {
        let life = Life::Both { put: LONGEST, used: IDLE };
        Self { held: Bounded::new(Bounds { name: "sign_ins", most: MOST, life }), store }
    }

    /// Lets the holder of a key in.
    pub(super) fn open(&self, key: &ApiKeyRecord) -> Token {
        let token = Token::make();
        let sign_in = SignIn { key_id: key.id.clone(), key_hash: key.hash.clone(), forms: rand::rng().random() };
        self.held.insert(token.hash(), Arc::new(sign_in));
        token
    }

    /// Who comes with a token; None when nobody is signed in by it, or the key opens nothing any more.
    pub(super) async fn find(&self, token: &Token) -> Result<Option<SignedIn>, StoreError> {
        let hash = token.hash();
        let Some(sign_in) = self.held.get(&hash) else { return Ok(None) };
        let key = self.store.api_keys().get(&sign_in.key_id).await?;
        let Some(key) = key.filter(|key| key.is_active && key.hash == sign_in.key_hash) else {
            self.held.remove(&hash);
            return Ok(None);
        };
        Ok(Some(SignedIn { is_admin: key.is_admin, principal: Principal::of(key), forms: sign_in.forms }))
    }

    /// Ends one.
    pub(super) fn close(&self, token: &Token) {
        self.held.remove(&token.hash());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sign_in_lives_as_long_as_its_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&crate::store::sqlite_url(&folder.path().join("drover.db"))).await.expect("a store");
        let mut key = ApiKeyRecord {
            id: "key_1".to_owned(),
            hash: "hash".to_owned(),
            is_admin: false,
            session: Some("main".parse().expect("a name")),
            actions: vec!["read".to_owned()],
            is_active: true,
            created_at_ms: 0,
        };
        store.api_keys().insert(&key).await.expect("it is stored");
        let sign_ins = SignIns::new(store.clone());
        let token = sign_ins.open(&key);
        let found = sign_ins.find(&token).await.expect("the store answers").expect("signed in");
        assert_eq!(found.principal.key_id(), "key_1");
        assert!(sign_ins.find(&Token::make()).await.expect("it answers").is_none(), "another token opens nothing");

        key.is_active = false;
        store.api_keys().update(&key).await.expect("it is stored");
        assert!(sign_ins.find(&token).await.expect("it answers").is_none(), "a revoked key ends it");
        key.is_active = true;
        store.api_keys().update(&key).await.expect("it is stored");
        assert!(sign_ins.find(&token).await.expect("it answers").is_none(), "and it does not come back");

        let token = sign_ins.open(&key);
        sign_ins.close(&token);
        assert!(sign_ins.find(&token).await.expect("it answers").is_none(), "signed out");
        store.close().await;
    }
}
