//! What a task takes of a machine.

use serde::{Deserialize, Serialize};

/// Cores and memory. Only counts where a cluster lends them; an executor with slots of its own gives every task one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Resources {
    /// Thousandths of a core.
    pub cpus: u32,
    /// MiB.
    pub memory: u64,
}

impl Default for Resources {
    /// A core.
    fn default() -> Self {
        Self { cpus: 1000, memory: 0 }
    }
}

impl Resources {
    /// Nothing at all.
    pub const NONE: Self = Self { cpus: 0, memory: 0 };

    /// Whether `other` is part of it.
    pub fn contains(self, other: Self) -> bool {
        self.cpus >= other.cpus && self.memory >= other.memory
    }

    /// What is left without `other`.
    pub fn minus(self, other: Self) -> Self {
        Self { cpus: self.cpus.saturating_sub(other.cpus), memory: self.memory.saturating_sub(other.memory) }
    }
}
