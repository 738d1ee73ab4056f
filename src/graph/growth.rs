//! How long a text an expression can make. The engine makes it before anyone can count it:
//! two `REPLACE` in each other are enough for gigabytes.

use spargebra::algebra::{Expression, Function};

use super::question::{Fault, not_allowed};
use super::tree::MAX_VALUE_BYTES;

/// Longest text that an expression may be able to make, in octets.
const MAX_TEXT_BYTES: usize = 32 * 1024 * 1024;

/// What numbers, dates and digests need, in octets.
const SHORT: usize = 256;

/// True for what searches by a pattern.
pub(super) fn is_regex(function: &Function) -> bool {
    matches!(function, Function::Regex | Function::Replace)
}

/// Refuses an expression that can make too long a text.
pub(super) fn check(expression: &Expression) -> Result<(), Fault> {
    if most(expression) <= MAX_TEXT_BYTES {
        return Ok(());
    }
    let message = format!("an expression could make a text of more than {MAX_TEXT_BYTES} bytes");
    Err(not_allowed(&message))
}

/// The most octets that an expression, or a part of it, can give.
fn most(expression: &Expression) -> usize {
    let sum = |parts: &[Expression]| parts.iter().map(most).fold(0, usize::saturating_add);
    match expression {
        Expression::NamedNode(node) => node.as_str().len(),
        Expression::Literal(literal) => literal.value().len(),
        Expression::Variable(_) => MAX_VALUE_BYTES,
        Expression::Bound(_) | Expression::Exists(_) => SHORT,
        Expression::FunctionCall(function, arguments) => match (function, &arguments[..]) {
            (Function::Replace, [text, _, replacement, ..]) => {
                // At each octet the replacement, in which what was found may stand again.
                let (text, replacement) = (most(text), most(replacement));
                text.saturating_add(1).saturating_mul(replacement.saturating_add(1) * 2)
            }
            (Function::EncodeForUri | Function::UCase | Function::LCase, [text, ..]) => {
                most(text).saturating_mul(3)
            }
            _ => sum(arguments).saturating_add(SHORT),
        },
        Expression::Coalesce(parts) => sum(parts),
        Expression::In(left, parts) => most(left).max(sum(parts)),
        Expression::If(a, b, c) => most(a).max(most(b)).max(most(c)),
        Expression::UnaryPlus(inner) | Expression::UnaryMinus(inner) | Expression::Not(inner) => {
            most(inner)
        }
        Expression::Or(left, right)
        | Expression::And(left, right)
        | Expression::Equal(left, right)
        | Expression::SameTerm(left, right)
        | Expression::Greater(left, right)
        | Expression::GreaterOrEqual(left, right)
        | Expression::Less(left, right)
        | Expression::LessOrEqual(left, right)
        | Expression::Add(left, right)
        | Expression::Subtract(left, right)
        | Expression::Multiply(left, right)
        | Expression::Divide(left, right) => most(left).max(most(right)),
    }
}
