//! What a query may be made of, looked for in its tree; and small changes of the tree, by
//! which the meter sees everything that the engine holds.

use std::collections::BTreeSet;

use oxrdf::{Literal, Variable};
use spargebra::algebra::{
    AggregateExpression, AggregateFunction, Expression, GraphPattern, OrderExpression,
    PropertyPathExpression,
};
use spargebra::term::{NamedNodePattern, TermPattern};

use super::growth;
use super::question::{Fault, not_allowed};

/// Longest text that expressions compute with, in octets. A description has some hundreds.
pub(super) const MAX_VALUE_BYTES: usize = 64 * 1024;

/// Variables, and nodes without a name: each row has a place for all of them.
const MAX_VARIABLES: usize = 64;

/// Aggregates: each group holds all of them.
const MAX_AGGREGATES: usize = 16;

/// `REGEX` and `REPLACE`: each may take three megabytes.
const MAX_REGEXES: usize = 16;

/// Triples, paths, lists of values, and groups without any: the engine tries which to join
/// first, and that takes the third power of their number.
const MAX_PARTS: usize = 64;

/// How deep groups and expressions may stand in each other: each level takes up to 32 kB of
/// the engine's stack. `a || b || c` has two levels, one for each operator.
const MAX_DEPTH: usize = 512;

/// Longest separator of `GROUP_CONCAT`, in octets: it is there once for each row.
const MAX_SEPARATOR_BYTES: usize = 64;

/// What was found in a tree.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Variables, and nodes without a name.
    names: BTreeSet<String>,
    aggregates: usize,
    regexes: usize,
    depth: usize,
    parts: usize,
    /// True when an aggregate keeps the texts that it is given.
    pub(super) keeps_texts: bool,
    marks: usize,
}

impl Tree {
    /// Looks through the pattern of a query, which is all of it.
    ///
    /// # Errors
    /// What in it is not allowed.
    pub(super) fn read(query: &mut GraphPattern) -> Result<Tree, Fault> {
        let mut tree = Tree::default();
        tree.pattern(query, true)?;
        if has_outer_graph(query, false) {
            return Err(not_allowed("GRAPH may only stand inside another group"));
        }
        if tree.names.len() > MAX_VARIABLES {
            return Err(not_allowed(&format!("it has more than {MAX_VARIABLES} variables")));
        }
        if tree.parts > MAX_PARTS {
            return Err(not_allowed(&format!("it has more than {MAX_PARTS} triples and groups")));
        }
        if tree.aggregates > MAX_AGGREGATES {
            return Err(not_allowed(&format!("it has more than {MAX_AGGREGATES} aggregates")));
        }
        if tree.regexes > MAX_REGEXES {
            let message = format!("it has more than {MAX_REGEXES} REGEX and REPLACE");
            return Err(not_allowed(&message));
        }
        Ok(tree)
    }

    /// What a term in a row counts, in octets: a row may hold one alone and have all its
    /// places, and a group its aggregates.
    pub(super) fn price(&self) -> usize {
        const ROW: usize = 40;
        const PLACE: usize = 16;
        const AGGREGATE: usize = 150;
        ROW + PLACE * (self.names.len() + self.marks) + AGGREGATE * self.aggregates
    }

    fn name(&mut self, variable: &Variable) {
        self.names.insert(variable.as_str().to_owned());
    }

    /// True when there is a variable.
    fn term(&mut self, term: &TermPattern) -> bool {
        match term {
            TermPattern::Variable(variable) => self.name(variable),
            TermPattern::BlankNode(node) => {
                self.names.insert(node.to_string());
            }
            TermPattern::NamedNode(_) | TermPattern::Literal(_) => return false,
        }
        true
    }

    fn named(&mut self, node: &NamedNodePattern) -> bool {
        match node {
            NamedNodePattern::Variable(variable) => self.name(variable),
            NamedNodePattern::NamedNode(_) => return false,
        }
        true
    }

    /// A variable of our own: no query can have one of this name.
    fn fresh(&mut self) -> Variable {
        self.marks += 1;
        Variable::new_unchecked(format!("suq {}", self.marks))
    }

