//! Which kinds of secrets are there? Made up at run time, so that no file of this repository looks as if it held any.
//!
//! In a pattern `|` stands for nothing, `<U16>` for sixteen characters of a sort: `U` upper case and digits, `A` letters
//! and digits, `H` hexadecimal, `D` digits, `B` base64. What stands between `<` and `>` must not be seen afterwards.

/// One kind.
pub struct Kind {
    pub name: &'static str,
    /// Its name where it is only known by that; empty if it is known by itself.
    pub key: &'static str,
    pub pattern: &'static str,
}

const fn itself(name: &'static str, pattern: &'static str) -> Kind {
    Kind { name, key: "", pattern }
}

const fn named(name: &'static str, key: &'static str, pattern: &'static str) -> Kind {
    Kind { name, key, pattern }
}

/// A value of a pattern, and its secret parts.
pub fn made(pattern: &str, seed: u64) -> (String, Vec<String>) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let (mut value, mut parts) = (String::new(), vec![]);
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('<') {
        value.push_str(&before.replace('|', ""));
        let (sort, behind) = after.split_once('>').expect("a pattern is closed");
        let (sort, length) = sort.split_at(1);
        let letters: &[u8] = match sort {
            "U" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            "H" => b"0123456789abcdef",
            "D" => b"0123456789",
            "B" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
            _ => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        };
        let mut part = String::new();
        // The first is a digit, as secrets have one by far in most cases.
        for idx in 0..length.parse::<usize>().expect("a pattern has a length") {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let digit = if sort == "U" { b'7' } else { b'4' };
            let letter = if idx == 1 { digit } else { letters[(state >> 33) as usize % letters.len()] };
            part.push(char::from(letter));
        }
        value.push_str(&part);
        parts.push(part);
        rest = behind;
    }
    value.push_str(&rest.replace('|', ""));
    parts.retain(|it| it.len() >= 6);
    (value, parts)
}

