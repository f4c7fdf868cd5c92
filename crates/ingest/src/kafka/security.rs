//! How do we speak to brokers that do not trust everybody? TLS and SASL, as librdkafka offers them in this build.

use std::path::PathBuf;

use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};

/// Encryption and login.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaSecurity {
    /// plaintext, ssl, sasl_plaintext or sasl_ssl; the ones with `ssl` need a build with the feature `kafka-tls`.
    /// Default: plaintext.
    pub protocol: KafkaProtocol,
    /// PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; SCRAM needs a build with the feature `kafka-tls`. Default: PLAIN.
    pub mechanism: Option<String>,
    /// Name to log in with. Default: none.
    pub username: Option<String>,
    /// Password to log in with. Default: none.
    pub password: Option<String>,
    /// File that holds the password. Default: none.
    pub password_file: Option<PathBuf>,
    /// File with the certificates of authorities (PEM). Default: those of the system.
    pub ca_file: Option<PathBuf>,
    /// File with our own certificate (PEM). Default: none.
    pub certificate_file: Option<PathBuf>,
    /// File with the key of our own certificate (PEM). Default: none.
    pub key_file: Option<PathBuf>,
}

/// How bytes travel and whether there is a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KafkaProtocol {
    /// Readable, no login.
    #[default]
    Plaintext,
    /// Encrypted, no login.
    Ssl,
    /// Readable, with login.
    SaslPlaintext,
    /// Encrypted, with login.
    SaslSsl,
}

impl KafkaProtocol {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }
}

impl KafkaSecurity {
    /// All problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let mechanism = self.mechanism();
        let needs_tls = matches!(self.protocol, KafkaProtocol::Ssl | KafkaProtocol::SaslSsl);
        let needs_login = matches!(self.protocol, KafkaProtocol::SaslPlaintext | KafkaProtocol::SaslSsl);
        let has_tls = cfg!(feature = "kafka-tls");
        if needs_tls && !has_tls {
            problems.push(format!("protocol: {} needs a build with the feature kafka-tls", self.protocol.as_str()));
        }
        if !["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"].contains(&mechanism) {
            problems.push(format!("mechanism: {mechanism:?} is not PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"));
        } else if mechanism != "PLAIN" && !has_tls {
            problems.push(format!("mechanism: {mechanism} needs a build with the feature kafka-tls"));
        }
        let has_password = self.password.is_some() || self.password_file.is_some();
        if needs_login && (self.username.is_none() || !has_password) {
            problems.push("username: a login needs `username` and `password` or `password_file`".to_owned());
        }
        if !needs_login && (self.username.is_some() || has_password) {
            problems.push("username: only used with protocol sasl_plaintext or sasl_ssl".to_owned());
        }
        problems
    }

    /// Sets what librdkafka has to know. Reads the password's file.
    pub(super) fn apply(&self, client: &mut ClientConfig) -> std::io::Result<()> {
        client.set("security.protocol", self.protocol.as_str());
        if let Some(username) = &self.username {
            client.set("sasl.mechanism", self.mechanism()).set("sasl.username", username);
        }
        match (&self.password_file, &self.password) {
            (Some(path), _) => {
                let text = std::fs::read_to_string(path)?;
                client.set("sasl.password", text.trim_end_matches(['\n', '\r']));
            }
            (None, Some(password)) => _ = client.set("sasl.password", password),
            (None, None) => {}
        }
        let files = [
            ("ssl.ca.location", &self.ca_file),
            ("ssl.certificate.location", &self.certificate_file),
            ("ssl.key.location", &self.key_file),
        ];
        for (name, path) in files {
            if let Some(path) = path {
                client.set(name, path.display().to_string());
            }
        }
        Ok(())
    }

    fn mechanism(&self) -> &str {
        self.mechanism.as_deref().unwrap_or("PLAIN")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_build_lacks_is_said_before_the_start() {
        assert_eq!(KafkaSecurity::default().validate(), Vec::<String>::new());
        let login = KafkaSecurity { protocol: KafkaProtocol::SaslPlaintext, ..KafkaSecurity::default() };
        assert!(login.validate().iter().any(|it| it.starts_with("username")));
        let whole = KafkaSecurity { username: Some("u".to_owned()), password: Some("p".to_owned()), ..login };
        assert_eq!(whole.validate(), Vec::<String>::new());
        let scram = KafkaSecurity {
            protocol: KafkaProtocol::SaslSsl,
            mechanism: Some("SCRAM-SHA-512".to_owned()),
            ..whole.clone()
        };
        assert_eq!(scram.validate().is_empty(), cfg!(feature = "kafka-tls"), "{:?}", scram.validate());
        let unknown = KafkaSecurity { mechanism: Some("MAGIC".to_owned()), ..whole };
        assert!(unknown.validate().iter().any(|it| it.starts_with("mechanism")));
    }

    #[test]
    fn the_client_gets_the_login() {
        let security = KafkaSecurity {
            protocol: KafkaProtocol::SaslPlaintext,
            username: Some("u".to_owned()),
            password: Some("p".to_owned()),
            ..KafkaSecurity::default()
        };
        let mut client = ClientConfig::new();
        security.apply(&mut client).unwrap();
        let get = |name| client.get(name);
        assert_eq!((get("security.protocol"), get("sasl.mechanism")), (Some("sasl_plaintext"), Some("PLAIN")));
        assert_eq!((get("sasl.username"), get("sasl.password")), (Some("u"), Some("p")));
    }
}
