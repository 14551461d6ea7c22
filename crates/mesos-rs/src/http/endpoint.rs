//! Where a master or an agent is.

use crate::error::ConfigError;
use std::fmt;

/// In the clear or encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

/// One address and the path of its API.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// In the clear or encrypted.
    pub scheme: Scheme,
    /// Name or address, of version 6 without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// With a slash in front.
    pub path: String,
}

impl Endpoint {
    /// From `[http[s]://]host:port`; `scheme` if the text says none.
    pub fn parse(text: &str, scheme: Scheme, path: &str, what: &'static str) -> Result<Self, ConfigError> {
        let fail = |detail: &str| ConfigError::Address { text: text.to_string(), what, detail: detail.to_string() };
        let (scheme, rest) = match text.split_once("://") {
            None => (scheme, text),
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(_) => return Err(fail("the scheme should be http or https")),
        };
        let rest = rest.trim_end_matches('/');
        if rest.contains(['/', '?', '#', '@']) {
            return Err(fail("write host:port and no more"));
        }
        let (host, port) = host_port(rest).ok_or_else(|| fail("write host:port"))?;
        Ok(Self { scheme, host, port, path: path.to_string() })
    }

    /// Where a redirect leads. `location` may be a whole URL, one without its scheme (`//host:port/path`, which is
    /// what masters send), or a path; what it does not say stays as it is here.
    pub(crate) fn redirected(&self, location: &str) -> Result<Self, &'static str> {
        let location = location.trim();
        let (scheme, rest) = match location.split_once("//") {
            Some(("http:", rest)) => (Scheme::Http, rest),
            Some(("https:", rest)) => (Scheme::Https, rest),
            Some(("", rest)) => (self.scheme, rest),
            _ if location.starts_with('/') => return Ok(Self { path: location.to_string(), ..self.clone() }),
            _ => return Err("it is neither a URL nor a path"),
        };
        if self.scheme == Scheme::Https && scheme == Scheme::Http {
            return Err("from https to http");
        }
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, self.path.as_str()),
        };
        let (host, port) = host_port(authority).ok_or("it has no host and port")?;
        // A bare "/" is how some write a host alone.
        let path = if path == "/" { self.path.as_str() } else { path };
        Ok(Self { scheme, host, port, path: path.to_string() })
    }

    /// `host:port`, as in a `Host` header.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

fn host_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bare {
        Some(host) => host,
        None if host.contains([':', ' ', '@']) => return None,
        None => host,
    };
    Some((host.to_string(), port.parse().ok()?)).filter(|(host, _)| !host.is_empty())
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        Endpoint::parse(text, Scheme::Http, "/api/v1/scheduler", "master").unwrap()
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(endpoint("m1:5050").to_string(), "http://m1:5050");
        assert_eq!(endpoint("https://m1:5050/").to_string(), "https://m1:5050");
        assert_eq!(endpoint("[::1]:5050").authority(), "[::1]:5050");
        for text in ["", "m1", "m1:", ":5050", "m1:99999", "ftp://m1:5050", "m1:5050/x", "::1:5050", "a@m1:5050"] {
            let error = Endpoint::parse(text, Scheme::Http, "/", "master").unwrap_err().to_string();
            assert!(error.contains("address of a master"), "{error}");
        }
    }

    #[test]
    fn redirects_keep_what_they_do_not_say() {
        let from = endpoint("https://m1:5050");
        for (location, to, path) in [
            ("//m2:5051/master/api/v1/scheduler", "https://m2:5051", "/master/api/v1/scheduler"),
            ("//m2:5051", "https://m2:5051", "/api/v1/scheduler"),
            ("//m2:5051/", "https://m2:5051", "/api/v1/scheduler"),
            ("https://m2:5051/x", "https://m2:5051", "/x"),
            ("/elsewhere", "https://m1:5050", "/elsewhere"),
            ("//[::1]:5051/x", "https://[::1]:5051", "/x"),
        ] {
            let redirected = from.redirected(location).unwrap();
            assert_eq!((redirected.to_string().as_str(), redirected.path.as_str()), (to, path), "{location}");
        }
        for location in ["http://m2:5051/x", "m2:5051", "", "//m2/x", "ftp://m2:5051/"] {
            assert!(from.redirected(location).is_err(), "{location}");
        }
        assert_eq!(endpoint("m1:5050").redirected("https://m2:1/").unwrap().to_string(), "https://m2:1");
    }
}