    /// Gives every row of a pattern a value: rows without any would not be counted.
    fn mark(&mut self, pattern: &mut GraphPattern) -> Variable {
        let variable = self.fresh();
        let inner = std::mem::take(pattern);
        let expression = Literal::from(true).into();
        let marked = variable.clone();
        *pattern = GraphPattern::Extend { inner: Box::new(inner), variable: marked, expression };
        variable
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(not_allowed(&format!("it is more than {MAX_DEPTH} levels deep")));
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: &mut GraphPattern, outermost: bool) -> Result<(), Fault> {
        self.deeper()?;
        self.parts_of_pattern(pattern, outermost)?;
        self.depth -= 1;
        Ok(())
    }

    /// What has rows of its own.
    fn leaf(&mut self, pattern: &mut GraphPattern) -> Result<(), Fault> {
        let has_values = match pattern {
            GraphPattern::Bgp { patterns } => {
                self.parts += patterns.len().max(1);
                let mut has_variable = false;
                for triple in patterns.iter() {
                    has_variable |= self.term(&triple.subject);
                    has_variable |= self.named(&triple.predicate);
                    has_variable |= self.term(&triple.object);
                }
                has_variable
            }
            GraphPattern::Path { subject, path, object } => {
                self.parts += 1;
                self.path(path)?;
                self.term(subject) | self.term(object)
            }
            GraphPattern::Values { variables, bindings } => {
                self.parts += 1;
                variables.iter().for_each(|variable| self.name(variable));
                bindings.iter().all(|row| row.iter().any(Option::is_some))
            }
            _ => true,
        };
        if !has_values {
            self.mark(pattern);
        }
        Ok(())
    }

    fn parts_of_pattern(
        &mut self,
        pattern: &mut GraphPattern,
        outermost: bool,
    ) -> Result<(), Fault> {
        match pattern {
            GraphPattern::Bgp { .. } | GraphPattern::Path { .. } | GraphPattern::Values { .. } => {
                self.leaf(pattern)?;
            }
            GraphPattern::Join { left, right }
            | GraphPattern::Lateral { left, right }
            | GraphPattern::Union { left, right }
            | GraphPattern::Minus { left, right } => {
                self.pattern(left, false)?;
                self.pattern(right, false)?;
            }
            GraphPattern::LeftJoin { left, right, expression } => {
                self.pattern(left, false)?;
                self.pattern(right, false)?;
                expression.as_mut().map(|expression| self.expression(expression)).transpose()?;
            }
            GraphPattern::Filter { expr, inner } => {
                self.expression(expr)?;
                self.pattern(inner, outermost)?;
            }
            GraphPattern::Graph { name, inner } => {
                self.named(name);
                self.pattern(inner, false)?;
            }
            GraphPattern::Extend { inner, variable, expression } => {
                self.name(variable);
                self.expression(expression)?;
                self.pattern(inner, outermost)?;
            }
            GraphPattern::OrderBy { inner, expression } => {
                for OrderExpression::Asc(by) | OrderExpression::Desc(by) in expression {
                    self.expression(by)?;
                }
                self.pattern(inner, outermost)?;
            }
            GraphPattern::Project { inner, variables } => {
                variables.iter().for_each(|variable| self.name(variable));
                self.pattern(inner, false)?;
                if !outermost {
                    variables.push(self.mark(inner));
                }
            }
            GraphPattern::Distinct { inner }
            | GraphPattern::Reduced { inner }
            | GraphPattern::Slice { inner, .. } => self.pattern(inner, outermost)?,
            GraphPattern::Group { inner, variables, aggregates } => {
                variables.iter().for_each(|variable| self.name(variable));
                self.pattern(inner, false)?;
                for (variable, aggregate) in aggregates {
                    self.name(variable);
                    self.aggregate(aggregate, inner)?;
                }
            }
            GraphPattern::Service { .. } => {
                return Err(not_allowed("no other service is asked"));
            }
        }
        Ok(())
    }

