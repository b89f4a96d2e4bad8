//! How often a validator looks at one node of a value, at most: a table by the node's depth, made before anybody checks a value.
//!
//! A validator follows references and alternatives anew wherever they stand. Where each of twenty definitions is `oneOf` the next one
//! twice, the last is looked at a million times for one value; where a filter is `oneOf` two kinds of lists of filters, each level
//! of nesting doubles the looks. Every keyword counts as if the value had a part for it.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use serde_json::{Map, Value};

use super::schema::Schemas;

/// No JSON is read that is deeper, with what it is wrapped in.
const MAX_DEPTH: usize = 130;

/// The longest chain of schemas that bear on one value; a longer one counts as endless.
const MAX_CHAIN: usize = 500;

/// The most steps to a table, some ten milliseconds; what would take more counts as endless.
const MAX_WORK: usize = 1_000_000;

/// How often one node is looked at, by its depth in the value: an entry for each.
pub(super) type Table = Vec<u64>;

/// The tables of a schema.
#[derive(Default)]
pub(super) struct Tables {
    /// To say whether a value fits.
    pub(super) verdict: Table,
    /// To say what is wrong with it.
    pub(super) faults: Table,
    /// Of those the looks within alternatives, whose faults are kept each with a copy of its part of the value.
    pub(super) kept: Table,
}

/// The tables of `schema`.
pub(super) fn tables(schema: &Value) -> Tables {
    let Value::Object(root) = schema else { return Tables::default() };
    let schemas = Schemas::whole(schema);
    let mut builder =
        Builder { schemas: &schemas, work: MAX_WORK, same: HashMap::new(), index: HashMap::new(), looks: Vec::new() };
    builder.build(root).unwrap_or_else(|Endless| {
        let endless = vec![u64::MAX; MAX_DEPTH + 1];
        Tables { verdict: endless.clone(), faults: endless.clone(), kept: endless }
    })
}

/// What a schema is looked at for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Aim {
    /// Whether the value fits.
    Verdict,
    /// What is wrong. Of alternatives it is asked first whether the value fits, then what is wrong with each.
    Faults,
    /// What is wrong, within alternatives.
    Kept,
    /// Which parts of the value a schema speaks of, for `unevaluatedProperties` and `unevaluatedItems`.
    Marks,
}

/// A schema, and what for.
#[derive(Clone, Copy)]
struct Look<'a> {
    keywords: &'a Map<String, Value>,
    aim: Aim,
}

type Key = (*const Map<String, Value>, Aim);

impl Look<'_> {
    fn key(&self) -> Key {
        (self.keywords, self.aim)
    }
}

/// What is looked at for one value, and how often.
type Same<'a> = Rc<Vec<(Look<'a>, u64)>>;

/// A look by its index, and how often it is made.
type Times = (usize, u64);

/// What is looked at for one part of a value.
type Part = Vec<Times>;

/// A look, compiled.
struct Compiled {
    /// The looks at the value itself.
    own: u64,
    /// Those of them that keep faults.
    kept: u64,
    /// For each part that the value may have.
    parts: Vec<Part>,
}

/// To count them would take too long.
struct Endless;

struct Builder<'s, 'a> {
    schemas: &'s Schemas<'a>,
    /// The steps that are left.
    work: usize,
    same: HashMap<Key, Same<'a>>,
    index: HashMap<Key, usize>,
    looks: Vec<Look<'a>>,
}