#[rustfmt::skip]
pub const KINDS: &[Kind] = &[
    // Clouds.
    itself("aws_access_key_id", "AK|IA<U16>"),
    itself("aws_temporary_key_id", "AS|IA<U16>"),
    itself("aws_key_pair_of_csv", "AK|IA<U16>,<A40>"),
    itself("aws_bedrock_key", "AB|SK<A109>="),
    named("aws_secret_access_key", "aws_secret_access_key", "<B40>"),
    named("aws_session_token", "AWS_SESSION_TOKEN", "<B200>=="),
    named("aws_presigned_signature", "X-Amz-Signature", "<H64>"),
    itself("google_api_key", "AI|za<A35>"),
    itself("google_oauth_token", "ya|29.<A60>"),
    itself("google_client_secret", "GOC|SPX-<A28>"),
    itself("google_refresh_token", "1/|/0<A60>"),
    named("google_oauth_code", "code", "4/|0<A60>"),
    named("gcp_private_key_id", "private_key", "-----BEGIN PRI|VATE KEY-----\\n<B64>\\n<B64>\\n-----END PRI|VATE KEY-----\\n"),
    named("azure_storage_key", "AccountKey", "<B86>=="),
    named("azure_service_bus_key", "SharedAccessKey", "<B43>="),
    named("azure_sas_signature", "sig", "<A43>%3D"),
    itself("azure_client_secret", "aB1|8Q~<A34>"),
    named("azure_client_secret_by_name", "AZURE_CLIENT_SECRET", "<A34>"),
    named("azure_devops_token", "AZURE_DEVOPS_EXT_PAT_TOKEN", "<A52>"),
    itself("alibaba_key", "LT|AI<A20>"),
    itself("tencent_key", "AK|ID<A32>"),
    itself("yandex_key", "AQ|VN<A38>"),
    named("ibm_cloud_key", "IBMCLOUD_API_KEY", "<A44>"),
    itself("digitalocean_token", "dop|_v1_<H64>"),
    itself("heroku_key", "HRKU|-<H8>-<H8>-<H8>-<H12>"),
    itself("netlify_token", "nfp|_<A40>"),
    itself("fly_token", "fo1|_<A43>"),
    itself("supabase_key", "sbp|_<H40>"),
    itself("planetscale_password", "pscale|_pw_<A43>"),
    named("cloudflare_token", "CLOUDFLARE_API_TOKEN", "<A40>"),
    itself("cloudflare_origin_key", "v1|.0-<H24>-<H146>"),
    named("fastly_key", "Fastly-Key", "<A32>"),
    itself("tailscale_key", "tskey|-auth-<A12>CNTRL-<A24>"),
    // Code hosts, packages, builds.
    itself("github_token", "gh|p_<A36>"),
    itself("github_app_token", "gh|s_<A36>"),
    itself("github_fine_grained_token", "github|_pat_<A22>_<A59>"),
    itself("gitlab_token", "gl|pat-<A20>"),
    itself("gitlab_runner_token", "gl|rt-<A20>"),
    itself("bitbucket_password", "AT|BB<A32>"),
    itself("atlassian_token", "AT|ATT3<A180>=<H8>"),
    itself("npm_token", "np|m_<A36>"),
    named("npmrc_auth_token", "_authToken", "<H8>-<H12>-<H12>"),
    itself("pypi_token", "pypi|-AgEIcHlwaS5vcmc<A120>"),
    itself("docker_token", "dckr|_pat_<A27>"),
    named("docker_config_auth", "auth", "<B40>=="),
    itself("rubygems_key", "rubygems|_<H48>"),
    itself("crates_token", "ci|o<A32>"),
    itself("nuget_key", "oy|2<A43>"),
    itself("artifactory_key", "AK|Cp<A69>"),
    itself("sonar_token", "sq|p_<H40>"),
    itself("pulumi_token", "pul|-<H40>"),
    itself("terraform_token", "<A14>.atlas|v1.<A64>"),
    itself("postman_key", "PMA|K-<H24>-<H34>"),
    named("travis_token", "TRAVIS_API_TOKEN", "<A22>"),
    named("circleci_token", "Circle-Token", "<H40>"),
    // Chat, tickets, mail, paging.
    itself("slack_bot_token", "xo|xb-<D12>-<D13>-<A24>"),
    itself("slack_user_token", "xo|xp-<D12>-<D12>-<D12>-<H32>"),
    itself("slack_app_token", "xa|pp-1-A<U10>-<D13>-<H64>"),
    itself("slack_webhook", "https://hooks.sl|ack.com/services/T<U8>/B<U8>/<A24>"),
    named("slack_signing_secret", "SLACK_SIGNING_SECRET", "<H32>"),
    itself("discord_webhook", "https://disc|ord.com/api/webhooks/<D18>/<A68>"),
    named("discord_bot_token", "DISCORD_BOT_TOKEN", "<A24>.<A6>.<A38>"),
    itself("teams_webhook", "https://acme.web|hook.office.com/webhookb2/<H32>@<H32>/IncomingWebhook/<H32>"),
    itself("telegram_bot_token", "<D9>:A|A<A33>"),
    itself("firebase_key", "AP|A91b<A134>"),
    named("twilio_auth_token", "TWILIO_AUTH_TOKEN", "<H32>"),
    itself("twilio_key", "S|K<H32>"),
    itself("sendgrid_key", "S|G.<A22>.<A43>"),
    itself("mailgun_key", "key|-<H32>"),
    named("mailchimp_key", "MAILCHIMP_API_KEY", "<H32>-us14"),
    itself("brevo_key", "xkey|sib-<H64>-<A16>"),
    named("pagerduty_routing_key", "routing_key", "<H32>"),
    named("opsgenie_key", "Authorization", "Genie|Key <H8>-<H12>-<H12>"),
    itself("linear_key", "lin|_api_<A40>"),
    itself("notion_token", "nt|n_<A46>"),
    itself("figma_token", "fi|gd_<A40>"),
    itself("airtable_token", "pa|t<A14>.<H64>"),
    // Payment.
    itself("stripe_key", "sk|_live_<A24>"),
    itself("stripe_test_key", "sk|_test_<A24>"),
    itself("stripe_restricted_key", "rk|_live_<A24>"),
    itself("stripe_webhook_secret", "wh|sec_<A32>"),
    itself("square_token", "sq0|atp-<A22>"),
    itself("square_access_token", "EA|AA<A60>"),
    itself("braintree_token", "access_to|ken$production$<A16>$<H32>"),
    itself("shopify_token", "sh|pat_<H32>"),
    itself("razorpay_key", "rzp|_live_<A14>"),
    itself("plaid_token", "access|-production-<H8>-<H12>-<H16>"),
    named("paypal_secret", "PAYPAL_CLIENT_SECRET", "<A80>"),
    // Models.
    itself("openai_key", "s|k-<A48>"),
    itself("openai_project_key", "s|k-proj-<A48>"),
    itself("anthropic_key", "s|k-ant-api03-<A93>AA"),
    itself("huggingface_token", "h|f_<A34>"),
    itself("replicate_token", "r|8_<A37>"),
    itself("groq_key", "gs|k_<A52>"),
    itself("perplexity_key", "pp|lx-<A48>"),
    itself("xai_key", "xa|i-<A80>"),
    itself("databricks_token", "da|pi<H32>"),
    named("cohere_key", "COHERE_API_KEY", "<A40>"),
    // Watching, secrets.
    named("datadog_api_key", "DD-API-KEY", "<H32>"),
    named("datadog_app_key", "DD_APPLICATION_KEY", "<H40>"),
    itself("newrelic_key", "NR|AK-<U27>"),
    itself("grafana_token", "gl|sa_<A32>_<H8>"),
    itself("grafana_cloud_token", "gl|c_<A80>="),
    itself("sentry_token", "sn|trys_<A80>"),
    itself("sentry_dsn", "https://<H32>@o123.ingest.sentry.io/456"),
    itself("dynatrace_token", "dt0|c01.<U24>.<U64>"),
    itself("vault_token", "hv|s.<A90>"),
    named("vault_token_header", "X-Vault-Token", "s.<A24>"),
    itself("doppler_token", "dp.|pt.<A43>"),
    itself("onepassword_token", "ops|_eyJ<A200>"),
    itself("age_key", "AGE-SEC|RET-KEY-1<U58>"),
    named("consul_token", "CONSUL_HTTP_TOKEN", "<H8>-<H12>-<H12>"),
    // Tokens of the web, of clusters.
    itself("jwt", "ey|J<A30>.ey|J<A60>.<A43>"),
    named("kubernetes_token", "token", "ey|J<A30>.ey|J<A200>.<A86>"),
    named("kubeconfig_key", "client-key-data", "<B200>=="),
    named("kubernetes_secret_of_yaml", "db-password", "<B20>=="),
    named("oauth_client_secret", "client_secret", "<A32>"),
    named("oauth_access_token", "access_token", "<A64>"),
    named("oauth_refresh_token", "refresh_token", "<A64>"),
    named("oidc_id_token", "id_token", "<A64>"),
    named("pkce_verifier", "code_verifier", "<A64>"),
    named("csrf_token", "csrf_token", "<A32>"),
    named("bearer", "Authorization", "Bearer <A32>"),
    named("basic", "Authorization", "Basic <A24>=="),
    named("bare_authorization", "Authorization", "<A32>"),
    named("aws_signature", "Authorization", "AWS4-HMAC-SHA256 Credential=x/y, SignedHeaders=host, Signature=<H64>"),
    named("okta_token", "Authorization", "SSWS 00<A40>"),
    named("proxy_authorization", "Proxy-Authorization", "Basic <A24>=="),
    named("cookie", "Cookie", "theme=dark; sid=<A32>; csrftoken=<A24>"),
    named("set_cookie", "Set-Cookie", "sid=<A32>. Path=/"),
    named("java_session", "JSESSIONID", "<U32>"),
    named("php_session", "PHPSESSID", "<A26>"),
    named("express_session", "connect.sid", "s%3A<A32>.<A43>"),
    named("django_session", "sessionid", "<A32>"),
    // Keys of machines.
    itself("rsa_key", "-----BEGIN RSA PRI|VATE KEY-----\n<B64>\n<B64>\n-----END RSA PRI|VATE KEY-----"),
    itself("ec_key", "-----BEGIN EC PRI|VATE KEY-----\n<B64>\n-----END EC PRI|VATE KEY-----"),
    itself("openssh_key", "-----BEGIN OPENSSH PRI|VATE KEY-----\n<B70>\n<B70>\n-----END OPENSSH PRI|VATE KEY-----"),
    itself("pgp_key", "-----BEGIN PGP PRI|VATE KEY BLOCK-----\n\n<B64>\n=<A4>\n-----END PGP PRI|VATE KEY BLOCK-----"),
    itself("key_without_end", "-----BEGIN PRI|VATE KEY-----\n<B64>\n<B64>"),
    itself("escaped_key", "-----BEGIN PRI|VATE KEY-----\\n<B64>\\n<B64>\\n-----END PRI|VATE KEY-----"),
    itself("password_hash", "$2b$10$<A53>"),
    itself("shadow_hash", "$6$saltsalt$<A86>"),
    // Databases and passwords.
    itself("postgres_address", "postgres://app:<A16>@db.example:5432/shop"),
    itself("mysql_address", "mysql://app:<A16>@db.example/shop"),
    itself("mongodb_address", "mongodb+srv://app:<A16>@cluster0.example.mongodb.net/shop"),
    itself("redis_address", "redis://:<A16>@cache.example:6379/0"),
    itself("amqp_address", "amqp://app:<A16>@mq.example:5672/%2f"),
    itself("basic_auth_address", "https://app:<A16>@example.org/x"),
    itself("token_in_address", "https://<A40>@git.example.org/x.git"),
    named("ado_connection", "Pwd", "<A16>"),
    named("jdbc_password", "password", "<A16>"),
    named("password_of_letters", "password", "swordfish<A6>"),
    named("database_password", "DB_PASSWORD", "<A12>!#"),
    named("pgpassword", "PGPASSWORD", "<A12>"),
    named("mysql_pwd", "MYSQL_PWD", "<A12>"),
    named("redis_password", "requirepass", "<A24>"),
    named("wifi_key", "wpa_psk", "<A16>"),
    named("django_secret", "SECRET_KEY", "<A50>"),
    named("rails_secret", "secret_key_base", "<H128>"),
    named("ansible_password", "ansible_become_pass", "<A16>"),
    named("passphrase", "passphrase", "<A16>"),
    named("any_api_key", "x-api-key", "<A24>"),
    named("encryption_key", "ENCRYPTION_KEY", "<H64>"),
    named("webhook_secret", "webhook_secret", "<A24>"),
    named("signature_of_address", "signature", "<H64>"),
    named("license_key", "license_key", "<U5>-<U8>-<U8>-<U8>"),
];
