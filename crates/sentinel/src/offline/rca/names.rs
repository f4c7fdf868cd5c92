//! Which service does a pod belong to? `ts-auth-service-7f8d7d756d-k7b9j` is one of `ts-auth-service`.

/// Letters and digits of the random parts of pod names: Kubernetes leaves vowels and look-alikes out of the last part.
const LETTERS: &str = "bcdfghjklmnpqrstvwxz2456789";

/// The name of the Deployment or DaemonSet that a pod's name begins with, or the name itself.
pub fn service(name: &str) -> String {
    let name = name.trim();
    let mut parts: Vec<&str> = name.split('-').collect();
    let is_random = |part: &str| part.len() == 5 && part.chars().all(|it| LETTERS.contains(it));
    let is_hash = |part: &str| {
        (6..=10).contains(&part.len())
            && part.chars().all(|it| it.is_ascii_hexdigit() || LETTERS.contains(it))
            && part.chars().any(|it| it.is_ascii_digit())
    };
    if parts.len() >= 3 && parts.last().is_some_and(|it| is_random(it)) {
        let n_kept = parts.len() - 1;
        if parts.get(n_kept - 1).is_some_and(|it| is_hash(it)) {
            parts.truncate(n_kept - 1);
            return parts.join("-");
        }
    }
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_belong_to_their_deployment() {
        for (pod, expected) in [
            ("ts-auth-service-7f8d7d756d-k7b9j", "ts-auth-service"),
            ("ts-verification-code-service-7b6dc75c45-2z9p2", "ts-verification-code-service"),
            ("carts-db", "carts-db"),
            ("front-end", "front-end"),
            ("node-exporter-x7x2p", "node-exporter-x7x2p"),
        ] {
            assert_eq!(service(pod), expected);
        }
    }
}