impl<'a> Builder<'_, 'a> {
    fn build(&mut self, keywords: &'a Map<String, Value>) -> Result<Tables, Endless> {
        let roots = [Aim::Verdict, Aim::Faults].map(|aim| self.index(Look { keywords, aim }));
        let mut compiled: Vec<Compiled> = Vec::new();
        while let Some(look) = self.looks.get(compiled.len()).copied() {
            compiled.push(self.compile(look)?);
        }
        let [verdict, faults] = self.levels(&compiled, roots, compiled.iter().map(|look| look.own));
        let [kept] = self.levels(&compiled, [roots[1]], compiled.iter().map(|look| look.kept));
        Ok(Tables { verdict, faults, kept })
    }

    /// The tables of these looks, where each is `own` for the value itself.
    fn levels<const N: usize>(
        &mut self,
        compiled: &[Compiled],
        roots: [usize; N],
        own: impl Iterator<Item = u64>,
    ) -> [Table; N] {
        // The most at any node down to some depth.
        let mut most: Vec<u64> = own.collect();
        let edges = compiled.iter().flat_map(|look| &look.parts).map(|part| part.len() + 1).sum();
        let mut tables = roots.map(|root| vec![most[root]]);
        for _ in 0..MAX_DEPTH {
            let below: Vec<u64> = compiled.iter().map(|look| look.below(&most)).collect();
            tables.iter_mut().zip(roots).for_each(|(table, root)| table.push(below[root]));
            let next: Vec<u64> = most.iter().zip(&below).map(|(most, below)| *most.max(below)).collect();
            if next == most {
                break;
            }
            most = next;
            if self.charge(edges).is_err() {
                tables.iter_mut().for_each(|table| table.push(u64::MAX));
                break;
            }
        }
        for table in &mut tables {
            let deepest = table.last().copied().unwrap_or_default();
            table.resize(MAX_DEPTH + 1, deepest);
        }
        tables
    }

    fn charge(&mut self, steps: usize) -> Result<(), Endless> {
        self.work = self.work.checked_sub(steps).ok_or(Endless)?;
        Ok(())
    }

    fn index(&mut self, look: Look<'a>) -> usize {
        *self.index.entry(look.key()).or_insert_with(|| {
            self.looks.push(look);
            self.looks.len() - 1
        })
    }

    fn compile(&mut self, look: Look<'a>) -> Result<Compiled, Endless> {
        let (same, _) = self.same(look, &mut Vec::new())?;
        let sum = |sum: u64, (_, times): &(Look<'_>, u64)| sum.saturating_add(*times);
        let own = same.iter().fold(0, sum);
        let kept = same.iter().filter(|(look, _)| look.aim == Aim::Kept).fold(0, sum);
        let mut parts = self.properties(&same)?;
        parts.extend(self.items(&same)?);
        Ok(Compiled { own, kept, parts })
    }

    /// All that is looked at for one value, and whether that is all (or was cut, as it is on its way to itself).
    fn same(&mut self, look: Look<'a>, way: &mut Vec<Key>) -> Result<(Same<'a>, bool), Endless> {
        let key = look.key();
        if let Some(known) = self.same.get(&key) {
            return Ok((known.clone(), true));
        }
        // The validator ends a circle when it is back at a reference, which may be in the second round.
        if way.iter().filter(|on_it| **on_it == key).count() == 2 {
            return Ok((Rc::new(vec![(look, 1)]), false));
        }
        if way.len() == MAX_CHAIN {
            return Err(Endless);
        }
        way.push(key);
        let mut all: Vec<(Look<'a>, u64)> = vec![(look, 1)];
        let mut at = HashMap::from([(key, 0)]);
        let mut whole = true;
        for member in self.members(look) {
            let (same, complete) = self.same(member, way)?;
            whole &= complete;
            self.charge(same.len() + way.len())?;
            for (look, times) in same.iter() {
                let at = *at.entry(look.key()).or_insert(all.len());
                match all.get_mut(at) {
                    Some((_, sum)) => *sum = sum.saturating_add(*times),
                    None => all.push((*look, *times)),
                }
            }
        }
        way.pop();
        let all = Rc::new(all);
        if whole {
            self.same.insert(key, all.clone());
        }
        Ok((all, whole))
    }

    /// What a look leads to for the same value.
    fn members(&self, look: Look<'a>) -> Vec<Look<'a>> {
        let aim = look.aim;
        let marks = aim == Aim::Marks;
        let mut members = Vec::new();
        let mut add = |schema: &'a Value, aims: &[Aim]| {
            let Value::Object(keywords) = schema else { return };
            members.extend(aims.iter().map(|aim| Look { keywords, aim: *aim }));
        };
        for (keyword, value) in look.keywords {
            match (keyword.as_str(), value) {
                ("$ref", Value::String(target)) => {
                    if let Some(target) = self.schemas.resolve(target) {
                        add(target, &[aim]);
                    }
                }
                ("allOf", Value::Array(list)) if !marks => list.iter().for_each(|part| add(part, &[aim])),
                ("allOf" | "anyOf" | "oneOf", Value::Array(list)) => {
                    list.iter().for_each(|part| add(part, alternative(aim)));
                }
                ("dependentSchemas", Value::Object(map)) => map.values().for_each(|part| add(part, &[aim])),
                ("if", part) if marks => add(part, alternative(aim)),
                ("not" | "if", part) if !marks => add(part, &[Aim::Verdict]),
                ("then" | "else", part) => add(part, &[aim]),
                _ => {}
            }
        }
        for keyword in ["unevaluatedProperties", "unevaluatedItems"] {
            if !marks && look.keywords.contains_key(keyword) {
                members.push(Look { aim: Aim::Marks, ..look });
            }
        }
        members
    }

    /// What is looked at for a property: for each name that is named, and for any other.
    fn properties(&mut self, same: &Same<'a>) -> Result<Vec<Part>, Endless> {
        let mut named: BTreeMap<&'a str, Part> = BTreeMap::new();
        // What is looked at for all names, and for those that its own schema does not name.
        let mut all = Part::new();
        let mut others: Vec<(&'a Map<String, Value>, Times)> = Vec::new();
        for (look, times) in same.iter() {
            let keywords = look.keywords;
            let each = |keyword| keywords.get(keyword).and_then(Value::as_object).into_iter().flatten();
            if look.aim != Aim::Marks {
                for (name, schema) in each("properties") {
                    named.entry(name).or_default().extend(self.part(Some(schema), look.aim, *times));
                }
                for (_, schema) in each("patternProperties") {
                    all.extend(self.part(Some(schema), look.aim, *times));
                }
                all.extend(self.part(keywords.get("propertyNames"), look.aim, *times));
                let more = self.part(keywords.get("additionalProperties"), look.aim, *times);
                others.extend(more.map(|look| (keywords, look)));
            }
            let more = self.part(keywords.get("unevaluatedProperties"), Aim::Verdict, *times);
            others.extend(more.map(|look| (keywords, look)));
        }
        self.charge(same.len() + (named.len() + 1) * (others.len() + all.len() + 1))?;
        for (name, part) in &mut named {
            let names = |by: &Map<String, Value>| by.get("properties").is_some_and(|named| named.get(*name).is_some());
            part.extend(others.iter().filter(|(by, _)| !names(by)).map(|(_, look)| *look));
            part.extend(&all);
        }
        all.extend(others.iter().map(|(_, look)| *look));
        Ok(named.into_values().chain([all]).collect())
    }

    /// What is looked at for an item: for each of the first that have schemas of their own, and for any other.
    fn items(&mut self, same: &Same<'a>) -> Result<Vec<Part>, Endless> {
        let first = |look: &Look<'a>| look.keywords.get("prefixItems").and_then(Value::as_array).map(Vec::as_slice);
        let longest = same.iter().filter_map(|(look, _)| first(look)).map(<[Value]>::len).max().unwrap_or_default();
        self.charge(same.len() * (longest + 1))?;
        let mut parts = vec![Part::new(); longest + 1];
        for (index, part) in parts.iter_mut().enumerate() {
            for (look, times) in same.iter() {
                let keyword = |name| look.keywords.get(name);
                if look.aim != Aim::Marks {
                    let item = first(look).and_then(|first| first.get(index)).or_else(|| keyword("items"));
                    part.extend(self.part(item, look.aim, *times));
                }
                part.extend(self.part(keyword("contains"), Aim::Verdict, *times));
                part.extend(self.part(keyword("unevaluatedItems"), Aim::Verdict, *times));
            }
        }
        Ok(parts)
    }

    /// The look at a part of the value.
    fn part(&mut self, schema: Option<&'a Value>, aim: Aim, times: u64) -> Option<Times> {
        let keywords = schema?.as_object()?;
        Some((self.index(Look { keywords, aim }), times))
    }
}

/// What each of some alternatives is looked at for.
fn alternative(aim: Aim) -> &'static [Aim] {
    match aim {
        Aim::Verdict => &[Aim::Verdict],
        Aim::Faults | Aim::Kept => &[Aim::Verdict, Aim::Kept],
        Aim::Marks => &[Aim::Verdict, Aim::Marks],
    }
}

impl Compiled {
    /// The most looks at one node below the value, where those at a part of it are `most`.
    fn below(&self, most: &[u64]) -> u64 {
        let sum = |part: &Part| {
            part.iter().fold(0, |sum: u64, (look, times)| sum.saturating_add(times.saturating_mul(most[*look])))
        };
        self.parts.iter().map(sum).max().unwrap_or_default()
    }
}
