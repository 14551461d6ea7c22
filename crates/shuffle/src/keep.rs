//! Where an output is kept, if its user has a say in that.

use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Keep {
    /// In memory as long as there is room, then on disk.
    #[default]
    MemoryAndDisk,
    /// In memory. When others need the room, all outputs of the stage are given up, to be computed again; only what has no
    /// room from the start goes to disk.
    Memory,
    /// On disk.
    Disk,
}
