//! Targeting documents: include and exclude lists by dimension, groups and bid modifiers.

use std::collections::BTreeMap;

use domain::Targeting;
use domain::limits::TARGETING_LIST_MAX;
use domain::targeting::{
    Dimension, Expression, FACTOR_PPM_MAX, FACTOR_PPM_MIN, GROUP_DEPTH_MAX, GROUP_NODES_MAX,
    MODIFIERS_MAX, Modifier, Rule, Values,
};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rules::Checker;

/// One value: a text, or a number where that is what it looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum ValueDoc {
    /// Such as an hour or an age.
    Number(u64),
    /// Anything else.
    Text(String),
}

impl ValueDoc {
    /// Hours are numbers where they can be; everything else is text.
    fn of(dimension: Dimension, value: &str) -> Self {
        let number = (dimension == Dimension::Hours).then(|| value.parse().ok());
        number
            .flatten()
            .map_or_else(|| Self::Text(value.to_owned()), Self::Number)
    }

    /// As text.
    pub fn into_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

/// One include / exclude rule; an empty include list allows every value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RuleDoc {
    /// Only these values, unless empty.
    pub include: Vec<ValueDoc>,
    /// Never these values.
    pub exclude: Vec<ValueDoc>,
}

/// A condition that joins others, such as `{"any":[{"is":{..}},{"not":{"is":{..}}}]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum GroupDoc {
    /// Each of them holds.
    #[cfg_attr(feature = "schema", schema(no_recursion))]
    All(Vec<GroupDoc>),
    /// One of them holds.
    #[cfg_attr(feature = "schema", schema(no_recursion))]
    Any(Vec<GroupDoc>),
    /// It does not hold.
    #[cfg_attr(feature = "schema", schema(no_recursion))]
    Not(Box<GroupDoc>),
    /// The request has one of these values.
    Is(IsDoc),
}

/// A condition on one dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct IsDoc {
    /// Its name, such as `countries`.
    pub dimension: String,
    /// One of these.
    pub values: Vec<ValueDoc>,
}

/// Bids more or less where the request has a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ModifierDoc {
    /// The dimension's name, such as `devices`.
    pub dimension: String,
    /// The value.
    pub value: ValueDoc,
    /// The factor in millionths: 1500000 bids half as much again.
    pub factor_ppm: i64,
}

/// Where a line item may deliver; every dimension must pass, and one left out passes everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetingDoc {
    /// By dimension; in JSON each is a field with the dimension's name.
    pub rules: BTreeMap<Dimension, RuleDoc>,
    /// Must hold as well.
    pub groups: Option<GroupDoc>,
    /// Factors on the bid.
    pub modifiers: Vec<ModifierDoc>,
}

impl TargetingDoc {
    /// The rule of a dimension.
    pub fn rule_mut(&mut self, dimension: Dimension) -> &mut RuleDoc {
        self.rules.entry(dimension).or_default()
    }

    pub(super) fn check(self, checker: &mut Checker) -> Targeting {
        let mut targeting = Targeting::default();
        for (dimension, rule) in self.rules {
            let field = format!("targeting.{}", dimension.name());
            let mut list = |side: &str, entries: Vec<ValueDoc>| {
                values(checker, (&format!("{field}.{side}"), dimension), entries)
            };
            let include = list("include", rule.include);
            let exclude = list("exclude", rule.exclude);
            targeting.set(dimension, Rule { include, exclude });
        }
        targeting.groups = self.groups.and_then(|group| check_groups(group, checker));
        checker.length("targeting.modifiers", self.modifiers.len(), MODIFIERS_MAX);
        let modifiers = self.modifiers.into_iter().take(MODIFIERS_MAX).enumerate();
        targeting.modifiers = modifiers
            .filter_map(|(at, one)| one.check(&format!("targeting.modifiers[{at}]"), checker))
            .collect();
        targeting
    }
}

