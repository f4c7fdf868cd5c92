//! Which series are compared with each other, and does one stand apart?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use signal::{GroupKind, GroupStatus};

use crate::app::App;
use crate::error::Error;
use crate::parameters::{Ask, Page, given};

/// Which groups.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupQuery {
    /// Words that occur in the labels of the group or of a member.
    #[serde(rename = "match")]
    pub wanted: Option<String>,
    /// Only this kind.
    pub kind: Option<GroupKind>,
    /// Only groups of which a member is apart.
    pub apart: Option<bool>,
    /// Items at most.
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// `GET /sentinel/v1/groups`.
pub async fn list(State(app): State<Arc<App>>, Ask(query): Ask<GroupQuery>) -> Result<Json<Page<GroupStatus>>, Error> {
    app.ask(move |app| find(app, &query)).await.map(Json)
}

/// One page of groups; those with a member apart come first.
pub fn find(app: &App, query: &GroupQuery) -> Result<Page<GroupStatus>, Error> {
    let words: Vec<String> = given(&query.wanted).unwrap_or("").split_whitespace().map(str::to_lowercase).collect();
    let mut groups = app.ports.groups.groups();
    groups.retain(|it| {
        let fits =
            query.kind.is_none_or(|kind| kind == it.kind) && query.apart.is_none_or(|apart| apart == is_apart(it));
        let members = it.members.iter().map(|it| &it.labels);
        let names: Vec<String> = members.chain([&it.labels]).map(|it| it.to_string().to_lowercase()).collect();
        fits && words.iter().all(|word| names.iter().any(|name| name.contains(word)))
    });
    groups.sort_by_key(|it| !is_apart(it));
    Page::of(groups, given(&query.cursor), app.limit(query.limit)?)
}

/// True if one of its members is told of.
pub fn is_apart(group: &GroupStatus) -> bool {
    group.members.iter().any(|it| it.is_apart)
}
