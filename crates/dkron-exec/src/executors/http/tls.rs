//! Turns TLS settings of a job into a client configuration.
//!
//! A file that cannot be used is a warning, not a failure: the server may not need it.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Everything that distinguishes one client from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub no_verify: bool,
    pub certificate_file: String,
    pub key_file: String,
    pub roots_file: String,
}

/// The configuration, and the warning lines that came up.
pub fn client_config(settings: &Settings) -> Result<(ClientConfig, Vec<String>), String> {
    let mut warnings = Vec::new();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|err| format!("http: cannot set up TLS: {err}"))?;
    let builder = if settings.no_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
    } else {
        builder.with_root_certificates(roots(&settings.roots_file, &mut warnings))
    };
    let mut config = match client_pair(settings) {
        Ok(Some((chain, key))) => match builder.clone().with_client_auth_cert(chain, key) {
            Ok(config) => config,
            Err(err) => {
                let file = &settings.certificate_file;
                warnings.push(format!("Warning: client certificate {file} not used: {err}.\n"));
                builder.with_no_client_auth()
            }
        },
        Ok(None) => builder.with_no_client_auth(),
        Err(warning) => {
            warnings.push(warning);
            builder.with_no_client_auth()
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((config, warnings))
}

fn roots(file: &str, warnings: &mut Vec<String>) -> Arc<RootCertStore> {
    if file.is_empty() {
        return system_roots();
    }
    let mut store = RootCertStore::empty();
    match read_certificates(file) {
        Ok(certificates) => {
            let (added, _) = store.add_parsable_certificates(certificates);
            if added > 0 {
                return Arc::new(store);
            }
            warnings.push(format!("Warning: no certificate in {file}, using the system's.\n"));
        }
        Err(err) => warnings.push(format!("Warning: {err}, using the system's.\n")),
    }
    system_roots()
}

/// Read once: a machine without any still reaches plain HTTP servers.
fn system_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let load = || {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(store)
    };
    Arc::clone(ROOTS.get_or_init(load))
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn client_pair(settings: &Settings) -> Result<Option<Pair>, String> {
    if settings.certificate_file.is_empty() && settings.key_file.is_empty() {
        return Ok(None);
    }
    let chain = read_certificates(&settings.certificate_file)
        .map_err(|err| format!("Warning: client certificate not used: {err}.\n"))?;
    let bytes = fs::read(Path::new(&settings.key_file))
        .map_err(|err| format!("Warning: cannot read key {}: {err}.\n", settings.key_file))?;
    let key = PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|err| format!("Warning: no key in {}: {err}.\n", settings.key_file))?;
    Ok(Some((chain, key)))
}

fn read_certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = fs::read(Path::new(file)).map_err(|err| format!("cannot read {file}: {err}"))?;
    CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|err| format!("no certificate in {file}: {err}"))
}

/// Takes any certificate, as the job asked for; the server must still own the key of it.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
