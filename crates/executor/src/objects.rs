//! Object stores by URL: `s3://`, `gs://`, `az://`, `abfs://`, `https://` and local paths, made when first used.
//!
//! Credentials and endpoints come from the environment (`AWS_*`, `GOOGLE_*`, `AZURE_*`), which workers inherit, so a
//! fragment that names a URL works in every process.

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use object_store::ObjectStore;
use std::sync::Arc;
use url::Url;

/// Makes stores on demand and keeps them.
#[derive(Debug, Default)]
pub struct LazyObjectStores {
    known: DefaultObjectStoreRegistry,
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
        let environment = std::env::vars().map(|(key, value)| (key.to_ascii_lowercase(), value));
        let (store, _) = object_store::parse_url_opts(url, environment).map_err(|error| {
            DataFusionError::Configuration(format!(
                "cannot open the object store of {url}: {error}; credentials and endpoints are taken from the environment"
            ))
        })?;
        let store: Arc<dyn ObjectStore> = Arc::from(store);
        self.known.register_store(url, Arc::clone(&store));
        Ok(store)
    }
}