fn values(
    checker: &mut Checker,
    (field, dimension): (&str, Dimension),
    entries: Vec<ValueDoc>,
) -> Values {
    checker.length(field, entries.len(), TARGETING_LIST_MAX);
    let entries = entries.into_iter().map(ValueDoc::into_text).collect();
    let rule = dimension.syntax().rule();
    let accepted = checker.list(field, entries, rule, |value: String| {
        dimension.accepts(&value).then_some(value)
    });
    accepted.into_iter().collect()
}

fn check_groups(group: GroupDoc, checker: &mut Checker) -> Option<Box<Expression>> {
    let field = "targeting.groups";
    if group.depth(0) > GROUP_DEPTH_MAX {
        let rule = format!("must nest at most {GROUP_DEPTH_MAX} deep");
        checker.ensure(false, field, &rule);
        return None;
    }
    let expression = group.check(field, checker)?;
    let nodes = expression.extent().1;
    let rule = format!("must have at most {GROUP_NODES_MAX} conditions");
    checker.ensure(nodes <= GROUP_NODES_MAX, field, &rule);
    Some(Box::new(expression))
}

impl GroupDoc {
    /// How deep it nests; looks no deeper than what is refused anyway.
    fn depth(&self, above: usize) -> usize {
        let own = above + 1;
        if own > GROUP_DEPTH_MAX {
            return own;
        }
        match self {
            Self::All(parts) | Self::Any(parts) => {
                let depths = parts.iter().map(|part| part.depth(own));
                depths.max().unwrap_or(own)
            }
            Self::Not(part) => part.depth(own),
            Self::Is(_) => own,
        }
    }

    fn check(self, field: &str, checker: &mut Checker) -> Option<Expression> {
        let mut parts = |word: &str, parts: Vec<Self>| {
            let field = format!("{field}.{word}");
            checker.ensure(!parts.is_empty(), &field, "must have at least one entry");
            let parts = parts.into_iter().enumerate();
            parts
                .filter_map(|(at, part)| part.check(&format!("{field}[{at}]"), checker))
                .collect()
        };
        match self {
            Self::All(list) => Some(Expression::All(parts("all", list))),
            Self::Any(list) => Some(Expression::Any(parts("any", list))),
            Self::Not(part) => {
                let part = part.check(&format!("{field}.not"), checker)?;
                Some(Expression::Not(Box::new(part)))
            }
            Self::Is(is) => {
                let field = format!("{field}.is");
                let dimension = known(&is.dimension, &field, checker)?;
                let field = format!("{field}.values");
                checker.ensure(
                    !is.values.is_empty(),
                    &field,
                    "must have at least one entry",
                );
                let values = values(checker, (&field, dimension), is.values);
                Some(Expression::Is(dimension, values))
            }
        }
    }
}

impl ModifierDoc {
    fn check(self, field: &str, checker: &mut Checker) -> Option<Modifier> {
        let dimension = known(&self.dimension, field, checker)?;
        let value = self.value.into_text();
        let rule = dimension.syntax().rule();
        checker.ensure(dimension.accepts(&value), &format!("{field}.value"), rule);
        checker.ensure(
            (FACTOR_PPM_MIN..=FACTOR_PPM_MAX).contains(&self.factor_ppm),
            &format!("{field}.factor_ppm"),
            "must be 100000 (a tenth) to 10000000 (ten times)",
        );
        Some(Modifier {
            dimension,
            value: value.into(),
            factor_ppm: self.factor_ppm,
        })
    }
}

fn known(name: &str, field: &str, checker: &mut Checker) -> Option<Dimension> {
    let dimension = Dimension::from_name(name);
    checker.ensure(
        dimension.is_some(),
        &format!("{field}.dimension"),
        "must be a dimension's name, such as countries",
    );
    dimension
}

