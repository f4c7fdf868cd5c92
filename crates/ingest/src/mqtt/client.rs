//! How is a broker spoken to? One face for MQTT 3.1.1 and 5, whose clients have types of their own.

use std::time::Duration;

use rumqttc::{TlsConfiguration, Transport, v5};

use crate::MqttConfig;

/// Requests that may wait for the connection: the acknowledgements of two batches, so that a batch never waits for
/// the connection while the connection waits for it.
const REQUESTS: usize = 4096;

/// Asks and acknowledges.
#[derive(Clone)]
pub(crate) enum Client {
    V3(rumqttc::AsyncClient),
    V5(v5::AsyncClient),
}

/// The connection; it must be asked for what happens all the time.
pub(crate) enum Connection {
    V3(Box<rumqttc::EventLoop>),
    V5(Box<v5::EventLoop>),
}

/// What happened.
pub(crate) enum Happened {
    /// The broker has taken us in: topics must be asked for.
    Connected,
    Message(Box<Message>),
    /// Nothing that matters here.
    Other,
}

/// A message, and what is needed to acknowledge it.
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    receipt: Receipt,
}

enum Receipt {
    V3(rumqttc::Publish),
    V5(v5::mqttbytes::v5::Publish),
}

/// A client that is not connected yet.
pub(crate) fn open(config: &MqttConfig, client_id: &str, max_bytes: usize) -> Result<(Client, Connection), String> {
    let (host, port, is_tls) = config.address()?;
    let transport = if is_tls { Some(tls(config)?) } else { None };
    let credentials = config.credentials()?;
    let keep_alive = Duration::from_secs(config.keep_alive_secs);
    if config.version == 5 {
        let mut options = v5::MqttOptions::new(client_id, host, port);
        options.set_keep_alive(keep_alive).set_manual_acks(true).set_clean_start(false);
        options.set_session_expiry_interval(Some(config.session_secs));
        options.set_max_packet_size(u32::try_from(max_bytes).ok());
        credentials.into_iter().for_each(|(user, password)| _ = options.set_credentials(user, password));
        transport.into_iter().for_each(|it| _ = options.set_transport(it));
        let (client, connection) = v5::AsyncClient::new(options, REQUESTS);
        return Ok((Client::V5(client), Connection::V5(Box::new(connection))));
    }
    let mut options = rumqttc::MqttOptions::new(client_id, host, port);
    options.set_keep_alive(keep_alive).set_manual_acks(true).set_clean_session(false);
    options.set_max_packet_size(max_bytes, 10 * 1024);
    credentials.into_iter().for_each(|(user, password)| _ = options.set_credentials(user, password));
    transport.into_iter().for_each(|it| _ = options.set_transport(it));
    let (client, connection) = rumqttc::AsyncClient::new(options, REQUESTS);
    Ok((Client::V3(client), Connection::V3(Box::new(connection))))
}

fn tls(config: &MqttConfig) -> Result<Transport, String> {
    // The first to install a provider wins; all of ours are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Some(path) = &config.ca_file else {
        return Ok(Transport::tls_with_config(TlsConfiguration::default()));
    };
    let ca = std::fs::read(path).map_err(|error| format!("ca_file {}: {error}", path.display()))?;
    Ok(Transport::tls(ca, None, None))
}

impl Client {
    /// Asks for topics.
    pub(crate) async fn subscribe(&self, filter: &str, qos: u8) -> Result<(), String> {
        match self {
            Self::V3(client) => {
                let qos = if qos == 0 { rumqttc::QoS::AtMostOnce } else { rumqttc::QoS::AtLeastOnce };
                client.subscribe(filter, qos).await.map_err(|error| error.to_string())
            }
            Self::V5(client) => {
                let qos = if qos == 0 { v5::mqttbytes::QoS::AtMostOnce } else { v5::mqttbytes::QoS::AtLeastOnce };
                client.subscribe(filter, qos).await.map_err(|error| error.to_string())
            }
        }
    }

    /// Tells the broker that a message needs not be sent again.
    pub(crate) async fn acknowledge(&self, message: &Message) -> Result<(), String> {
        match (self, &message.receipt) {
            (Self::V3(client), Receipt::V3(it)) => client.ack(it).await.map_err(|error| error.to_string()),
            (Self::V5(client), Receipt::V5(it)) => client.ack(it).await.map_err(|error| error.to_string()),
            _ => Err("a message of another connection".to_owned()),
        }
    }
}

impl Connection {
    /// Waits for what happens next; after an error the next call connects again.
    pub(crate) async fn next(&mut self) -> Result<Happened, String> {
        match self {
            Self::V3(connection) => match connection.poll().await.map_err(|error| error.to_string())? {
                rumqttc::Event::Incoming(rumqttc::Packet::ConnAck(_)) => Ok(Happened::Connected),
                rumqttc::Event::Incoming(rumqttc::Packet::Publish(it)) => Ok(Happened::Message(Box::new(Message {
                    topic: it.topic.clone(),
                    payload: it.payload.to_vec(),
                    receipt: Receipt::V3(it),
                }))),
                _ => Ok(Happened::Other),
            },
            Self::V5(connection) => match connection.poll().await.map_err(|error| error.to_string())? {
                v5::Event::Incoming(v5::mqttbytes::v5::Packet::ConnAck(_)) => Ok(Happened::Connected),
                v5::Event::Incoming(v5::mqttbytes::v5::Packet::Publish(it)) => {
                    Ok(Happened::Message(Box::new(Message {
                        topic: String::from_utf8_lossy(&it.topic).into_owned(),
                        payload: it.payload.to_vec(),
                        receipt: Receipt::V5(it),
                    })))
                }
                _ => Ok(Happened::Other),
            },
        }
    }
}

impl MqttConfig {
    /// Host, port, and whether it is encrypted.
    pub(crate) fn address(&self) -> Result<(String, u16, bool), String> {
        let wrong = || format!("broker: {:?} is not mqtt://host:port or mqtts://host:port", self.broker);
        let url = reqwest::Url::parse(&self.broker).map_err(|_| wrong())?;
        let is_tls = match url.scheme() {
            "mqtt" => false,
            "mqtts" => true,
            _ => return Err(wrong()),
        };
        let host = url.host_str().filter(|it| !it.is_empty()).ok_or_else(wrong)?.to_owned();
        Ok((host, url.port().unwrap_or(if is_tls { 8883 } else { 1883 }), is_tls))
    }

    fn credentials(&self) -> Result<Option<(String, String)>, String> {
        let Some(user) = &self.username else { return Ok(None) };
        let password = match &self.password_file {
            None => self.password.clone().unwrap_or_default(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("password_file {}: {error}", path.display()))?
                .trim()
                .to_owned(),
        };
        Ok(Some((user.clone(), password)))
    }
}
