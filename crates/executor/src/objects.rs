//! Object stores by URL: `s3://`, `gs://`, `az://`, `abfs://`, `https://` and local paths, made when first used.
//!
//! Credentials and endpoints come from the environment (`AWS_*`, `GOOGLE_*`, `AZURE_*`): the process's own, and before it
//! the driver's, which tells its own to workers on other machines. So a fragment that names a URL works in every process.
//!
//! Their requests are made on a runtime for I/O, not on the tasks' own: a task that computes for long between two polls
//! would let its connections' answers wait, and servers give up on clients that do not read.

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::SpawnedReqwestConnector;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::{ObjectStore, ObjectStoreScheme};
use parking_lot::RwLock;
use std::sync::Arc;
use tokio::runtime::Handle;
use url::{Position, Url};

/// What the names of variables for object stores begin with.
const PREFIXES: [&str; 3] = ["aws_", "google_", "azure_"];

/// The variables for object stores in this process's environment, by lower-case name.
pub fn variables() -> Vec<(String, String)> {
    let all = std::env::vars().map(|(name, value)| (name.to_ascii_lowercase(), value));
    all.filter(|(name, _)| PREFIXES.iter().any(|prefix| name.starts_with(prefix))).collect()
}

/// Makes stores on demand and keeps them.
#[derive(Debug)]
pub struct LazyObjectStores {
    known: DefaultObjectStoreRegistry,
    io: Handle,
    /// The driver's variables.
    told: RwLock<Vec<(String, String)>>,
}

impl LazyObjectStores {
    /// A registry that knows the local file system; requests to others run on `io`.
    pub fn new(io: Handle) -> Self {
        Self { known: DefaultObjectStoreRegistry::default(), io, told: RwLock::default() }
    }

    /// From now on these variables come before the process's own. Stores that were opened stay as they are.
    pub fn tell(&self, variables: Vec<(String, String)>) {
        *self.told.write() = variables;
    }

    fn open(&self, url: &Url) -> object_store::Result<Arc<dyn ObjectStore>> {
        // Every kind of store takes the variables that it knows by name; what is set later counts.
        let variables: Vec<_> = variables().into_iter().chain(self.told.read().iter().cloned()).collect();
        macro_rules! store {
            ($builder:ty, $url:expr) => {{
                let connector = SpawnedReqwestConnector::new(self.io.clone());
                let builder = <$builder>::new().with_url($url).with_http_connector(connector);
                let builder = variables.into_iter().fold(builder, |builder, (name, value)| match name.parse() {
                    Ok(key) => builder.with_config(key, value),
                    Err(_) => builder,
                });
                Arc::new(builder.build()?) as Arc<dyn ObjectStore>
            }};
        }
        Ok(match ObjectStoreScheme::parse(url)?.0 {
            ObjectStoreScheme::AmazonS3 => store!(AmazonS3Builder, url.as_str()),
            ObjectStoreScheme::GoogleCloudStorage => store!(GoogleCloudStorageBuilder, url.as_str()),
            ObjectStoreScheme::MicrosoftAzure => store!(MicrosoftAzureBuilder, url.as_str()),
            ObjectStoreScheme::Http => store!(HttpBuilder, &url[..Position::BeforePath]),
            _ => return Ok(Arc::from(object_store::parse_url(url)?.0)),
        })
    }
}

impl ObjectStoreRegistry for LazyObjectStores {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        self.known.register_store(url, store)
    }

    fn deregister_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        self.known.deregister_store(url)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        if let Ok(store) = self.known.get_store(url) {
            return Ok(store);
        }
        let store = self.open(url).map_err(|error| {
            DataFusionError::Configuration(format!(
                "cannot open the object store of {url}: {error}; credentials and endpoints are taken from the environment"
            ))
        })?;
        self.known.register_store(url, Arc::clone(&store));
        Ok(store)
    }
}
