//! Values inside updates: yrs decodes them by recursion, so they are walked here first, with a bounded stack.

use crate::lib0::Reader;
use crate::limits::JSON_DEPTH_MAX;
use crate::{Limits, Malformed};

/// Walks one value of lib0's `Any` encoding; `budget` is the number of further values that the update may hold.
pub(super) fn skip_any(reader: &mut Reader<'_>, limits: &Limits, budget: &mut usize) -> Result<(), Malformed> {
    let depth_max = limits.json_depth.min(JSON_DEPTH_MAX);
    let mut open = [(0usize, false); JSON_DEPTH_MAX];
    let mut depth = 0;
    loop {
        spend(budget, 1)?;
        let children = match reader.byte()? {
            126 | 127 | 120 | 121 => None,
            125 => skip_integer(reader)?,
            124 => reader.take(4).map(|_| None)?,
            123 | 122 => reader.take(8).map(|_| None)?,
            119 => reader.string().map(|_| None)?,
            118 => Some((reader.count(2)?, true)),
            117 => Some((reader.count(1)?, false)),
            116 => reader.buffer().map(|_| None)?,
            _ => return Err(Malformed::Invalid("value: unknown type")),
        };
        if let Some(container) = children {
            if depth == depth_max {
                return Err(Malformed::Limit("levels of nested values"));
            }
            open[depth] = container;
            depth += 1;
        }
        while depth > 0 && open[depth - 1].0 == 0 {
            depth -= 1;
        }
        if depth == 0 {
            return Ok(());
        }
        let (left, keyed) = &mut open[depth - 1];
        *left -= 1;
        if *keyed {
            skip_key(reader, limits)?;
        }
    }
}

pub(super) fn skip_key(reader: &mut Reader<'_>, limits: &Limits) -> Result<(), Malformed> {
    if reader.string()?.len() > limits.key_bytes {
        return Err(Malformed::Limit("key bytes"));
    }
    Ok(())
}

/// Yjs writes only integers of 31 bits and a sign in this form: five bytes at most.
fn skip_integer<T>(reader: &mut Reader<'_>) -> Result<Option<T>, Malformed> {
    for _ in 0..5 {
        if reader.byte()? < 0x80 {
            return Ok(None);
        }
    }
    Err(Malformed::Number)
}

/// Checks a JSON text of bounded depth and returns its value.
pub(crate) fn check_json(text: &str, limits: &Limits, budget: &mut usize) -> Result<serde_json::Value, Malformed> {
    measure_json(text, limits, budget)?;
    let value = serde_json::from_str(text).map_err(|_| Malformed::Invalid("json"))?;
    if !numbers_fit(&value) {
        return Err(Malformed::Number);
    }
    Ok(value)
}

/// Bounds the depth and number of values before a recursive parser sees the text.
fn measure_json(text: &str, limits: &Limits, budget: &mut usize) -> Result<(), Malformed> {
    let (mut depth, mut values, mut in_string) = (0usize, 1usize, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => drop(bytes.next()),
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                values += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > limits.json_depth.min(JSON_DEPTH_MAX) {
            return Err(Malformed::Limit("levels of nested values"));
        }
    }
    spend(budget, values)
}

/// yrs has no integers above `i64::MAX`. Recursion is bounded by [`measure_json`].
fn numbers_fit(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(number) => !number.is_u64() || number.is_i64(),
        serde_json::Value::Array(values) => values.iter().all(numbers_fit),
        serde_json::Value::Object(values) => values.values().all(numbers_fit),
        _ => true,
    }
}

fn spend(budget: &mut usize, values: usize) -> Result<(), Malformed> {
    let left = budget.checked_sub(values);
    *budget = left.ok_or(Malformed::Limit("json values"))?;
    Ok(())
}
