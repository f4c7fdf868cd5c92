//! Where may requests with a key go? To an address without secrets in it, and over TLS or on this machine.

use reqwest::Url;

/// What is wrong with a base address.
pub fn problem(text: &str) -> Option<&'static str> {
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Some("must begin with http:// or https://");
    }
    let Ok(url) = Url::parse(text) else { return Some("is no address") };
    if !url.username().is_empty() || url.password().is_some() {
        return Some("must not hold a user or password");
    }
    (url.query().is_some() || url.fragment().is_some()).then_some("must end with its path, without ? and #")
}

/// True if nobody between here and there can read what is sent.
pub fn is_private(text: &str) -> bool {
    Url::parse(text).is_ok_and(|it| it.scheme() == "https") || is_loopback(text)
}

/// True for an address on this machine.
pub fn is_loopback(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// True if the text can stand in a path as it is.
pub fn is_path_segment(text: &str) -> bool {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_');
    !text.is_empty() && text.chars().all(is_plain) && !text.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tls_and_this_machine_are_private() {
        for url in ["https://api.example.com/v1", "http://127.0.0.1:8000", "http://localhost/v1", "http://[::1]:1"] {
            assert!(is_private(url), "{url}");
        }
        for url in ["http://10.0.0.7/v1", "http://localhost.example.com", "http://127.0.0.1.example.com", "no"] {
            assert!(!is_private(url), "{url}");
        }
    }
}
