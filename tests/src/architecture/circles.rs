//! Circles of imports between the files of a crate.
//!
//! A file depends on another when its product code writes a path that ends at an item which the other defines. Names
//! that are handed on are looked through: `pub use` is no dependency of its own, nor is `mod x;`. Like the laws, it
//! reads tokens and no types: a method that a child gives to its parent's type makes no circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::modules::{self, Module};

/// One file's dependency on another of its crate. Files are relative to the source folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// The file that writes the path.
    pub from: String,
    /// The file that defines what the path ends at.
    pub to: String,
    /// What it ends at.
    pub item: String,
    /// Line of the first such path.
    pub line: usize,
}

/// Every dependency between two files of a crate, once for each item.
///
/// # Panics
///
/// When the tree cannot be read as Rust: then nothing is known about it.
pub fn dependencies(source: &Path) -> Vec<Dependency> {
    let modules = modules::read(source);
    let names = Names::of(&modules);
    let mut found: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    for module in &modules {
        for written in module.paths.iter().filter(|path| !path.is_test) {
            if written.import.as_ref().is_some_and(|import| import.is_forwarded) {
                continue;
            }
            let place = [names.root_of(&module.name), written.within.as_slice()].concat();
            let Some(Target::Item { file, item }) = names.resolve(&place, &written.segments, DEPTH) else {
                continue;
            };
            if file != module.file {
                let line = found.entry((module.file.clone(), file, item)).or_insert(written.line);
                *line = written.line.min(*line);
            }
        }
    }
    let dependency = |((from, to, item), line)| Dependency { from, to, item, line };
    found.into_iter().map(dependency).collect()
}

/// The circles among dependencies: each is a set of files that all reach each other.
pub fn circles(dependencies: &[Dependency]) -> Vec<BTreeSet<&str>> {
    let mut graph: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for dependency in dependencies {
        graph.entry(&dependency.from).or_default().insert(&dependency.to);
    }
    let reach: BTreeMap<&str, BTreeSet<&str>> = graph.keys().map(|file| (*file, reached(&graph, file))).collect();
    let mut circles: Vec<BTreeSet<&str>> = Vec::new();
    for (file, from_here) in &reach {
        if !from_here.contains(file) || circles.iter().any(|circle| circle.contains(file)) {
            continue;
        }
        let returns = |other: &&str| reach.get(other).is_some_and(|back| back.contains(file));
        circles.push(from_here.iter().copied().filter(returns).collect());
    }
    circles
}

/// Every file that can be reached from one, itself only by a circle.
fn reached<'file>(graph: &BTreeMap<&'file str, BTreeSet<&'file str>>, start: &'file str) -> BTreeSet<&'file str> {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(file) = open.pop() {
        for next in graph.get(file).into_iter().flatten() {
            if seen.insert(*next) {
                open.push(*next);
            }
        }
    }
    seen
}

/// Longest chain of names that are handed on. A circle of `pub use` would otherwise have no end.
const DEPTH: usize = 16;

/// Where a path leads inside of the crate.
#[derive(Debug)]
enum Target {
    Module(Vec<String>),
    Item { file: String, item: String },
}

/// What each module of a crate calls by name.
struct Names {
    scopes: BTreeMap<Vec<String>, Scope>,
    /// What the crate's root is called by `modules`: nothing for a library, `main` for a program without one.
    is_program: bool,
}

#[derive(Default)]
struct Scope {
    file: String,
    items: BTreeSet<String>,
    /// Name in scope, and the path that it stands for.
    imports: Vec<(String, Vec<String>)>,
    modules: BTreeSet<String>,
}

impl Names {
    fn of(modules: &[Module]) -> Self {
        let mut names = Self {
            scopes: BTreeMap::new(),
            is_program: !modules.iter().any(|module| module.name.is_empty()),
        };
        for module in modules {
            let place = names.root_of(&module.name).to_vec();
            names.scope(&place, &module.file);
            for item in &module.items {
                let around = [place.as_slice(), item.within.as_slice()].concat();
                if item.is_inline_module {
                    let inner = [around.as_slice(), std::slice::from_ref(&item.name)].concat();
                    names.scope(&inner, &module.file);
                } else {
                    names.scope(&around, &module.file).items.insert(item.name.clone());
                }
            }
            for written in &module.paths {
                if let Some(import) = &written.import {
                    let around = [place.as_slice(), written.within.as_slice()].concat();
                    let scope = names.scope(&around, &module.file);
                    scope.imports.push((import.name.clone(), written.segments.clone()));
                }
            }
        }
        for place in names.scopes.keys().cloned().collect::<Vec<_>>() {
            if let Some((name, around)) = place.split_last()
                && let Some(scope) = names.scopes.get_mut(around)
            {
                scope.modules.insert(name.clone());
            }
        }
        names
    }

    fn scope(&mut self, place: &[String], file: &str) -> &mut Scope {
        self.scopes.entry(place.to_vec()).or_insert_with(|| Scope {
            file: file.to_owned(),
            ..Scope::default()
        })
    }

    fn root_of<'name>(&self, module: &'name [String]) -> &'name [String] {
        if self.is_program && module == ["main"] {
            &[]
        } else {
            module
        }
    }

    fn resolve(&self, place: &[String], written: &[String], depth: usize) -> Option<Target> {
        let depth = depth.checked_sub(1)?;
        let (first, rest) = written.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Vec::new(),
            "self" => place.to_vec(),
            "super" => place.split_last()?.1.to_vec(),
            name => match self.name(place, name, depth)? {
                Target::Module(module) => module,
                item @ Target::Item { .. } => return Some(item),
            },
        };
        for segment in rest {
            match segment.as_str() {
                "self" => {}
                "super" => drop(at.pop()),
                // What a star brings in is named where it is used, or not at all: it depends on what the module
                // defines.
                "*" => {
                    let scope = self.scopes.get(&at)?;
                    return (!scope.items.is_empty()).then(|| Target::Item {
                        file: scope.file.clone(),
                        item: "*".to_owned(),
                    });
                }
                name => match self.name(&at, name, depth)? {
                    Target::Module(module) => at = module,
                    item @ Target::Item { .. } => return Some(item),
                },
            }
        }
        Some(Target::Module(at))
    }

    /// What a module calls by this name.
    fn name(&self, place: &[String], name: &str, depth: usize) -> Option<Target> {
        let scope = self.scopes.get(place)?;
        if scope.items.contains(name) {
            return Some(Target::Item {
                file: scope.file.clone(),
                item: name.to_owned(),
            });
        }
        let import = scope.imports.iter().find(|(own, _)| own == name);
        // A name that is imported as itself, `use stream::Core` beside `mod stream`, begins with the module.
        if let Some((_, path)) = import
            && path.first().is_none_or(|first| first != name)
        {
            return self.resolve(place, path, depth);
        }
        if scope.modules.contains(name) {
            return Some(Target::Module([place, &[name.to_owned()]].concat()));
        }
        let stars = scope.imports.iter().filter(|(own, _)| own == "*");
        let mut targets = stars.filter_map(|(_, path)| match self.resolve(place, &path[..path.len() - 1], depth)? {
            Target::Module(module) => self.name(&module, name, depth.checked_sub(1)?),
            Target::Item { .. } => None,
        });
        targets.next()
    }
}
