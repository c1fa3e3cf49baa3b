//! How a region lies in the store.
//!
//! Resources are `/openeni/<kind>/<id>`. Beside them stand the settings, which are fixed for the region's life, and the
//! writer's key: whoever put it last is the writer, and every transaction is guarded by its modification revision.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread::available_parallelism;

use eni_model::resource::ResourceKey;
use eni_model::{Change, ChangeSet, RegionSettings, Resource, World};
use eni_store::{Guard, KeyRange, KeyValue, Revision, Store, Txn, TxnRejection};
use eni_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{OpenError, SettingDifference};

const RESOURCES: &str = "/openeni/";
const SETTINGS: &str = "/openeni-region/settings";
const WRITER: &str = "/openeni-region/writer";

/// Proof of being the writer, as long as the store's key says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tenure {
    revision: Revision,
}

impl Tenure {
    /// Becomes the writer: from now on, the transactions of any other are refused.
    pub(crate) fn begin(store: &dyn Store, now: Timestamp) -> Result<Self, OpenError> {
        let found = store.range(&KeyRange::Key(WRITER.into()))?;
        let key = WRITER.to_owned();
        let guard = match found.key_values.first() {
            Some(previous) => Guard::ModRevision {
                key,
                revision: previous.mod_revision,
            },
            None => Guard::Absent { key },
        };
        let taken = Txn::new().when(guard).put(WRITER, now.to_string());
        match store.transact(taken)? {
            Ok(response) => Ok(Self {
                revision: response.revision,
            }),
            Err(TxnRejection::GuardFailed { .. }) => Err(OpenError::Fenced),
            Err(rejection) => Err(rejection.into()),
        }
    }

    /// The transaction that stores `changes`, if this writer still is the writer.
    pub(crate) fn transaction(self, changes: &ChangeSet) -> Txn {
        let mut last: BTreeMap<ResourceKey, &Change> = BTreeMap::new();
        for change in changes.iter() {
            last.insert(change.key(), change);
        }
        let start = Txn::new().when(Guard::ModRevision {
            key: WRITER.into(),
            revision: self.revision,
        });
        last.into_iter()
            .fold(start, |txn, (key, change)| match change {
                Change::Put(resource) => txn.put(key.to_store_key(), resource.to_json()),
                Change::Delete(_) => txn.delete(key.to_store_key()),
            })
    }
}

/// Everything the store holds, and the revision it was read at.
pub(crate) fn load(store: &dyn Store) -> Result<(World, Revision), OpenError> {
    let found = store.range(&KeyRange::Prefix(RESOURCES.into()))?;
    let world = read_all(&found.key_values)?.into_iter().collect();
    Ok((world, found.revision))
}

/// Reads resources with all processors, each a part of them.
fn read_all(stored: &[KeyValue]) -> Result<Vec<Resource>, OpenError> {
    let readers = available_parallelism().map_or(1, NonZero::get);
    let part = stored.len().div_ceil(readers).max(1);
    std::thread::scope(|scope| {
        let readers: Vec<_> = stored
            .chunks(part)
            .map(|part| scope.spawn(|| part.iter().map(read).collect::<Result<Vec<_>, _>>()))
            .collect();
        let mut resources = Vec::with_capacity(stored.len());
        for reader in readers {
            let read = reader.join().unwrap_or_else(|panic| resume_unwind(panic));
            resources.append(&mut read?);
        }
        Ok(resources)
    })
}

fn read(stored: &KeyValue) -> Result<Resource, OpenError> {
    let kind = stored.key[RESOURCES.len()..]
        .split('/')
        .next()
        .unwrap_or_default();
    let resource = Resource::from_json(kind, &stored.value);
    let resource = resource.map_err(|source| OpenError::Resource {
        key: stored.key.clone(),
        source,
    })?;
    let belongs = resource.key().to_store_key();
    if belongs != stored.key {
        return Err(OpenError::Misplaced {
            key: stored.key.clone(),
            found: belongs,
        });
    }
    Ok(resource)
}

/// The settings as they are stored.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredSettings {
    region: String,
    availability_zones: Vec<String>,
    account_id: String,
    public_pool: String,
}

impl StoredSettings {
    fn new(settings: &RegionSettings) -> Self {
        Self {
            region: settings.region.clone(),
            availability_zones: settings.availability_zones.clone(),
            account_id: settings.account_id.clone(),
            public_pool: settings.public_pool.to_string(),
        }
    }

    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a struct of texts has a JSON form")
    }

    /// Whatever is not the same in `given`.
    fn differences(&self, given: &Self) -> Vec<SettingDifference> {
        let zones = |settings: &Self| settings.availability_zones.join(" ");
        let all = [
            ("region", self.region.clone(), given.region.clone()),
            (
                "account_id",
                self.account_id.clone(),
                given.account_id.clone(),
            ),
            (
                "public_pool",
                self.public_pool.clone(),
                given.public_pool.clone(),
            ),
            ("availability_zones", zones(self), zones(given)),
        ];
        all.into_iter()
            .filter(|(_, stored, given)| stored != given)
            .map(|(name, stored, given)| SettingDifference {
                name,
                stored,
                given,
            })
            .collect()
    }
}

fn stored_settings(store: &dyn Store) -> Result<Option<StoredSettings>, OpenError> {
    let found = store.range(&KeyRange::Key(SETTINGS.into()))?;
    let stored = found.key_values.first();
    let read = |value: &[u8]| serde_json::from_slice(value).map_err(OpenError::CorruptSettings);
    stored.map(|stored| read(&stored.value)).transpose()
}

/// The settings of the region that `store` holds; none where it holds none yet.
///
/// # Errors
/// [`OpenError::Store`], [`OpenError::CorruptSettings`].
pub fn settings(store: &dyn Store) -> Result<Option<RegionSettings>, OpenError> {
    let Some(stored) = stored_settings(store)? else {
        return Ok(None);
    };
    let public_pool = stored.public_pool.parse().map_err(|_| {
        let message = format!("{} is no IPv4 block", stored.public_pool);
        OpenError::CorruptSettings(serde::de::Error::custom(message))
    })?;
    Ok(Some(RegionSettings {
        region: stored.region,
        availability_zones: stored.availability_zones,
        account_id: stored.account_id,
        public_pool,
    }))
}

/// Whether the store holds a region. Its settings must then be these: its resources were made under its own.
pub(crate) fn is_founded(store: &dyn Store, settings: &RegionSettings) -> Result<bool, OpenError> {
    let Some(stored) = stored_settings(store)? else {
        return Ok(false);
    };
    let differences = stored.differences(&StoredSettings::new(settings));
    if differences.is_empty() {
        return Ok(true);
    }
    Err(OpenError::Settings(differences))
}

/// The transaction that founds a region: what an account finds in it, and the settings that say that it is founded. An
/// account may delete all it found, and must not find it again.
pub(crate) fn founding(tenure: Tenure, settings: &RegionSettings, contents: &ChangeSet) -> Txn {
    let text = StoredSettings::new(settings).to_json();
    tenure.transaction(contents).put(SETTINGS, text)
}
