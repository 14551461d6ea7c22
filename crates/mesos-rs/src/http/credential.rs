//! Who we are: HTTP basic authentication for schedulers, a bearer token for executors.

use crate::error::ConfigError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::path::Path;

/// How to prove who we are. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A principal and its secret.
    Basic {
        /// Should be the `principal` of the framework, too.
        principal: String,
        /// Its secret.
        secret: String,
    },
    /// The token that an agent gives its executors.
    Bearer(String),
}

impl Credential {
    /// The secret is what a file holds, without white space at its ends.
    pub fn from_secret_file(principal: &str, path: &Path) -> Result<Self, ConfigError> {
        let fail = |detail: String| ConfigError::File { what: "secret", path: path.to_path_buf(), detail };
        let content = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
        match content.trim() {
            "" => Err(fail("it is empty".to_string())),
            secret => Ok(Self::Basic { principal: principal.to_string(), secret: secret.to_string() }),
        }
    }

    /// The value of the header `Authorization`.
    pub(crate) fn header(&self) -> String {
        match self {
            Self::Basic { principal, secret } => format!("Basic {}", STANDARD.encode(format!("{principal}:{secret}"))),
            Self::Bearer(token) => format!("Bearer {token}"),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { principal, .. } => write!(f, "Basic({principal}, …)"),
            Self::Bearer(_) => write!(f, "Bearer(…)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_comes_from_a_file_and_is_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "open sesame\n").unwrap();
        let credential = Credential::from_secret_file("Aladdin", &path).unwrap();
        assert_eq!(credential.header(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(format!("{credential:?}"), "Basic(Aladdin, …)");
        std::fs::write(&path, "\n").unwrap();
        assert!(Credential::from_secret_file("Aladdin", &path).unwrap_err().to_string().contains("it is empty"));
        assert!(Credential::from_secret_file("Aladdin", &directory.path().join("none")).is_err());
    }
}
