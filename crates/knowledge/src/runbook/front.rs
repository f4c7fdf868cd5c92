//! What does a runbook say of itself? YAML between two lines of `---` at its begin.

use serde::Deserialize;

/// What stands above a runbook. Keys of other programs are left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FrontMatter {
    /// Its name; the first heading or the file's name without it.
    pub title: Option<String>,
    /// Services it is about.
    #[serde(alias = "service")]
    pub services: Names,
    /// Classes of fault it is about, as `bad_deploy`.
    #[serde(alias = "fault")]
    pub faults: Names,
    /// Whose it is; everybody's without it.
    pub tenant: Option<String>,
}

/// One name or a list of names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Names {
    /// Nothing.
    #[default]
    None,
    /// One, or several with commas.
    One(String),
    /// A list.
    Many(Vec<String>),
}

impl Names {
    /// The names.
    pub fn list(&self) -> Vec<String> {
        match self {
            Self::None => vec![],
            Self::One(text) => text.split(',').map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect(),
            Self::Many(names) => names.iter().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect(),
        }
    }
}

/// Splits a file into what stands above and the rest, with the number of lines above; a problem if it is not YAML.
pub fn parse(text: &str) -> (FrontMatter, &str, usize, Option<String>) {
    let without = |problem| (FrontMatter::default(), text, 0, problem);
    let Some(after) = text.strip_prefix("---\n").or_else(|| text.strip_prefix("---\r\n")) else { return without(None) };
    let mut at = 0;
    for (idx, line) in after.split_inclusive('\n').enumerate() {
        if matches!(line.trim_end(), "---" | "...") {
            let (above, rest) = (after.get(..at).unwrap_or(""), after.get(at + line.len()..).unwrap_or(""));
            return match serde_saphyr::from_str::<Option<FrontMatter>>(above) {
                Ok(front) => (front.unwrap_or_default(), rest, idx + 2, None),
                Err(error) => {
                    let first = error.to_string().lines().next().unwrap_or_default().to_owned();
                    (FrontMatter::default(), rest, idx + 2, Some(format!("its front matter is not YAML: {first}")))
                }
            };
        }
        at += line.len();
    }
    without(Some("its front matter has no end: a line of `---` is missing".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_alone_or_in_lists() {
        let (front, rest, n_lines, problem) = parse(
            "---\ntitle: Pools\nservices: [pay, orders]\nfault: pool_exhaustion, network\nowner: team-a\n---\n# A\n",
        );
        assert_eq!(front.title.as_deref(), Some("Pools"));
        assert_eq!(front.services.list(), ["pay", "orders"]);
        assert_eq!(front.faults.list(), ["pool_exhaustion", "network"]);
        assert_eq!((rest, n_lines, problem), ("# A\n", 6, None));
    }

    #[test]
    fn what_is_no_front_matter_is_told_and_the_text_stays() {
        assert_eq!(parse("# A\n").1, "# A\n");
        assert!(parse("---\ntitle: [\n---\nrest").3.unwrap().contains("not YAML"));
        let (_, rest, _, problem) = parse("---\ntitle: x\nno end");
        assert!(rest.starts_with("---") && problem.unwrap().contains("no end"));
        assert_eq!(parse("---\n---\nrest").1, "rest");
    }
}
