//! Section `tls`: certificate and key of the listener. Does not open them.

use std::path::PathBuf;

use super::{reader::Reader, values};

/// Paths of PEM files; read again on SIGHUP.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    /// The certificate, and those between it and the root.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

impl Tls {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let certificate = reader.read("tls.certificate", values::path);
        let key = reader.read("tls.key", values::path);
        match (certificate, key) {
            (Some(certificate), Some(key)) => Some(Self { certificate, key }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                reader.object(
                    "tls.certificate (KEYWARD_TLS__CERTIFICATE) and tls.key (KEYWARD_TLS__KEY) go together: set both, \
                     or neither for plain HTTP"
                        .to_owned(),
                );
                None
            }
        }
    }
}
