//! The JSON Schema of `rolecall.toml`, for editors that check and complete TOML.

use rolecall_core::options::row::{OptionRow, Shape};
use serde_json::{Map, Value, json};

use super::option_keys::{rows_of, sections};

/// The schema of the sections that are not options.
const SECTIONS: &str = include_str!("sections.schema.json");

/// The schema.
pub(crate) fn schema() -> Value {
    let mut properties = properties_of("");
    for section in sections() {
        let table = json!({
            "type": "object", "properties": properties_of(section), "additionalProperties": false,
        });
        properties.insert(section.to_owned(), table);
    }
    if let Ok(Value::Object(others)) = serde_json::from_str(SECTIONS) {
        properties.extend(others);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:rolecall:schema:configuration:1",
        "title": "rolecall.toml",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn properties_of(section: &str) -> Map<String, Value> {
    rows_of(section).map(|(key, row)| (key.to_owned(), property(row))).collect()
}

fn property(row: &OptionRow) -> Value {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let mut property = match row.shape {
        Shape::Text => json!({ "type": "string" }),
        Shape::Number => json!({ "type": "number" }),
        Shape::Switch => json!({ "type": "boolean" }),
        Shape::List | Shape::Ids | Shape::Arns | Shape::RoleArns => {
            json!({ "anyOf": [texts, { "type": "string" }] })
        }
        Shape::Pairs => {
            let table = json!({ "type": "object", "additionalProperties": { "type": "string" } });
            json!({ "anyOf": [table, texts, { "type": "string" }] })
        }
    };
    if let Some(property) = property.as_object_mut() {
        property.insert("description".to_owned(), row.help().into());
        if let Some(default) = (row.default)() {
            let default = if row.shape == Shape::Number { default.parse().ok() } else { None }
                .map_or_else(|| Value::from(default), |number: f64| json!(number));
            property.insert("default".to_owned(), default);
        }
    }
    property
}
