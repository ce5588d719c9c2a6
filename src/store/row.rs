//! Reading rows: every column that is not what drover writes is an error that names it.

use std::{fmt::Display, str::FromStr};

use serde::de::DeserializeOwned;
use sqlx::{Row, any::AnyRow};

use super::StoreError;

/// Reads the columns of one row.
#[derive(Clone, Copy)]
pub(super) struct Columns<'r> {
    row: &'r AnyRow,
    table: &'static str,
}

impl<'r> Columns<'r> {
    pub(super) fn of(table: &'static str, row: &'r AnyRow) -> Self {
        Self { row, table }
    }

    fn corrupt(&self, column: &'static str, detail: impl Display) -> StoreError {
        StoreError::Corrupt { table: self.table, column, detail: detail.to_string() }
    }

    pub(super) fn number(&self, column: &'static str) -> Result<i64, StoreError> {
        self.row.try_get(column).map_err(|error| self.corrupt(column, error))
    }

    pub(super) fn optional_number(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        self.row.try_get(column).map_err(|error| self.corrupt(column, error))
    }

    pub(super) fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        self.number(column).map(|number| number != 0)
    }

    pub(super) fn text(&self, column: &'static str) -> Result<String, StoreError> {
        self.row.try_get(column).map_err(|error| self.corrupt(column, error))
    }

    pub(super) fn optional_text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        self.row.try_get(column).map_err(|error| self.corrupt(column, error))
    }

    /// A number of a narrower type.
    pub(super) fn narrow<T: TryFrom<i64, Error: Display>>(&self, column: &'static str) -> Result<T, StoreError> {
        T::try_from(self.number(column)?).map_err(|error| self.corrupt(column, error))
    }

    /// A text with a form: an id, a state.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<T, StoreError> {
        self.text(column)?.parse().map_err(|error| self.corrupt(column, error))
    }

    pub(super) fn optional_parsed<T: FromStr<Err: Display>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let parse = |text: String| text.parse().map_err(|error| self.corrupt(column, error));
        self.optional_text(column)?.map(parse).transpose()
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(&self.text(column)?).map_err(|error| self.corrupt(column, error))
    }

    pub(super) fn optional_json<T: DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        let parse = |text: String| serde_json::from_str(&text).map_err(|error| self.corrupt(column, error));
        self.optional_text(column)?.map(parse).transpose()
    }

    /// A name that serde gives an enum's variant, stored bare.
    pub(super) fn named<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        from_name(self.text(column)?).map_err(|error| self.corrupt(column, error))
    }

    pub(super) fn optional_named<T: DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        let parse = |text| from_name(text).map_err(|error| self.corrupt(column, error));
        self.optional_text(column)?.map(parse).transpose()
    }
}

fn from_name<T: DeserializeOwned>(name: String) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::Value::String(name))
}

/// The name that serde gives an enum's variant.
pub(super) fn name_of(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        other => unreachable!("the enums that are stored have names, this is {other:?}"),
    }
}

/// A value as the text that is stored.
pub(super) fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("what is stored has string keys only, so it is JSON")
}
