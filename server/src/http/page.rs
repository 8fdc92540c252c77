//! Paged lists.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::validate::Validate;
use crate::{
    directory::{self, Position},
    http::error::ApiError,
    services::Services,
};

const LIMIT_DEFAULT: u8 = 50;
const LIMIT_MAX: u8 = 100;
const QUERY_CHARS_MAX: usize = 200;

/// A page of a list, and the cursor of the next one.
#[derive(Serialize, ToSchema)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// The `cursor` of the next page; null at the end.
    #[schema(required)]
    pub(super) next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A list that is always returned whole.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }

    /// A page of the directory.
    pub(super) fn of<U: Into<T>>(page: directory::Page<U>) -> Self {
        let next_cursor = page.next.map(|next| format!("{:x}.{}", next.at, next.id.simple()));
        Self { items: page.items.into_iter().map(Into::into).collect(), next_cursor }
    }
}

/// The parameters of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// The largest number of items.
    #[param(minimum = 1, maximum = 100, default = 50, value_type = Option<u32>)]
    limit: Option<String>,
}

/// The parameter that searches a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Searching {
    /// Part of a name or title, in any case.
    #[serde(default)]
    #[param(required = false)]
    query: String,
}

/// The requested part of a list.
pub(super) struct Asked {
    pub(super) query: String,
    pub(super) after: Option<Position>,
    pub(super) limit: u8,
}

impl FromRequestParts<Services> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Services) -> Result<Self, ApiError> {
        let Query(Paging { cursor, limit }) =
            Query::try_from_uri(&parts.uri).map_err(|_| ApiError::field("cursor", "or the limit is given twice"))?;
        let Query(Searching { query }) =
            Query::try_from_uri(&parts.uri).map_err(|_| ApiError::field("query", "is given twice"))?;
        // Some clients send parameters without a value.
        let [cursor, limit] = [cursor, limit].map(|given| given.filter(|value| !value.is_empty()));
        let limit = match limit {
            None => LIMIT_DEFAULT,
            Some(limit) => limit
                .parse()
                .ok()
                .filter(|limit| (1..=LIMIT_MAX).contains(limit))
                .ok_or_else(|| ApiError::field("limit", "is not between 1 and 100"))?,
        };
        let mut validate = Validate::default();
        validate.check(query.chars().count() <= QUERY_CHARS_MAX, "query", "is too long");
        validate.done()?;
        let after = match cursor {
            None => None,
            Some(cursor) => Some(position(&cursor).ok_or_else(|| ApiError::field("cursor", "is none of ours"))?),
        };
        Ok(Self { query, after, limit })
    }
}

fn position(cursor: &str) -> Option<Position> {
    let (at, id) = cursor.split_once('.')?;
    Some(Position { at: i64::from_str_radix(at, 16).ok()?, id: id.parse().ok()? })
}
