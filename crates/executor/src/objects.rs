//! Object stores by URL: `s3://`, `gs://`, `az://`, `abfs://`, `https://` and local paths, made when first used.
//!
//! Credentials and endpoints come from the environment (`AWS_*`, `GOOGLE_*`, `AZURE_*`): the driver's, which tells its own to
//! workers on other machines, or else the process's. So a fragment that names a URL works in every process.
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
use object_store::{ClientOptions, ObjectStore, ObjectStoreScheme};
use parking_lot::RwLock;
use std::sync::Arc;
use tokio::runtime::Handle;
use url::{Position, Url};

/// What the names of variables for object stores begin with, a provider each.
const PREFIXES: [&str; 3] = ["aws_", "google_", "azure_"];

/// The variables for object stores in this process's environment, by lower-case name.
fn variables() -> Vec<(String, String)> {
    // Others may be no text at all.
    let all =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let all = all.map(|(name, value)| (name.to_ascii_lowercase(), value));
    all.filter(|(name, _)| PREFIXES.iter().any(|prefix| name.starts_with(prefix))).collect()
}

/// Those of them that mean something on another machine too: not files, and not services, of this one.
pub fn portable_variables() -> Vec<(String, String)> {
    const LOCAL: [&str; 7] =
        ["_file", "_path", "_uri", "_credentials", "_metadata_endpoint", "_msi_endpoint", "_identity_endpoint"];
    let is_local = |name: &str| name == "google_service_account" || LOCAL.iter().any(|end| name.ends_with(end));
    variables().into_iter().filter(|(name, _)| !is_local(name)).collect()
}

/// The variables that count: those that were told, and the process's own in the other places. Of a provider whose
/// secrets were told the own ones do not count: a key of one and a token of the other would fit no lock.
fn merge(told: &[(String, String)], own: Vec<(String, String)>) -> Vec<(String, String)> {
    let is_secret = |name: &str| ["_key", "_key_id", "_token", "_secret"].iter().any(|end| name.ends_with(end));
    let of = |prefix: &str| {
        let told: Vec<_> = told.iter().filter(|(name, _)| name.starts_with(prefix)).cloned().collect();
        let whole = told.iter().any(|(name, _)| is_secret(name) && !name.ends_with("_kms_key_id"));
        let is_told = |name: &str| told.iter().any(|(other, _)| other == name);
        let own = own.iter().filter(|(name, _)| !whole && name.starts_with(prefix) && !is_told(name)).cloned();
        let mut all: Vec<_> = own.collect();
        all.extend(told);
        all
    };
    PREFIXES.iter().flat_map(|prefix| of(prefix)).collect()
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
        // Every kind of store takes the variables that it knows by name.
        let variables = merge(&self.told.read(), variables());
        macro_rules! store {
            ($builder:expr, $url:expr) => {{
                let connector = SpawnedReqwestConnector::new(self.io.clone());
                let builder = $builder.with_url($url).with_http_connector(connector);
                let builder = variables.into_iter().fold(builder, |builder, (name, value)| match name.parse() {
                    Ok(key) => builder.with_config(key, value),
                    Err(_) => builder,
                });
                Arc::new(builder.build()?) as Arc<dyn ObjectStore>
            }};
        }
        Ok(match ObjectStoreScheme::parse(url)?.0 {
            ObjectStoreScheme::AmazonS3 => store!(AmazonS3Builder::new(), url.as_str()),
            ObjectStoreScheme::GoogleCloudStorage => store!(GoogleCloudStorageBuilder::new(), url.as_str()),
            ObjectStoreScheme::MicrosoftAzure => store!(MicrosoftAzureBuilder::new(), url.as_str()),
            ObjectStoreScheme::Http => {
                // Who writes http means it.
                let options = ClientOptions::new().with_allow_http(url.scheme() == "http");
                store!(HttpBuilder::new().with_client_options(options), &url[..Position::BeforePath])
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_two_places_are_not_mixed() {
        let pairs = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect::<Vec<_>>();
        let own = pairs(&["aws_session_token", "google_application_credentials"]);
        let told = pairs(&["aws_access_key_id", "google_cloud_project"]);
        let expected = pairs(&["aws_access_key_id", "google_application_credentials", "google_cloud_project"]);
        assert_eq!(merge(&told, own.clone()), expected);
        assert_eq!(merge(&pairs(&["aws_region"]), own.clone()).len(), 3);
        assert_eq!(merge(&[], own.clone()), own);
    }
}
