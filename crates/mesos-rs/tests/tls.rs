//! Encrypted: a scripted master behind a TLS front, with a certificate of the test's own authority.
//!
//! `data/` holds that authority's certificate and a key and certificate for localhost, made once with openssl.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use mesos_fake::FakeMaster;
use mesos_rs::proto::FrameworkInfo;
use mesos_rs::scheduler::{self, Config, Event};
use mesos_rs::{LinkError, Tls};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Decrypts what comes in and passes it on. Gives its port.
async fn front(to: String) -> u16 {
    let certificate = CertificateDer::from_pem_file(data("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(data("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                let (Ok(mut outer), Ok(mut inner)) = (acceptor.accept(connection).await, TcpStream::connect(to).await)
                else {
                    return;
                };
                let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
            });
        }
    });
    port
}

async fn first_event(masters: &str, tls: Option<Tls>) -> (scheduler::SchedulerHandle, Event) {
    let config = Config {
        tls,
        timeout: Duration::from_secs(5),
        ..Config::new(masters.parse().unwrap(), FrameworkInfo::new("root", "tls"))
    };
    let (handle, mut events) = scheduler::start(config).unwrap();
    let event = tokio::time::timeout(Duration::from_secs(10), events.recv()).await.unwrap().unwrap();
    if matches!(event, Event::Connected { .. }) {
        handle.revive(&[]).await.unwrap();
    }
    (handle, event)
}

#[tokio::test]
async fn a_master_is_trusted_by_its_authority() {
    let master = FakeMaster::start().await;
    let port = front(master.address()).await;
    let tls = Some(Tls { ca_file: Some(data("ca.pem")) });
    for host in ["localhost", "127.0.0.1"] {
        let (_handle, event) = first_event(&format!("https://{host}:{port}"), tls.clone()).await;
        assert!(matches!(event, Event::Connected { .. }), "{event:?}");
    }
}

#[tokio::test]
async fn others_are_not() {
    let master = FakeMaster::start().await;
    let port = front(master.address()).await;
    // The system's authorities do not know it, and in the clear it does not answer.
    for (masters, tls) in [
        (format!("https://localhost:{port}"), Some(Tls::default())),
        (format!("https://localhost:{port}"), None),
        (format!("http://localhost:{port}"), None),
    ] {
        let (_handle, event) = first_event(&masters, tls).await;
        let Event::Retrying { why, .. } = event else { panic!("{masters}: {event:?}") };
        assert!(matches!(why, LinkError::Connect { .. } | LinkError::Http { .. }), "{why}");
    }
    assert_eq!(master.streams(), 0);
}
