//! The fields of a form.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use axum::{
    Form,
    extract::{FromRequest, Request},
};

use crate::api::problem::{Answer, Problem};

/// What a form brought. A field that is empty counts as absent.
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Reads them; how long a form may be says the router.
    pub(super) async fn read(request: Request) -> Answer<Self> {
        let form = Form::<Vec<(String, String)>>::from_request(request, &()).await;
        let Form(pairs) = form.map_err(|refused| Problem::of_status(refused.status()).caused_by(refused))?;
        Ok(Self(pairs.into_iter().map(|(name, value)| (name, value.trim().to_owned())).collect()))
    }

    /// A field as text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A field that may be absent.
    pub(super) fn optional<T>(&self, name: &str) -> Answer<Option<T>>
    where
        T: FromStr<Err: Display>,
    {
        self.text(name).map(str::parse).transpose().map_err(|error| Problem::wrong_field(name, error))
    }

    /// A field that must be there.
    pub(super) fn required<T>(&self, name: &str) -> Answer<T>
    where
        T: FromStr<Err: Display>,
    {
        self.optional(name)?.ok_or_else(|| Problem::wrong_field(name, "this is missing"))
    }
}