impl From<&Targeting> for TargetingDoc {
    fn from(targeting: &Targeting) -> Self {
        let rules = targeting.rules().map(|(dimension, rule)| {
            let include = documents(dimension, &rule.include);
            let exclude = documents(dimension, &rule.exclude);
            (dimension, RuleDoc { include, exclude })
        });
        let modifiers = targeting.modifiers.iter().map(|one| ModifierDoc {
            dimension: one.dimension.name().to_owned(),
            value: ValueDoc::of(one.dimension, &one.value),
            factor_ppm: one.factor_ppm,
        });
        Self {
            rules: rules.collect(),
            groups: targeting.groups.as_deref().map(GroupDoc::from),
            modifiers: modifiers.collect(),
        }
    }
}

fn documents(dimension: Dimension, values: &Values) -> Vec<ValueDoc> {
    let values = values.iter();
    values.map(|one| ValueDoc::of(dimension, one)).collect()
}

impl From<&Expression> for GroupDoc {
    fn from(expression: &Expression) -> Self {
        let all = |parts: &[Expression]| parts.iter().map(Self::from).collect();
        match expression {
            Expression::All(parts) => Self::All(all(parts)),
            Expression::Any(parts) => Self::Any(all(parts)),
            Expression::Not(part) => Self::Not(Box::new(part.as_ref().into())),
            Expression::Is(dimension, values) => Self::Is(IsDoc {
                dimension: dimension.name().to_owned(),
                values: documents(*dimension, values),
            }),
        }
    }
}

impl Serialize for TargetingDoc {
    /// Writes what restricts anything.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let open = RuleDoc::default();
        for (dimension, rule) in self.rules.iter().filter(|(_, rule)| **rule != open) {
            map.serialize_entry(dimension.name(), rule)?;
        }
        if let Some(groups) = &self.groups {
            map.serialize_entry("groups", groups)?;
        }
        if !self.modifiers.is_empty() {
            map.serialize_entry("modifiers", &self.modifiers)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for TargetingDoc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = TargetingDoc;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("targeting by dimension")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TargetingDoc, A::Error> {
        let mut doc = TargetingDoc::default();
        while let Some(field) = map.next_key::<String>()? {
            match (field.as_str(), Dimension::from_name(&field)) {
                ("groups", _) => doc.groups = map.next_value()?,
                ("modifiers", _) => doc.modifiers = map.next_value()?,
                (_, Some(dimension)) => {
                    if doc.rules.insert(dimension, map.next_value()?).is_some() {
                        return Err(A::Error::custom(format!("duplicate field `{field}`")));
                    }
                }
                _ => return Err(A::Error::custom(format!("unknown field `{field}`"))),
            }
        }
        doc.rules.retain(|_, rule| *rule != RuleDoc::default());
        Ok(doc)
    }
}

#[cfg(feature = "schema")]
mod schema {
    use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Schema};
    use utoipa::openapi::{Ref, RefOr};
    use utoipa::{PartialSchema, ToSchema};

    use super::{Dimension, GroupDoc, ModifierDoc, RuleDoc, TargetingDoc};

    impl PartialSchema for TargetingDoc {
        fn schema() -> RefOr<Schema> {
            let about = "Where a line item may deliver; every dimension must pass, and one left out passes everything.";
            let mut object = ObjectBuilder::new().description(Some(about));
            for dimension in Dimension::ALL {
                let about = format!(
                    "{}. A value {}.",
                    dimension.label(),
                    dimension.syntax().rule()
                );
                let mut rule = Ref::from_schema_name("RuleDoc");
                rule.description = about;
                object = object.property(dimension.name(), rule);
            }
            let modifiers = ArrayBuilder::new().items(Ref::from_schema_name("ModifierDoc"));
            object
                .property("groups", Ref::from_schema_name("GroupDoc"))
                .property("modifiers", modifiers)
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
                .into()
        }
    }

    impl ToSchema for TargetingDoc {
        fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
            schemas.push(("RuleDoc".to_owned(), RuleDoc::schema()));
            schemas.push(("GroupDoc".to_owned(), GroupDoc::schema()));
            schemas.push(("ModifierDoc".to_owned(), ModifierDoc::schema()));
            RuleDoc::schemas(schemas);
            GroupDoc::schemas(schemas);
            ModifierDoc::schemas(schemas);
        }
    }
}
