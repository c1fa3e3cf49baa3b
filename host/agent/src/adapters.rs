//! What the agent tells whoever serves the Elastic Fabric Adapters of this machine's instances.

use eni_model::World;

/// An error of the service.
pub type AdapterServiceError = Box<dyn std::error::Error + Send + Sync>;

/// Serves the Elastic Fabric Adapters of this machine's instances, as the agent tells it. Its traffic meets no packet table.
pub trait AdapterService: Send + Sync {
    /// A world has been published: what its rules forbid ends at once. Must not wait for anything. Whether there are other
    /// adapters or rules than before: then [`AdapterService::instances_changed`] is called, by another thread.
    fn world_published(&self, world: &World) -> bool;

    /// An instance has been made or destroyed; of one that is made this is told before its boot, as a boot script may
    /// open an adapter at once.
    ///
    /// # Errors
    /// When the service cannot serve the adapters that are there; told again later.
    fn instances_changed(&self) -> Result<(), AdapterServiceError>;
}

/// For regions whose adapters nobody serves.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAdapterService;

impl AdapterService for NoAdapterService {
    fn world_published(&self, _world: &World) -> bool {
        false
    }

    fn instances_changed(&self) -> Result<(), AdapterServiceError> {
        Ok(())
    }
}
