//! Parameters that come as JSON, as the form that says the same.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The members of an object as the pairs of a form (`application/x-www-form-urlencoded`), in order of their names. Members
/// that are no text, number or truth value say nothing that any parameter could mean, and are left out.
pub fn as_form(text: &str) -> Result<String> {
    let members: Map<String, Value> = serde_json::from_str(text)
        .map_err(|cause| Error::invalid("the body is not an object of JSON").caused_by(cause))?;
    let pairs = members.iter().filter_map(|(name, value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(is) => u8::from(*is).to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        Some(format!("{}={}", encoded(name), encoded(&value)))
    });
    Ok(pairs.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(as_form(text).ok().as_deref(), expected, "{text}");
    }

    #[test]
    fn members_are_pairs() {
        check(
            r#"{"entryId":"0_x","format":"url","clipTo":5000,"x":1.5}"#,
            Some("clipTo=5000&entryId=0%5Fx&format=url&x=1%2E5"),
        );
        check(r#"{"disableCaptions":true,"a":false,"b":null,"c":[1],"d":{"e":1}}"#, Some("a=0&disableCaptions=1"));
        check(r#"{"ks":"a&b=c+d é"}"#, Some("ks=a%26b%3Dc%2Bd%20%C3%A9"));
        check("{}", Some(""));
        for bad in ["", "[]", "1", "{", r#"{"a":1}{"#, &"[".repeat(10_000)] {
            check(bad, None);
        }
    }
}