    fn path(&mut self, path: &PropertyPathExpression) -> Result<(), Fault> {
        self.deeper()?;
        match path {
            PropertyPathExpression::NamedNode(_)
            | PropertyPathExpression::NegatedPropertySet(_) => {}
            PropertyPathExpression::Reverse(inner)
            | PropertyPathExpression::ZeroOrMore(inner)
            | PropertyPathExpression::OneOrMore(inner)
            | PropertyPathExpression::ZeroOrOne(inner) => self.path(inner)?,
            PropertyPathExpression::Sequence(a, b) | PropertyPathExpression::Alternative(a, b) => {
                self.path(a)?;
                self.path(b)?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn aggregate(
        &mut self,
        aggregate: &mut AggregateExpression,
        inner: &mut Box<GraphPattern>,
    ) -> Result<(), Fault> {
        self.aggregates += 1;
        let AggregateExpression::FunctionCall { name, expr, distinct } = aggregate else {
            return Ok(());
        };
        if let AggregateFunction::GroupConcat { separator: Some(separator) } = name
            && separator.len() > MAX_SEPARATOR_BYTES
        {
            let message = format!("a separator has more than {MAX_SEPARATOR_BYTES} bytes");
            return Err(not_allowed(&message));
        }
        self.expression(expr)?;
        let keeps = match name {
            AggregateFunction::Count | AggregateFunction::Sum | AggregateFunction::Avg => *distinct,
            _ => true,
        };
        if keeps && !matches!(expr, Expression::Variable(_)) {
            // What it keeps is a value of the row then, and counted as one.
            let variable = self.fresh();
            let expression = std::mem::replace(expr, variable.clone().into());
            let within = Box::new(std::mem::take(&mut **inner));
            **inner = GraphPattern::Extend { inner: within, variable, expression };
        }
        self.keeps_texts |= keeps && *name != AggregateFunction::Count;
        Ok(())
    }

    /// Looks through an expression, and at how long a text it can make.
    fn expression(&mut self, expression: &mut Expression) -> Result<(), Fault> {
        self.parts(expression)?;
        growth::check(expression)
    }

    fn parts(&mut self, expression: &mut Expression) -> Result<(), Fault> {
        self.deeper()?;
        match expression {
            Expression::Variable(variable) | Expression::Bound(variable) => self.name(variable),
            Expression::NamedNode(_) | Expression::Literal(_) => {}
            Expression::Exists(pattern) => self.pattern(pattern, false)?,
            Expression::FunctionCall(function, arguments) => {
                self.regexes += usize::from(growth::is_regex(function));
                arguments.iter_mut().try_for_each(|argument| self.parts(argument))?;
            }
            Expression::Coalesce(parts) => {
                parts.iter_mut().try_for_each(|part| self.parts(part))?;
            }
            Expression::In(left, parts) => {
                self.parts(left)?;
                parts.iter_mut().try_for_each(|part| self.parts(part))?;
            }
            Expression::If(a, b, c) => {
                self.parts(a)?;
                self.parts(b)?;
                self.parts(c)?;
            }
            Expression::UnaryPlus(inner)
            | Expression::UnaryMinus(inner)
            | Expression::Not(inner) => self.parts(inner)?,
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
            | Expression::Divide(left, right) => {
                self.parts(left)?;
                self.parts(right)?;
            }
        }
        self.depth -= 1;
        Ok(())
    }
}

/// True when `GRAPH` is a part of the outermost group, as far as the tree tells: a group in
/// a group that says nothing else is the same. What is optional, one of several ways, or
/// in a query of its own is inside.
fn has_outer_graph(pattern: &GraphPattern, is_inside: bool) -> bool {
    match pattern {
        GraphPattern::Graph { .. } => true,
        GraphPattern::Project { inner, .. } => !is_inside && has_outer_graph(inner, true),
        GraphPattern::Join { left, right } | GraphPattern::Lateral { left, right } => {
            has_outer_graph(left, true) || has_outer_graph(right, true)
        }
        GraphPattern::LeftJoin { left, .. } | GraphPattern::Minus { left, .. } => {
            has_outer_graph(left, true)
        }
        GraphPattern::Filter { inner, .. }
        | GraphPattern::Extend { inner, .. }
        | GraphPattern::Group { inner, .. }
        | GraphPattern::OrderBy { inner, .. }
        | GraphPattern::Distinct { inner }
        | GraphPattern::Reduced { inner }
        | GraphPattern::Slice { inner, .. } => has_outer_graph(inner, is_inside),
        GraphPattern::Bgp { .. }
        | GraphPattern::Path { .. }
        | GraphPattern::Union { .. }
        | GraphPattern::Values { .. }
        | GraphPattern::Service { .. } => false,
    }
}
