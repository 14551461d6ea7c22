//! Broadcasts: one value for all executors, of which the driver sends about one copy, however many there are.
//!
//! A value travels as bytes in chunks of 1 MiB. The driver's *guide* knows who has which chunk and who is fetching what;
//! an executor asks it for each next step. The driver sends a chunk that nobody has to one executor, and everybody else
//! gets it from that one, so the copies spread like in a swarm while the driver sends each chunk once.
//!
//! ```text
//!  executor A ── begin, next ──► driver: guide ── "chunk 7 from me" ─► A
//!  executor B ── begin, next ──►               ── "chunk 3 from A" ──► B ──── chunk 3? ───► A
//! ```
//! A source that does not deliver is reported, and named no more; when nobody else has a chunk, the driver sends it again.
//!
//! | room | what lives there |
//! |---|---|
//! | `chunks` | where a value is cut, and the digests by which chunks are checked |
//! | `guide` | who shall fetch what from whom: pure, without clock, net and chance of its own |
//! | `holding` | the chunks that one process has, in memory or in a file |
//! | `talk` | what is said between executors and the driver |
//! | `swarm` | [`Broadcasts`]: all of one process |
//! | `download` | fetching what is missing |
//! | `error` | what can go wrong |

mod chunks;
mod download;
mod error;
mod guide;
mod holding;
mod swarm;
mod talk;

pub use chunks::CHUNK;
pub use error::BroadcastError;
pub use guide::Traffic;
pub use swarm::Broadcasts;
