//! The certificate for TLS, read again when its files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::signal::unix::{SignalKind, signal};

use super::ServeError;
use super::files;

/// How often it is looked whether the files changed.
const LOOK: Duration = Duration::from_secs(30);

/// How connections are served with the certificate and key of two files, which a thread
/// reads again when they change, for as long as the process lives.
///
/// # Errors
/// Where the files say nothing of use.
pub fn kept(
    chain: &Path,
    key: &Path,
    tell: impl Fn(Result<(), ServeError>) + Send + 'static,
) -> Result<Arc<ServerConfig>, ServeError> {
    let certificate = Certificate::load(chain, key)?;
    let config = certificate.server()?;
    let setting = |error: std::io::Error| ServeError::Setting(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(setting)?;
    let builder = std::thread::Builder::new().name("certificate".to_owned());
    let watching = builder.spawn(move || runtime.block_on(certificate.watch(tell)));
    watching.map_err(setting)?;
    Ok(Arc::new(config))
}

/// Certificate and key as they are in use.
#[derive(Debug)]
pub(crate) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    used: RwLock<(Arc<CertifiedKey>, [Option<SystemTime>; 2])>,
}

impl Certificate {
    /// Reads them.
    pub(crate) fn load(chain: &Path, key: &Path) -> Result<Arc<Self>, ServeError> {
        let provider = iroh_relay::tls::default_provider();
        let seen = files::changed([chain, key]);
        let first = read(chain, key, &provider)?;
        Ok(Arc::new(Self {
            chain: chain.to_path_buf(),
            key: key.to_path_buf(),
            provider,
            used: RwLock::new((Arc::new(first), seen)),
        }))
    }

    /// Reads them again. Where that fails the old ones stay in use.
    pub(crate) fn reload(&self) -> Result<(), ServeError> {
        let seen = files::changed([&self.chain, &self.key]);
        let new = read(&self.chain, &self.key, &self.provider);
        let mut used = self.used.write().unwrap_or_else(PoisonError::into_inner);
        used.1 = seen;
        used.0 = Arc::new(new?);
        Ok(())
    }

    fn has_changed(&self) -> bool {
        let used = self.used.read().unwrap_or_else(PoisonError::into_inner);
        used.1 != files::changed([&self.chain, &self.key])
    }

    /// How connections are served with it.
    pub(crate) fn server(self: &Arc<Self>) -> Result<ServerConfig, ServeError> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| ServeError::Setting(error.to_string()))?;
        let resolver = Arc::clone(self) as Arc<dyn ResolvesServerCert>;
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Looks after the files until the process ends: on SIGHUP and when they change.
    pub(crate) async fn watch(self: Arc<Self>, tell: impl Fn(Result<(), ServeError>)) {
        let mut hangup = signal(SignalKind::hangup()).ok();
        loop {
            let asked = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            let asked = tokio::select! {
                _ = asked => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            if asked || self.has_changed() {
                tell(self.reload());
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let used = self.used.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&used.0))
    }
}

fn read(
    chain_path: &Path,
    key_path: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, ServeError> {
    let text = |path: &Path| {
        let bad = || ServeError::BadFile(path.to_path_buf(), "it is not there".into());
        files::read(path)?.ok_or_else(bad)
    };
    let bad = |path: &Path, why: String| ServeError::BadFile(path.to_path_buf(), why);
    let chain = CertificateDer::pem_slice_iter(&text(chain_path)?).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| bad(chain_path, error.to_string()))?;
    if chain.is_empty() {
        return Err(bad(
            chain_path,
            "there is no certificate in it (PEM)".into(),
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(&text(key_path)?);
    let key = key.map_err(|error| bad(key_path, error.to_string()))?;
    let key = provider.key_provider.load_private_key(key);
    let key = key.map_err(|error| bad(key_path, error.to_string()))?;
    let pair = CertifiedKey::new(chain, key);
    pair.keys_match().map_err(|error| {
        bad(
            key_path,
            format!("it is not the certificate's key: {error}"),
        )
    })?;
    Ok(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("made");
        let (chain, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&chain, made.cert.pem()).expect("written");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
        (chain, key)
    }

    fn der(certificate: &Certificate) -> Vec<u8> {
        certificate.used.read().expect("whole").0.cert[0].to_vec()
    }

    #[test]
    fn a_new_one_is_taken_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().expect("a directory");
        let (chain, key) = write(folder.path(), "a.example");
        let certificate = Certificate::load(&chain, &key).expect("read");
        assert!(!certificate.has_changed());
        let first = der(&certificate);
        write(folder.path(), "b.example");
        certificate.reload().expect("read");
        let second = der(&certificate);
        assert_ne!(first, second);
        std::fs::write(&chain, "nothing").expect("written");
        assert!(certificate.reload().is_err());
        assert_eq!(der(&certificate), second);
        // the key of another certificate
        let other = tempfile::tempdir().expect("a directory");
        let (other, _) = write(other.path(), "c.example");
        assert!(Certificate::load(&other, &key).is_err());
    }
}
