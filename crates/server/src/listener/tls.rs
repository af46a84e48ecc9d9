//! Certificate and private key of the listener: read from their files, and read again when those change.
//!
//! An unusable certificate is never adopted. Never prints a byte of the key.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use crate::{config::Tls, private_file};

/// The certificate in use.
pub(crate) struct Certificates {
    files: Tls,
    config: ArcSwap<InUse>,
    /// The files when last read, successfully or not.
    seen: Mutex<Seen>,
}

struct InUse {
    config: Arc<ServerConfig>,
    /// When the first certificate of the chain expires, in seconds since the Unix epoch.
    ends_at: Option<i64>,
}

/// Result of reading the files again.
#[derive(Debug)]
pub(crate) enum Reload {
    /// They have not changed.
    Unchanged,
    /// They are in use.
    Taken,
    /// They are unusable; the previous ones stay in use.
    Kept(anyhow::Error),
}

/// The state of both files at one moment.
type Seen = [Option<[i64; 6]>; 2];

impl Certificates {
    /// Reads both files.
    pub(crate) async fn load(files: &Tls) -> Result<Self> {
        // Once per process; a second call finds it installed.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let seen = Mutex::new(state_of(files));
        let config = ArcSwap::from_pointee(read(files.clone()).await?);
        Ok(Self { files: files.clone(), config, seen })
    }

    /// Reads them again if they changed or `in_any_case`. Open connections keep their certificate.
    pub(crate) async fn reload(&self, in_any_case: bool) -> Reload {
        let found = state_of(&self.files);
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == found && !in_any_case {
                return Reload::Unchanged;
            }
            *seen = found;
        }
        match read(self.files.clone()).await {
            Ok(config) => {
                self.config.store(config.into());
                Reload::Taken
            }
            Err(error) => Reload::Kept(error),
        }
    }

    /// Path of the certificate.
    pub(crate) fn file(&self) -> &Path {
        &self.files.certificate
    }

    /// When the first certificate of the chain expires, in seconds since the Unix epoch.
    pub(crate) fn ends_at(&self) -> Option<i64> {
        self.config.load().ends_at
    }

    /// The acceptor for the next connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.config.load().config).into()
    }
}

/// Identity, size and modification time of the files.
fn state_of(files: &Tls) -> Seen {
    let seen = |metadata: Metadata| {
        let (device, inode, size) = (metadata.dev(), metadata.ino(), metadata.size());
        let [device, inode, size] = [device, inode, size].map(u64::cast_signed);
        [device, inode, size, metadata.mtime(), metadata.mtime_nsec(), metadata.ctime_nsec()]
    };
    [&files.certificate, &files.key].map(|path| fs::metadata(path).ok().map(seen))
}

async fn read(files: Tls) -> Result<InUse> {
    let what = format!(
        "cannot use tls.certificate ({}) with tls.key ({}): both must be PEM files and belong together",
        files.certificate.display(),
        files.key.display()
    );
    let read = tokio::task::spawn_blocking(move || read_now(&files)).await;
    read.map_err(anyhow::Error::from).flatten().context(what)
}

fn read_now(files: &Tls) -> Result<InUse> {
    let certificate = private_file::read_plain("the certificate", &files.certificate)?;
    let key: Zeroizing<Vec<u8>> = private_file::read_private("the private key", &files.key)?;
    let chain = CertificateDer::pem_slice_iter(&certificate).collect::<Result<Vec<_>, _>>()?;
    let ends_at = chain.iter().filter_map(end).min();
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_slice(&key)?)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(InUse { config: config.into(), ends_at })
}

/// When a certificate expires; `None` if that cannot be read.
fn end(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(certificate.validity().not_after.timestamp())
}
